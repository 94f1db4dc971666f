/** Draws that an input is made of. The same class and seed give the same draws, and so the same input. */
import { createHash } from 'node:crypto';
import { type Random, seededRandom } from 'bures';

/** A stream of choices. */
export class Draw {
  readonly #random: Random;

  /**
   * @param name - of the class: one seed means different draws in different classes.
   * @param seed - a whole number ≥ 0.
   */
  constructor(name: string, seed: number) {
    const digest = createHash('sha256').update(`${name}:${seed}`).digest();
    this.#random = seededRandom(digest.readUIntBE(0, 6));
  }

  /** A whole number from 0 to below `count`. */
  below(count: number): number {
    return Math.floor(this.#random.uniform() * count);
  }

  /** Whether something of this probability happens. */
  chance(probability: number): boolean {
    return this.#random.uniform() < probability;
  }

  /** One of the elements, which must not be none. */
  pick<T>(elements: readonly T[]): T {
    return elements[this.below(elements.length)];
  }

  /** `from` to `to` elements that `make` gives, each number as likely. */
  list<T>(from: number, to: number, make: (index: number) => T): T[] {
    return Array.from({ length: from + this.below(to - from + 1) }, (_, index) => make(index));
  }

  /** A standard normal number. */
  normal(): number {
    return this.#random.normal();
  }

  /** Bytes, each as likely. */
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}
