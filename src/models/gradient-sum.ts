import { add, type Tensor } from '@tensorflow/tfjs-core';

/**
 * Derivatives by tensors, summed over the places where each is used. Like those of any operation, its tensors belong to
 * the surrounding scope, which frees what is not taken.
 */
export class GradientSum {
  readonly #sums = new Map<Tensor, Tensor>();

  /** Adds derivatives, which must not be used separately afterwards; `undefined` stands for zero. */
  add(by: readonly Tensor[], gradients: readonly (Tensor | undefined)[]): void {
    for (const [index, parameter] of by.entries()) {
      const gradient = gradients[index];
      if (gradient === undefined) continue;
      const before = this.#sums.get(parameter);
      this.#sums.set(parameter, before === undefined ? gradient : add(before, gradient));
      if (before === undefined) continue;
      before.dispose();
      gradient.dispose();
    }
  }

  /** Hands over the derivative by a tensor; `undefined` if it was not used. */
  take(parameter: Tensor): Tensor | undefined {
    const gradient = this.#sums.get(parameter);
    this.#sums.delete(parameter);
    return gradient;
  }
}
