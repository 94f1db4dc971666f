/**
 * Several sparse products in one pass over the entries, row by row: the dot products of a row go to a buffer that stays
 * in the first-level cache, and are used at once. No array of one number per entry is written, and the rows of the
 * dense operands that a row names are fetched from memory once.
 */
import type { CsrMatrix } from '../../csr-matrix.js';
import { type DensePair, fetchRows, fusedColumns, type ResidualProducts, rowDots, rowProducts, rowResidual } from './sparse-rows.js';

/** Places of the entries. */
type Pattern = Pick<CsrMatrix<unknown>, 'rows' | 'rowPointers' | 'columnIndices'>;

/**
 * Entries of a row taken together: the rows of the dense operands that they name, some hundred bytes each, stay in the
 * cache meanwhile.
 */
const segment = 128;

/** Returns the length of the longest row of a pattern, which the buffers of a pass have. */
function longestRow({ rows, rowPointers }: Pattern): number {
  let longest = 0;
  for (let i = 0; i < rows; i++) longest = Math.max(longest, rowPointers[i + 1] - rowPointers[i]);
  return longest;
}

/**
 * Computes E = (L Rᵀ − Z) on the pattern, and E·right and Eᵀ·left with `by`. (2k₁ + 4k₂)·nnz flops.
 *
 * @param values - Z, or none for zeros.
 * @returns ‖E‖².
 */
export function residualPass(
  pattern: Pattern,
  values: Float64Array | undefined,
  factors: DensePair,
  by: DensePair,
  out: ResidualProducts,
): number {
  const { rows, rowPointers, columnIndices } = pattern;
  const residual = new Float64Array(segment);
  const shared = by.right === factors.right && by.columns === factors.columns;
  const fused = shared && by.columns >= fusedColumns ? fusedColumns : 0;
  let squaredNorm = 0;
  for (let i = 0; i < rows; i++) {
    const rowEnd = rowPointers[i + 1];
    for (let start = rowPointers[i]; start < rowEnd; start += segment) {
      const end = Math.min(start + segment, rowEnd);
      const count = end - start;
      const where = { columnIndices, row: i, start, end };
      fetchRows(where, by, out.transposeProduct, residual);
      if (values === undefined) residual.fill(0, 0, count);
      else for (let e = 0; e < count; e++) residual[e] = -values[start + e];
      rowDots(where, factors, residual, fused);
      if (fused > 0) squaredNorm += rowResidual(where, factors.left, by, residual, out);
      else for (let e = 0; e < count; e++) squaredNorm += residual[e] * residual[e];
      rowProducts(where, by, residual, out, fused);
    }
  }
  return squaredNorm;
}

/**
 * Computes the inner products of three sampled matrices: E = (L Rᵀ − Z), S = L₁R₁ᵀ and Q = L₂R₂ᵀ on the pattern.
 *
 * @returns ⟨E,E⟩, ⟨E,S⟩, ⟨S,S⟩, ⟨E,Q⟩, ⟨S,Q⟩, ⟨Q,Q⟩. 2(k + k₁ + k₂)·nnz flops.
 */
export function curvePass(
  pattern: Pattern,
  values: Float64Array,
  point: DensePair,
  first: DensePair,
  second: DensePair,
): readonly [number, number, number, number, number, number] {
  const { rows, rowPointers, columnIndices } = pattern;
  const longest = longestRow(pattern);
  const [e, s, q] = [new Float64Array(longest), new Float64Array(longest), new Float64Array(longest)];
  let ee = 0;
  let es = 0;
  let ss = 0;
  let eq = 0;
  let sq = 0;
  let qq = 0;
  for (let i = 0; i < rows; i++) {
    const start = rowPointers[i];
    const end = rowPointers[i + 1];
    const where = { columnIndices, row: i, start, end };
    for (const sums of [e, s, q]) sums.fill(0, 0, end - start);
    rowDots(where, point, e);
    rowDots(where, first, s);
    rowDots(where, second, q);
    for (let place = 0; place < end - start; place++) {
      const residual = e[place] - values[start + place];
      ee += residual * residual;
      es += residual * s[place];
      ss += s[place] * s[place];
      eq += residual * q[place];
      sq += s[place] * q[place];
      qq += q[place] * q[place];
    }
  }
  return [ee, es, ss, eq, sq, qq];
}
