/**
 * Seeded matrices, so that fast-check draws only sizes and a seed and can shrink them. No engine is involved in making
 * them.
 */
import fc from 'fast-check';
import { type Random, seededRandom } from '../../src/core/random.js';
import { type Dense, dense, identity, multiply, timesDiagonal, transposed } from './naive.js';

/** Sizes and a seed. */
export interface Sizes {
  readonly m: number;
  readonly n: number;
  readonly r: number;
  readonly seed: number;
}

/** m, n and r all different, r < min(m, n), and a seed. Both m > n and m < n occur. */
export function sizes(largest = 12): fc.Arbitrary<Sizes> {
  return fc
    .record({ r: fc.integer({ min: 1, max: largest - 2 }), seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }), wide: fc.boolean() })
    .chain(({ r, seed, wide }) =>
      fc.integer({ min: r + 1, max: largest - 1 }).chain((shorter) =>
        fc.integer({ min: shorter + 1, max: largest }).map((longer) => {
          const [m, n] = wide ? [shorter, longer] : [longer, shorter];
          return { m, n, r, seed };
        }),
      ),
    );
}

/** Batch axes: none, one, or two of different lengths. */
export const batches: fc.Arbitrary<readonly number[]> = fc.constantFrom([], [3], [2, 3], [1]);

/** Independent standard normal entries. */
export function gaussian(seed: number, m: number, n: number): Dense {
  const random = seededRandom(seed);
  return dense(m, n, () => random.normal());
}

/** m×p with orthonormal columns, p ≤ m: Gram–Schmidt, done twice. */
function orthonormal(seed: number, m: number, p: number): Dense {
  const random = seededRandom(seed);
  const columns: Float64Array[] = [];
  while (columns.length < p) {
    const column = Float64Array.from({ length: m }, () => random.normal());
    for (const earlier of [...columns, ...columns]) {
      const weight = column.reduce((sum, x, i) => sum + x * earlier[i], 0);
      column.forEach((x, i) => {
        column[i] = x - weight * earlier[i];
      });
    }
    const length = Math.hypot(...column);
    columns.push(column.map((x) => x / length));
  }
  return dense(m, p, (i, j) => columns[j][i]);
}

/** U diag(σ) Vᵀ with random orthonormal U (m×p) and V (n×p). */
export function withSingularValues(seed: number, m: number, n: number, sigma: ArrayLike<number>): Dense {
  const p = sigma.length;
  return multiply(timesDiagonal(orthonormal(seed, m, p), sigma), transposed(orthonormal(seed + 1, n, p)));
}

/** W diag(λ) Wᵀ, exactly symmetric. */
export function withEigenvalues(seed: number, lambda: ArrayLike<number>): Dense {
  const n = lambda.length;
  const w = orthonormal(seed, n, n);
  const full = multiply(timesDiagonal(w, lambda), transposed(w));
  return dense(n, n, (i, j) => (full.values[i * n + j] + full.values[j * n + i]) / 2);
}

/** Symmetric positive definite with condition number κ and largest eigenvalue 1. */
export function definite(seed: number, n: number, kappa: number): Dense {
  return withEigenvalues(seed, geometric(n, 1 / kappa));
}

/** p values from 1 down to `last`, in geometric progression. */
export function geometric(p: number, last: number): Float64Array {
  return Float64Array.from({ length: p }, (_, i) => (p === 1 ? 1 : last ** (i / (p - 1))));
}

/** The kinds of spectrum that factorizations are tried on, p values in descending order. */
export const spectra: Readonly<Record<string, (p: number, random: Random) => Float64Array>> = {
  random: (p, random) => Float64Array.from({ length: p }, () => Math.abs(random.normal())).sort((a, b) => b - a),
  'graded to 1e-14': (p) => geometric(p, 1e-14),
  'graded to 1e-300': (p) => geometric(p, 1e-300),
  'condition number 1e8': (p) => geometric(p, 1e-8),
  'rank deficient': (p) => Float64Array.from({ length: p }, (_, i) => (i < p / 2 ? 2 - i / p : 0)),
  repeated: (p) => Float64Array.from({ length: p }, (_, i) => (i < p / 3 ? 3 : 1)),
  'nearly repeated': (p) => Float64Array.from({ length: p }, (_, i) => 1 - i * 1e-15),
  'all equal': (p) => new Float64Array(p).fill(2),
  zero: (p) => new Float64Array(p),
};

/** One of {@link spectra}, by name. */
export const spectrumNames: fc.Arbitrary<string> = fc.constantFrom(...Object.keys(spectra));

/**
 * A well-conditioned m×n matrix (m ≥ n, κ ≤ 3): orthonormal columns, mixed by a small multiple of a random matrix of
 * norm one.
 */
export function wellConditioned(seed: number, m: number, n: number): Dense {
  const mixer = withSingularValues(seed + 2, n, n, new Float64Array(n).fill(0.5));
  const eye = identity(n);
  return multiply(
    orthonormal(seed, m, n),
    dense(n, n, (i, j) => eye.values[i * n + j] + mixer.values[i * n + j]),
  );
}
