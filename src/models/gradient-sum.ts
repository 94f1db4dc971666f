import { add, keep, type Tensor } from '@tensorflow/tfjs-core';

/** Derivatives by tensors, summed over the places where each is used. */
export class GradientSum {
  readonly #sums = new Map<Tensor, Tensor>();

  /** Adds derivatives, which it owns from then on; `undefined` stands for zero. */
  add(by: readonly Tensor[], gradients: readonly (Tensor | undefined)[]): void {
    for (const [index, parameter] of by.entries()) {
      const gradient = gradients[index];
      if (gradient === undefined) continue;
      const before = this.#sums.get(parameter);
      this.#sums.set(parameter, before === undefined ? keep(gradient) : keep(add(before, gradient)));
      if (before !== undefined) {
        before.dispose();
        gradient.dispose();
      }
    }
  }

  /** The derivative by a tensor, handed over; `undefined` where it was not used. */
  take(parameter: Tensor): Tensor | undefined {
    const gradient = this.#sums.get(parameter);
    this.#sums.delete(parameter);
    return gradient;
  }

  /** Frees what was not taken. */
  dispose(): void {
    for (const gradient of this.#sums.values()) gradient.dispose();
    this.#sums.clear();
  }
}
