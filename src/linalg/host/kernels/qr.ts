import { factorColumns, formQ } from './householder.js';
import { safeScale } from './scaling.js';
import { transposeInto } from './transpose.js';
import { createWorkspace } from './workspace.js';

const columnSpace = createWorkspace();
const basisSpace = createWorkspace();
const tauSpace = createWorkspace();

/**
 * Thin Householder QR, A = Q R, with a nonnegative diagonal of R. Q has orthonormal columns for every A: of the zero
 * matrix it is the leading columns of the identity.
 *
 * @param a - m×n, row-major; not modified.
 * @param q - m×p, p = min(m, n), overwritten.
 * @param r - p×n upper triangular, overwritten. 4·m·n·p flops in all, to leading order.
 * @see Golub and Van Loan, "Matrix Computations", 4th ed., 2013, Algorithm 5.2.1.
 */
export function qr(m: number, n: number, a: Float64Array, q: Float64Array, r: Float64Array): void {
  const p = Math.min(m, n);
  const columns = columnSpace(m * n);
  const basis = basisSpace(m * p);
  const taus = tauSpace(p);
  transposeInto(m, n, a, columns);
  const scale = safeScale(a);
  if (scale !== 1) for (let i = 0; i < m * n; i++) columns[i] /= scale;
  factorColumns(m, n, columns, taus);
  formQ(m, p, columns, taus, basis);
  for (let k = 0; k < p; k++) {
    const flip = columns[k * m + k] < 0 ? -1 : 1;
    for (let j = 0; j < k; j++) r[k * n + j] = 0;
    for (let j = k; j < n; j++) r[k * n + j] = flip * columns[j * m + k] * scale;
    if (flip < 0) for (let i = k * m; i < (k + 1) * m; i++) basis[i] = -basis[i];
  }
  transposeInto(p, m, basis, q);
}
