/**
 * The problems of the bench of solvers: matrices of low rank that are known, so that errors are those of the whole
 * matrix.
 */
import {
  type CsrMatrix,
  csrFromTriplets,
  type FactoredMatrix,
  type FactorPair,
  type FixedRankPoint,
  type HostAlgebra,
  type HostArray,
  type Random,
  seededRandom,
} from 'bures';
import {
  type LowRankManifold,
  type LowRankPoint,
  type LowRankProblem,
  type LowRankTangent,
  matrixCompletion,
  reducedRankRegression,
  spectralInitialization,
} from 'bures/problems';

/** Sizes of the matrix that is looked for. */
export interface MatrixSize {
  readonly m: number;
  readonly n: number;
  readonly rank: number;
}

/** A problem whose solution is known. */
export interface SolverProblem extends MatrixSize {
  readonly name: string;
  /** σ₁/σ_r of the solution. */
  readonly cond: number;
  /** The solution X* = L Rᵀ. */
  readonly truth: FactoredMatrix<HostArray>;
  /** Where everybody starts. */
  readonly start: FixedRankPoint<HostArray>;
  /** The entries observed, of completion problems. */
  readonly observed?: CsrMatrix<HostArray>;
  /** The problem on a geometry. */
  on<P extends LowRankPoint<HostArray>, T extends LowRankTangent<HostArray>, Z>(
    manifold: LowRankManifold<HostArray, P, T, Z>,
  ): LowRankProblem<HostArray, P, T, Z>;
}

/**
 * X* of rank r with orthonormal random factors, σ₁ = √(mn) and σ_r = σ₁/cond, log-spaced: its entries are of order one.
 */
function randomLowRank(la: HostAlgebra, { m, n, rank }: MatrixSize, cond: number, random: Random): FactoredMatrix<HostArray> {
  const spectrum = Float64Array.from({ length: rank }, (_, i) => Math.sqrt(m * n) * cond ** (-i / (rank - 1)));
  const left = la.qr(la.randomNormal([m, rank], random)).Q;
  return { left: la.scaleColumns(left, la.fromArray(spectrum, [rank])), right: la.qr(la.randomNormal([n, rank], random)).Q };
}

/** Matrix completion from a share of the entries, drawn anywhere without replacement; spectral start. */
export function completionProblem(la: HostAlgebra, size: MatrixSize, cond: number, share: number, seed: number): SolverProblem {
  const random = seededRandom(seed);
  const truth = randomLowRank(la, size, cond, random);
  const observed = observe(la, size, truth, share, random);
  return {
    ...size,
    cond,
    name: `completion ${size.m}×${size.n} of rank ${size.rank}, ${100 * share} % observed, cond ${cond}`,
    truth,
    observed,
    start: spectralInitialization(la, observed, { rank: size.rank }),
    on: (manifold) => matrixCompletion({ manifold, observed }),
  };
}

/** X* at random places. */
function observe(
  la: HostAlgebra,
  { m, n, rank }: MatrixSize,
  { left, right }: FactoredMatrix<HostArray>,
  share: number,
  random: Random,
): CsrMatrix<HostArray> {
  const places = new Set<number>();
  while (places.size < Math.round(share * m * n)) places.add(Math.floor(random.uniform() * m * n));
  const [a, b] = [la.toArray(left) as Float64Array, la.toArray(right) as Float64Array];
  const sorted = [...places].sort((p, q) => p - q);
  const rowIndices = sorted.map((place) => Math.floor(place / n));
  const columnIndices = sorted.map((place) => place % n);
  const values = sorted.map((_, e) => {
    let sum = 0;
    for (let l = 0; l < rank; l++) sum += a[rowIndices[e] * rank + l] * b[columnIndices[e] * rank + l];
    return sum;
  });
  return csrFromTriplets(la, { rows: m, columns: n, rowIndices, columnIndices, values });
}

/**
 * Noiseless reduced-rank regression on normal features; the start is the truncated FᵀY/N, as the spectral one of
 * completion.
 */
export function regressionProblem(la: HostAlgebra, size: MatrixSize, cond: number, samples: number, seed: number): SolverProblem {
  const random = seededRandom(seed);
  const truth = randomLowRank(la, size, cond, random);
  const features = la.randomNormal([samples, size.m], random);
  const targets = la.matmul(la.matmul(features, truth.left), truth.right, { transposeB: true });
  const { U, S, V } = la.svd(la.scale(1 / samples, la.matmul(features, targets, { transposeA: true })));
  const head = { columns: [0, size.rank] } as const;
  const spectrum = la.slice(la.reshape(S, [1, la.shape(S)[0]]), head);
  return {
    ...size,
    cond,
    name: `regression ${samples}×${size.m} → ${size.n} of rank ${size.rank}, cond ${cond}`,
    truth,
    start: { U: la.slice(U, head), S: la.reshape(spectrum, [size.rank]), V: la.slice(V, head) },
    on: (manifold) => reducedRankRegression({ manifold, features, targets }),
  };
}

/** The factors of a point, whatever its coordinates. */
export function rowFactors(la: HostAlgebra, x: LowRankPoint<HostArray>): FactoredMatrix<HostArray> {
  if ('U' in x) return { left: la.scaleColumns(x.U, x.S), right: x.V };
  const { A, B }: FactorPair<HostArray> = x;
  return { left: A, right: la.transpose(B) };
}

/**
 * ‖X − X*‖_F / ‖X*‖_F from the factors: the triangles of [L, −L*] and [R, R*] have the norm of the difference, without
 * cancellation. O((m+n)r²) flops.
 */
export function relativeError(la: HostAlgebra, x: FactoredMatrix<HostArray>, truth: FactoredMatrix<HostArray>): number {
  const left = la.qr(la.concat([x.left, la.scale(-1, truth.left)], 'columns')).R;
  const right = la.qr(la.concat([x.right, truth.right], 'columns')).R;
  const whole = la.matmul(la.qr(truth.left).R, la.qr(truth.right).R, { transposeB: true });
  return la.norm(la.matmul(left, right, { transposeB: true })) / la.norm(whole);
}

/** The smallest of the singular values σ₁, …, σ_r of L Rᵀ. O((m+n)r²) flops. */
export function smallestValue(la: HostAlgebra, { left, right }: FactoredMatrix<HostArray>): number {
  const values = la.toArray(la.svd(la.matmul(la.qr(left).R, la.qr(right).R, { transposeB: true })).S);
  return values[values.length - 1];
}
