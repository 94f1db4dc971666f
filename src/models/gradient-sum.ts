import { add, type Tensor } from '@tensorflow/tfjs-core';

/**
 * Derivatives by tensors, summed over the places where each is used. Its tensors belong to the scope around it, as
 * those of any operation do: what is not taken is freed there.
 */
export class GradientSum {
  readonly #sums = new Map<Tensor, Tensor>();

  /** Adds derivatives, which are not to be used any more by themselves; `undefined` stands for zero. */
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

  /** The derivative by a tensor, handed over; `undefined` where it was not used. */
  take(parameter: Tensor): Tensor | undefined {
    const gradient = this.#sums.get(parameter);
    this.#sums.delete(parameter);
    return gradient;
  }
}
