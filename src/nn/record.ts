/**
 * Vector–Jacobian products that can be taken later and piece by piece. TensorFlow.js's `grads` needs the upstream
 * gradient at once, keeps every intermediate gradient to the end, and then loses its tape. The tape here can wait, and
 * frees what it saved as it is walked back.
 */

import { add, clone, type Tensor, type TensorContainer, tidy } from '@tensorflow/tfjs-core';
import { NotImplementedError } from '../core/errors.js';
import { onTape, type TapeNode } from '../linalg/tensor/tensorflow-internals.js';

/** The result of a computation, and the tape for its gradient. */
export interface Recording {
  /** Result of the computation. */
  readonly value: Tensor;
  /**
   * Computes Σ_y ȳ ∂y/∂x for each input x, and frees the tape.
   *
   * @param upstream - ȳ, of the value's shape; the caller keeps it.
   * @param inputs - the tensors to differentiate by, among those the computation used. No other gradients are computed.
   * @returns new tensors of the inputs' shapes; `undefined` if the value does not depend on the input.
   * @throws NotImplementedError if an operation on the way has no gradient.
   */
  pullback(upstream: Tensor, inputs: readonly Tensor[]): (Tensor | undefined)[];
  /** Frees the tape without a pullback. The value stays. */
  dispose(): void;
}

/**
 * Runs a computation and keeps what its gradient needs.
 *
 * @param compute - uses operations that have gradients; its temporaries are freed.
 */
export function record(compute: () => Tensor): Recording {
  const tape: TapeNode[] = [];
  let value: Tensor;
  try {
    value = onTape(tape, () => tidy(compute));
  } catch (error) {
    release(tape);
    throw error;
  }
  return {
    value,
    pullback(upstream, inputs) {
      try {
        return walkBack(tape, value, upstream, inputs);
      } finally {
        release(tape);
      }
    },
    dispose: () => release(tape),
  };
}

function walkBack(tape: readonly TapeNode[], value: Tensor, upstream: Tensor, inputs: readonly Tensor[]): (Tensor | undefined)[] {
  const wanted = new Set(inputs.map(({ id }) => id));
  const reachable = reachableFrom(wanted, tape);
  const gradients = new Map<number, Tensor>();
  if (reachable.has(value.id)) gradients.set(value.id, clone(upstream));
  try {
    for (let index = tape.length - 1; index >= 0; index--) {
      const node = tape[index];
      passBack(node, reachable, gradients);
      for (const { id } of node.outputs) {
        if (wanted.has(id)) continue;
        gradients.get(id)?.dispose();
        gradients.delete(id);
      }
      release([node]);
    }
  } catch (error) {
    for (const gradient of gradients.values()) gradient.dispose();
    throw error;
  }
  return inputs.map(({ id }, index) => {
    const gradient = gradients.get(id);
    // An input given twice gets a tensor of its own each time.
    const again = inputs.findIndex((other) => other.id === id) < index;
    return gradient === undefined || !again ? gradient : clone(gradient);
  });
}

/** Adds the contribution of a node to the gradients of its inputs. */
function passBack(node: TapeNode, reachable: ReadonlySet<number>, gradients: Map<number, Tensor>): void {
  const names = Object.keys(node.inputs).filter((name) => reachable.has(node.inputs[name]?.id));
  const above = node.outputs.map(({ id }) => gradients.get(id));
  if (names.length === 0 || above.every((gradient) => gradient === undefined)) return;
  const results = gradientsOf(node, above, names);
  for (const [position, name] of names.entries()) accumulate(gradients, node.inputs[name].id, results[position]);
}

/** Returns the given tensors and all that depend on them. */
function reachableFrom(ids: ReadonlySet<number>, tape: readonly TapeNode[]): ReadonlySet<number> {
  const reachable = new Set(ids);
  for (const { inputs, outputs } of tape) {
    if (Object.values(inputs).some((input: Tensor | undefined) => input !== undefined && reachable.has(input.id))) {
      for (const { id } of outputs) reachable.add(id);
    }
  }
  return reachable;
}

function gradientsOf(
  { kernelName, gradient, saved }: TapeNode,
  above: readonly (Tensor | undefined)[],
  names: readonly string[],
): Tensor[] {
  if (gradient === undefined) {
    throw new NotImplementedError(
      `record: expected operations with gradients, got ${kernelName}, which has none; use other operations, or customGrad`,
    );
  }
  const compute = (): Tensor[] => {
    // An output that was not used further has no upstream gradient; the node then takes zeros.
    const rules = gradient(above as Tensor[]);
    // A rule may return its argument, or one tensor for two inputs, but each result is freed on its own.
    const others = new Set<Tensor | undefined>([...above, ...(saved ?? [])]);
    return names.map((name) => {
      const result = rules[name]();
      const fresh = others.has(result) ? clone(result) : result;
      others.add(fresh);
      return fresh;
    });
  };
  return tidy(compute as () => TensorContainer) as Tensor[];
}

function accumulate(gradients: Map<number, Tensor>, id: number, gradient: Tensor): void {
  const before = gradients.get(id);
  if (before === undefined) {
    gradients.set(id, gradient);
    return;
  }
  gradients.set(id, add(before, gradient));
  before.dispose();
  gradient.dispose();
}

function release(tape: readonly TapeNode[]): void {
  for (const { saved } of tape) for (const tensor of saved ?? []) if (!tensor.isDisposed) tensor.dispose();
}
