/** Linear equations of which only products are known. */

/** Options of {@link gmres}. */
interface GmresOptions {
  /** Length of the residual relative to the right-hand side at which to stop. */
  readonly tolerance: number;
  /** Most products; the Krylov basis is kept whole. */
  readonly limit: number;
}

const dot = (x: Float64Array, y: Float64Array): number => x.reduce((sum, value, i) => sum + value * y[i], 0);

/**
 * Solves J x = b approximately, from products of J with unit vectors: the x of least residual in the Krylov space.
 *
 * @param product - v ↦ J v.
 * @see Saad and Schultz, "GMRES: a generalized minimal residual algorithm for solving nonsymmetric linear systems",
 * SIAM J. Sci. Stat. Comput. 7(3), 1986.
 */
export function gmres(product: (v: Float64Array) => Float64Array, b: Float64Array, { tolerance, limit }: GmresOptions): Float64Array {
  const size = Math.sqrt(dot(b, b));
  const basis = [b.map((value) => value / size)];
  /** Columns of the triangle that rotations make of the Hessenberg matrix. */
  const columns: number[][] = [];
  const rotations: (readonly [number, number])[] = [];
  const rest = [size];
  while (columns.length < Math.min(limit, b.length) && Math.abs(rest[columns.length]) > tolerance * size) {
    const k = columns.length;
    const next = product(basis[k]);
    // Twice, since near the end little but rounding is left.
    const column = basis.map(() => 0);
    for (let pass = 0; pass < 2; pass++) {
      for (const [j, v] of basis.entries()) {
        const share = dot(v, next);
        column[j] += share;
        for (let i = 0; i < next.length; i++) next[i] -= share * v[i];
      }
    }
    const left = Math.sqrt(dot(next, next));
    for (const [j, [cosine, sine]] of rotations.entries()) {
      [column[j], column[j + 1]] = [cosine * column[j] + sine * column[j + 1], cosine * column[j + 1] - sine * column[j]];
    }
    const length = Math.hypot(column[k], left);
    if (!(length > 0)) break;
    rotations.push([column[k] / length, left / length]);
    column[k] = length;
    rest.push((-left / length) * rest[k]);
    rest[k] *= rotations[k][0];
    columns.push(column);
    if (left <= Number.EPSILON * length) break;
    basis.push(next.map((value) => value / left));
  }
  const weights: number[] = [];
  for (let k = columns.length - 1; k >= 0; k--) {
    const known = columns.slice(k + 1).reduce((sum, column, j) => sum + column[k] * weights[k + 1 + j], 0);
    weights[k] = (rest[k] - known) / columns[k][k];
  }
  return b.map((_, i) => weights.reduce((sum, weight, k) => sum + weight * basis[k][i], 0));
}
