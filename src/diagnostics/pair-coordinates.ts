/** Factor pairs as rows of numbers, and the directions in which a cost of AB cannot change. */
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FactorPair } from '../metrics/factor-pair.js';

/** Conversions for the pairs of one shape. */
export interface PairCoordinates<M> {
  /** Entries of a pair, over the batch. */
  readonly size: number;
  /** The entries of A, then those of B, [1, size]. */
  pack(pair: FactorPair<M>): M;
  /** The pair again. */
  unpack(row: M): FactorPair<M>;
  /** The orthogonal projection of a row onto the complement of {(AK, −KB)}. O((m+n)r² + r³) flops. */
  offGauge(row: M): M;
}

/** The coordinates of pairs shaped as `at`, whose gauge directions are meant. */
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
        const K = la.solveSylvester(columnGram, rowGram, imbalance);
        return pack({ A: la.subtract(dA, la.matmul(at.A, K)), B: la.add(dB, la.matmul(K, at.B)) });
      }),
  };
}
