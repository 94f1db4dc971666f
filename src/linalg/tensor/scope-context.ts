/** Which scope is open where the program is now. `scope-context.node.ts` and `scope-context.web.ts` make it. */
export interface ScopeContext<Scope> {
  /** Returns the innermost scope that is open; `undefined` if there is none. */
  current(): Scope | undefined;
  /** Returns the same, as the owner of a tensor that is being allocated. */
  owner(): Scope | undefined;
  /** Runs a computation in a scope: until it returns or, if it gives a promise, until that settles. */
  run<Result>(scope: Scope, compute: () => Result): Result;
}
