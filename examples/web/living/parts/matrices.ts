/** Small matrices as arrows and ellipses. */
import { type FactorPair, type HostArray, hostAlgebra } from 'bures';
import type { Point } from './svg.js';

export const la = hostAlgebra();

/** The columns of A and the rows of B, vectors of the plane. */
export interface FactorVectors {
  readonly columns: readonly Point[];
  readonly rows: readonly Point[];
}

/** Returns the pair A, 2×r, and B, r×2. */
export const pairOf = ({ columns, rows }: FactorVectors): FactorPair<HostArray> => ({ A: fromColumns(columns), B: fromRows(rows) });

/** Returns the columns of A and the rows of B. */
export const vectorsOf = ({ A, B }: FactorPair<HostArray>): FactorVectors => ({ columns: rowsOf(la.transpose(A)), rows: rowsOf(B) });

export const fromRows = (rows: readonly Point[]): HostArray => la.fromArray(rows.flat(), [rows.length, 2]);
export const fromColumns = (columns: readonly Point[]): HostArray => la.transpose(fromRows(columns));

/** Returns the image of the unit circle under a matrix of two rows and two columns. */
export function imageOfCircle(matrix: HostArray): readonly Point[] {
  const angles = Array.from({ length: 90 }, (_, k) => (k * Math.PI) / 45);
  return rowsOf(la.matmul(fromRows(angles.map((angle) => [Math.cos(angle), Math.sin(angle)])), matrix, { transposeB: true }));
}

const rowsOf = (matrix: HostArray): readonly Point[] => la.toRows(matrix).map(([x, y]): Point => [x, y]);
