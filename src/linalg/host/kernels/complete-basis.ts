import { factorColumns, formQ } from './householder.js';

/**
 * Replaces the columns `known ≤ j < k` of an m×k row-major matrix by an orthonormal basis of part of the complement of
 * its first `known` columns, which are orthonormal. Used if a singular value is zero and its vector is free.
 */
export function completeBasis(m: number, k: number, known: number, q: Float64Array): void {
  const columns = new Float64Array(m * k);
  for (let j = 0; j < known; j++) for (let i = 0; i < m; i++) columns[j * m + i] = q[i * k + j];
  const taus = new Float64Array(k);
  // Reflections of the known columns and identities after: the later columns of Q are orthogonal to all before.
  factorColumns(m, known, columns, taus);
  const basis = new Float64Array(m * k);
  formQ(m, k, columns, taus, basis);
  for (let j = known; j < k; j++) for (let i = 0; i < m; i++) q[i * k + j] = basis[j * m + i];
}
