import { FormatError } from '../../core/errors.js';
import { textOf } from '../text/split-lines.js';
import type { NamedFile } from '../text/text-encoding.js';

/** Most bytes that 32-bit offsets can address. */
const longestTable = 2 ** 31 - 1;

/** Hashes by FNV-1a, 32 bits, with the high ones folded into the low ones that a small table looks at. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
  return hash ^ (hash >>> 15);
}

/**
 * Numbers names, given as bytes, 0, 1, 2, … in the order in which they appear. Looking a name up makes no string: open
 * addressing over the names' bytes, which are stored one after another.
 */
export class LabelTable {
  readonly #file: NamedFile;
  #slots = new Int32Array(1024).fill(-1);
  #ends = new Int32Array(256);
  #bytes = new Uint8Array(4096);
  #count = 0;

  /** @param file - for messages. */
  constructor(file: NamedFile) {
    this.#file = file;
  }

  /** Number of names. */
  get size(): number {
    return this.#count;
  }

  /** Returns the number of the name `bytes[start … end)`; a new one gets the next. */
  indexOf(bytes: Uint8Array, start: number, end: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(bytes, start, end) & mask;
    for (;;) {
      const label = this.#slots[slot];
      if (label < 0) return this.#insert(slot, bytes, start, end);
      if (this.#equals(label, bytes, start, end)) return label;
      slot = (slot + 1) & mask;
    }
  }

  /** Returns all names, in order. */
  labels(): string[] {
    return Array.from({ length: this.#count }, (_, label) => textOf(this.#bytes, this.#startOf(label), this.#ends[label]));
  }

  #startOf(label: number): number {
    return label === 0 ? 0 : this.#ends[label - 1];
  }

  #equals(label: number, bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.#startOf(label);
    if (this.#ends[label] - own !== end - start) return false;
    for (let at = start, mine = own; at < end; at++, mine++) if (bytes[at] !== this.#bytes[mine]) return false;
    return true;
  }

  #insert(slot: number, bytes: Uint8Array, start: number, end: number): number {
    const label = this.#count++;
    const from = this.#startOf(label);
    const to = from + end - start;
    if (to > longestTable) {
      throw new FormatError(
        `${this.#file.where}: expected names of ${longestTable} bytes together at most, got more; check which fields are row and column`,
      );
    }
    if (to > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(longestTable, Math.max(2 * this.#bytes.length, to)));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes.subarray(start, end), from);
    if (label === this.#ends.length) {
      const larger = new Int32Array(2 * label);
      larger.set(this.#ends);
      this.#ends = larger;
    }
    this.#ends[label] = to;
    this.#slots[slot] = label;
    if (2 * this.#count > this.#slots.length) this.#rehash();
    return label;
  }

  #rehash(): void {
    const slots = new Int32Array(2 * this.#slots.length).fill(-1);
    const mask = slots.length - 1;
    for (let label = 0; label < this.#count; label++) {
      let slot = hashOf(this.#bytes, this.#startOf(label), this.#ends[label]) & mask;
      while (slots[slot] >= 0) slot = (slot + 1) & mask;
      slots[slot] = label;
    }
    this.#slots = slots;
  }
}
