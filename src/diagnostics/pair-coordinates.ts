/** Factor pairs as rows of numbers, and the gauge directions, in which a cost of AB cannot change. */

import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { solveSylvester } from '../linalg/matrix-functions.js';
import type { FactorPair } from '../metrics/factor-pair.js';

/** Conversions for factor pairs of one shape. */
export interface PairCoordinates<M> {
  /** Number of entries of a pair, over the batch. */
  readonly size: number;
  /** Returns the entries of A, then those of B, [1, size]. */
  pack(pair: FactorPair<M>): M;
  /** Restores a pair from its row. */
  unpack(row: M): FactorPair<M>;
  /** Projects a row orthogonally onto the complement of {(AK, −KB)}. O((m+n)r² + r³) flops. */
  offGauge(row: M): M;
}

/** Returns the coordinates of pairs of the shapes of `at`, and the projection off the gauge directions at `at`. */
export function pairCoordinates<M>(la: LinearAlgebra<M>, at: FactorPair<M>): PairCoordinates<M> {
  const shapes = { A: la.shape(at.A), B: la.shape(at.B) };
  const count = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);
  const split = count(shapes.A);
  const size = split + count(shapes.B);
  const columnGram = la.matmul(at.A, at.A, { transposeA: true });
  const rowGram = la.matmul(at.B, at.B, { transposeB: true });
  const pack = ({ A, B }: FactorPair<M>): M => la.concat([la.reshape(A, [1, split]), la.reshape(B, [1, size - split])], 'columns');
  const unpack = (row: M): FactorPair<M> => ({
    A: la.reshape(la.slice(row, { columns: [0, split] }), shapes.A),
    B: la.reshape(la.slice(row, { columns: [split, size] }), shapes.B),
  });
  return {
    size,
    pack,
    unpack,
    // (dA − AK, dB + KB) with AᵀA K + K BBᵀ = Aᵀ dA − dB Bᵀ: the normal equations of the nearest (AK, −KB).
    offGauge: (row) =>
      la.tidy(() => {
        const { A: dA, B: dB } = unpack(row);
        const imbalance = la.subtract(la.matmul(at.A, dA, { transposeA: true }), la.matmul(dB, at.B, { transposeB: true }));
        const K = solveSylvester(la, columnGram, rowGram, imbalance);
        return pack({ A: la.subtract(dA, la.matmul(at.A, K)), B: la.add(dB, la.matmul(K, at.B)) });
      }),
  };
}
