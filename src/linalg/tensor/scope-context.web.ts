import { BackendError } from '../../core/errors.js';
import type { ScopeContext } from './scope-context.js';

/** A scope that was entered, above the one that was open then. */
interface Entered<Scope> {
  readonly scope: Scope;
  readonly below: Entered<Scope> | undefined;
  /** Number of tensors that had been given to a scope of the stack before. */
  readonly given: number;
  left: boolean;
}

/**
 * Makes a context for where nobody tells which asynchronous computation goes on after an `await`: one stack of scopes
 * for all of them. A computation that awaits stays on the stack until it has finished, so that those that begin
 * meanwhile have to be parts of it and finish before it does. One that finishes with another still above it has taken
 * turns with that one, on whose account its tensors may have gone: it is refused if there are any. Computations that
 * only wait for numbers, such as the norms of several components, may finish in any order.
 */
export function createScopeContext<Scope>(): ScopeContext<Scope> {
  let top: Entered<Scope> | undefined;
  let given = 0;

  /** @returns true unless a tensor was given away since something was entered that is still open. */
  const leave = (entered: Entered<Scope>): boolean => {
    let [above, inTurn] = [top, true];
    for (; above !== undefined && above !== entered; above = above.below) inTurn &&= above.given === given;
    entered.left = true;
    while (top?.left === true) top = top.below;
    return inTurn;
  };

  return {
    current: () => top?.scope,
    owner() {
      given++;
      return top?.scope;
    },
    run<Result>(scope: Scope, compute: () => Result): Result {
      const entered: Entered<Scope> = { scope, below: top, given, left: false };
      top = entered;
      let result: Result;
      try {
        result = compute();
      } catch (error) {
        leave(entered);
        throw error;
      }
      if (!(result instanceof Promise)) {
        leave(entered);
        return result;
      }
      return result.then(
        (value) => {
          if (!leave(entered)) throw interleaved();
          return value;
        },
        (error: unknown) => {
          if (!leave(entered)) throw interleaved(error);
          throw error;
        },
      ) as Result;
    },
  };
}

function interleaved(cause?: unknown): BackendError {
  return new BackendError(
    'tensorAlgebra: expected asynchronous computations on tensors to run one after another, since only Node.js, Deno and Bun tell whose turn it is, ' +
      'but another began before this one had finished; await the first, or run one of them in a worker',
    { cause },
  );
}
