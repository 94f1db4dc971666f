/** Pictures to begin with, of 16×16 numbers from 0 to 1. */

const n = 16;
const picture = (at: (row: number, column: number) => number): readonly number[] =>
  Array.from({ length: n * n }, (_, place) => at(Math.floor(place / n), place % n));
const bump = (x: number): number => Math.exp(-(((x - 7.5) / 4) ** 2));

export const pictures = {
  /** Stripes down plus stripes across: rank 2. */
  woven: picture((row, column) => 0.5 + 0.28 * Math.sin(1.1 * row) + 0.22 * Math.cos(0.8 * column + 1)),
  /** A product of two bumps: rank 1. */
  hill: picture((row, column) => bump(row) * bump(column)),
  /** A diagonal line: rank 16, and no entry says anything about another. */
  diagonal: picture((row, column) => (row === column ? 1 : 0)),
};
