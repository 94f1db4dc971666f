/** Every manifold of Manopt that is here, each in a small job: `npx tsx examples/from-manopt/manifolds.ts`. */
import {
  affineInvariant,
  balancedFactors,
  barycenter,
  bures,
  buresWasserstein,
  canonicalStiefel,
  cayleyRetraction,
  dampedFactors,
  defineProblem,
  elliptope,
  embedded,
  euclidean,
  euclideanFactors,
  euclideanStiefel,
  eye,
  fixedRank,
  fixedRankPsd,
  generalizedGrassmann,
  generalizedStiefel,
  gradientNormBelow,
  grassmann,
  type HostArray,
  hyperbolic,
  logEuclidean,
  minimize,
  oblique,
  orthogonalGroup,
  poincareBall,
  polarRetraction,
  product,
  qrRetraction,
  quotient,
  quotientFactors,
  rotations,
  seededRandom,
  simplex,
  spd,
  sphere,
  stiefel,
  trustRegions,
} from 'bures';
import { lowRankApproximation } from 'bures/problems';
import { distanceTo, type Jobs, la, runAll } from './jobs.js';

const random = seededRandom(1);
const [m, n, rank] = [7, 5, 2];
/** A matrix with singular values 5, 4, 3, 2, 1. */
const Z = la.matmul(
  la.scaleColumns(la.qr(la.randomNormal([m, n], random)).Q, la.fromArray([5, 4, 3, 2, 1], [n])),
  la.qr(la.randomNormal([n, n], random)).Q,
  { transposeB: true },
);
/** ‖Z − Z₂‖ of its best approximation of rank 2. */
const beyondRank2 = Math.hypot(3, 2, 1);
/** A symmetric positive definite matrix, with eigenvalues 1 to 25. */
const S = la.matmul(Z, Z, { transposeA: true });
/** ‖X − Z‖ where a run for an approximation of Z ends. */
const misfit = async (run: Promise<{ readonly cost: number }>): Promise<number> => Math.sqrt(2 * (await run).cost);
const precisely = { solver: trustRegions(), stop: gradientNormBelow(1e-9) };
/** The largest eigenvalue of S, by its Rayleigh quotient on a manifold of bases with one column. */
const largestEigenvalue = async (manifold: Parameters<typeof distanceTo>[0], weight = 1): Promise<number> => {
  const problem = {
    manifold,
    cost: (x: HostArray) => -la.inner(x, la.matmul(S, x)) / weight,
    gradient: { kind: 'ambient', at: (x: HostArray) => la.scale(-2 / weight, la.matmul(S, x)) },
  } as const;
  return -(await minimize(problem, { solver: trustRegions(), stop: gradientNormBelow(1e-8), seed: 2 })).cost;
};
/** The distance from y to the point where the geodesic from x with velocity log(x, y) ends. */
const missed = (manifold: {
  readonly randomPoint: (of: typeof random) => HostArray;
  readonly exp: (x: HostArray, u: HostArray) => HostArray;
  readonly log: (x: HostArray, y: HostArray) => HostArray;
  readonly dist: (x: HostArray, y: HostArray) => number;
}): number => {
  const [x, y] = [manifold.randomPoint(seededRandom(3)), manifold.randomPoint(seededRandom(4))];
  return manifold.dist(y, manifold.exp(x, manifold.log(x, y)));
};

export const jobs: Jobs = {
  euclideanfactory: async () => [await distanceTo(euclidean({ shape: [m, n] }), Z), 0],
  spherefactory: async () => [await distanceTo(sphere({ shape: [m, n] }), Z), la.norm(Z) - 1],
  obliquefactory: async () => {
    const columns = Array.from({ length: n }, (_, j) => la.norm(la.slice(Z, { columns: [j, j + 1] })) - 1);
    return [await distanceTo(oblique({ m, n }), Z), Math.hypot(...columns)];
  },
  async stiefelfactory() {
    // Procrustes: the nearest orthonormal basis is the polar factor, at √Σ(σᵢ − 1)², whatever metric and retraction.
    const choices = [
      { metric: euclideanStiefel(), retraction: polarRetraction() },
      { metric: euclideanStiefel(), retraction: qrRetraction() },
      { metric: canonicalStiefel(), retraction: cayleyRetraction() },
    ];
    const found = await Promise.all(choices.map((choice) => distanceTo(stiefel({ m, rank: n, ...choice }), Z)));
    return [Math.max(...found), Math.hypot(4, 3, 2, 1)];
  },
  grassmannfactory: async () => [await largestEigenvalue(grassmann({ m: n, rank: 1 })), 25],
  async rotationsfactory() {
    // Wahba's problem. With reflections the same nearest matrix is found where it is a rotation.
    const initial = rotations({ n }).randomPoint(seededRandom(5));
    const noisy = la.axpy(0.1, la.randomNormal([n, n], seededRandom(6)), initial);
    return [await distanceTo(rotations({ n }), noisy, initial), await distanceTo(orthogonalGroup({ n }), noisy, initial)];
  },
  async sympositivedefinitefactory() {
    // The mean of S and S⁻¹ is the identity.
    const manifold = spd({ n, metric: affineInvariant() });
    const inverse = la.solveTriangular(la.cholesky(S), la.solveTriangular(la.cholesky(S), eye(la, n)), { transpose: true });
    return [la.norm(la.subtract((await barycenter(manifold, [S, inverse])).point, eye(la, n))), 0];
  },
  async sympositivedefiniteBWfactory() {
    // Between multiples of the identity, √ is linear for Bures and Wasserstein, and log for the log-Euclidean metric.
    const [one, nine] = [eye(la, n), la.scale(9, eye(la, n))];
    const meanOf = async (metric: ReturnType<typeof buresWasserstein>) =>
      la.norm((await barycenter(spd({ n, metric }), [one, nine])).point) / Math.sqrt(n);
    return [(await meanOf(buresWasserstein())) + (await meanOf(logEuclidean())), 4 + 3];
  },
  async symfixedrankYYfactory() {
    const manifold = fixedRankPsd({ n, rank });
    const misfit = (y: HostArray) => la.subtract(la.matmul(y, y, { transposeB: true }), S);
    const problem = {
      manifold,
      cost: (y: HostArray) => 0.5 * la.norm(misfit(y)) ** 2,
      gradient: { kind: 'ambient', at: misfit },
      hessian: {
        kind: 'ambient',
        at: (y: HostArray, u: HostArray) => la.add(la.matmul(y, u, { transposeB: true }), la.matmul(u, y, { transposeB: true })),
      },
    } as const;
    const { cost } = await minimize(problem, { solver: trustRegions(), seed: 1 });
    return [Math.sqrt(2 * cost), Math.hypot(9, 4, 1)];
  },
  fixedrankembeddedfactory: async () => {
    const manifold = fixedRank({ m, n, rank, metric: embedded() });
    return [await misfit(minimize(lowRankApproximation({ manifold, data: Z }), precisely)), beyondRank2];
  },
  async fixedrankfactory_2factors_preconditioned() {
    const pairs = lowRankApproximation({ manifold: quotientFactors({ m, n, rank }), data: Z });
    const matrices = lowRankApproximation({ manifold: fixedRank({ m, n, rank, metric: quotient() }), data: Z });
    return [(await misfit(minimize(pairs, precisely))) + (await misfit(minimize(matrices, precisely))), 2 * beyondRank2];
  },
  async balancedFactors() {
    const matrices = lowRankApproximation({ manifold: fixedRank({ m, n, rank, metric: bures() }), data: Z });
    const found = [await misfit(minimize(matrices, precisely))];
    for (const geometry of [balancedFactors, euclideanFactors, dampedFactors]) {
      const pairs = lowRankApproximation({ manifold: geometry({ m, n, rank }), data: Z });
      found.push(await misfit(minimize(pairs, { stop: gradientNormBelow(1e-6) })));
    }
    return [Math.max(...found), beyondRank2];
  },
  async productmanifold() {
    // The two largest eigenvalues of ZZᵀ on a subspace, and the vector nearest to a target.
    const target = la.randomNormal([m], seededRandom(9));
    const image = (basis: HostArray): HostArray => la.matmul(Z, la.matmul(Z, basis, { transposeA: true }));
    const problem = defineProblem({
      manifold: product({ basis: grassmann({ m, rank }), offset: euclidean({ shape: [m] }) }),
      cost: ({ basis, offset }) => 0.5 * la.norm(la.subtract(offset, target)) ** 2 - la.inner(basis, image(basis)),
      gradient: {
        kind: 'ambient',
        at: ({ basis, offset }) => ({ basis: la.scale(-2, image(basis)), offset: la.subtract(offset, target) }),
      },
    });
    const { x, cost } = await minimize(problem, precisely);
    return [la.norm(la.subtract(x.offset, target)) - cost, 25 + 16];
  },
  async powermanifold() {
    // Three members at once: each goes its own way to the sphere.
    const target = la.randomNormal([3, n], seededRandom(7));
    const gaps = await la.toRows(target).map((row) => Math.hypot(...row) - 1);
    return [await distanceTo(sphere({ shape: [n], batch: [3] }), target), Math.hypot(...gaps)];
  },
  positivefactory() {
    // The distance of positive numbers is that of their logarithms.
    const positive = spd({ n: 1, batch: [m, n] });
    const [x, y] = [la.full([m, n, 1, 1], 2), la.full([m, n, 1, 1], 6)];
    return [positive.dist(x, y), Math.sqrt(m * n) * Math.log(3)];
  },
  async elliptopefactory() {
    // Max-cut of a five-cycle by its relaxation: (5/8)(5 + √5)/2 of five edges.
    const cycle = la.fromRows(
      Array.from({ length: 5 }, (_, i) => Array.from({ length: 5 }, (_, j) => ((i + 1) % 5 === j || (j + 1) % 5 === i ? 1 : 0))),
    );
    const problem = {
      manifold: elliptope({ n: 5, rank: 3 }),
      cost: (y: HostArray) => 0.25 * la.inner(cycle, la.matmul(y, y, { transposeB: true })),
      gradient: { kind: 'ambient', at: () => la.scale(0.25, cycle) },
    } as const;
    const { cost } = await minimize(problem, { solver: trustRegions(), seed: 1 });
    return [2.5 - cost, (25 + 5 * Math.sqrt(5)) / 8];
  },
  // YYᵀ with ‖Y‖ = 1 has trace one: the largest of ⟨S, YYᵀ⟩ is the largest eigenvalue.
  spectrahedronfactory: async () => [await largestEigenvalue(sphere({ shape: [n, rank] })), 25],
  async specialeuclideanfactory() {
    // The motion x ↦ Rx + t that takes points to where another motion took them is that one.
    const manifold = product({ R: rotations({ n: 3 }), t: euclidean({ shape: [3, 1] }) });
    const [right, points] = [manifold.randomPoint(seededRandom(10)), la.randomNormal([3, 8], seededRandom(11))];
    const ones = la.full([1, 8], 1);
    const moved = ({ R, t }: typeof right): HostArray => la.add(la.matmul(R, points), la.matmul(t, ones));
    const problem = defineProblem({
      manifold,
      cost: (x) => 0.5 * la.norm(la.subtract(moved(x), moved(right))) ** 2,
      gradient: {
        kind: 'ambient',
        at(x) {
          const misfit = la.subtract(moved(x), moved(right));
          return { R: la.matmul(misfit, points, { transposeB: true }), t: la.matmul(misfit, ones, { transposeB: true }) };
        },
      },
    });
    const { x } = await minimize(problem, { ...precisely, seed: 12 });
    return [la.norm(la.subtract(x.R, right.R)) + la.norm(la.subtract(x.t, right.t)), 0];
  },
  async symmetricfactory() {
    // Start and gradient are projected on the symmetric matrices, which no step leaves.
    const sym = (x: HostArray) => la.scale(0.5, la.add(x, la.transpose(x)));
    const target = la.randomNormal([n, n], seededRandom(8));
    const problem = {
      manifold: euclidean({ shape: [n, n] }),
      cost: (x: HostArray) => 0.5 * la.norm(la.subtract(x, target)) ** 2,
      gradient: { kind: 'ambient', at: (x: HostArray) => sym(la.subtract(x, target)) },
    } as const;
    const { x } = await minimize(problem, { initial: la.full([n, n], 0) });
    return [la.norm(la.subtract(x, sym(target))), 0];
  },
  async stiefelgeneralizedfactory() {
    // With B = S the Rayleigh quotient of S is one on every basis; of a generalized subspace as well.
    const onBasis = await largestEigenvalue(generalizedStiefel({ m: n, rank, B: S }), rank);
    return [onBasis + (await largestEigenvalue(generalizedGrassmann({ m: n, rank, B: S }), rank)), 2];
  },
  async spheresymmetricfactory() {
    // Symmetric matrices of norm one, in coordinates of an orthonormal basis of them.
    const basis = symmetricBasis(2);
    const target = la.fromArray([1, 2, 2, 5], [4]);
    const coordinates = la.matmul(basis, la.reshape(target, [4, 1]));
    return [await distanceTo(sphere({ shape: [3, 1] }), coordinates), la.norm(target) - 1];
  },
  async constantfactory() {
    // A constant is no variable: the cost has it. The least of ⟨c, x⟩ over unit vectors is −‖c‖.
    const c = la.fromArray([3, 4, 0, 0, 12], [n]);
    const problem = {
      manifold: sphere({ shape: [n] }),
      cost: (x: HostArray) => la.inner(c, x),
      gradient: { kind: 'ambient', at: () => c },
    } as const;
    return [(await minimize(problem)).cost, -13];
  },
  async multinomialfactory() {
    // The distribution nearest to counts in divergence has their shares.
    const counts = la.fromArray([1, 2, 5], [3]);
    const problem = {
      manifold: simplex({ n: 3 }),
      cost: (p: HostArray) => -la.inner(counts, la.log(p)),
      gradient: { kind: 'ambient', at: (p: HostArray) => la.scale(-1, la.divide(counts, p)) },
    } as const;
    const { x } = await minimize(problem, { stop: gradientNormBelow(1e-8) });
    return [la.toArray(x)[2], 5 / 8];
  },
  hyperbolicfactory() {
    // One point at distances of 3 and 2 from the origin, in the two models; and geodesics that end where they should.
    const unit = la.fromArray([0.6, 0, 0.8, 0, 0], [n]);
    const origin = la.full([n], 0);
    const lorentz = (distance: number): HostArray =>
      la.fromArray([Math.cosh(distance), ...la.toArray(la.scale(Math.sinh(distance), unit))], [n + 1]);
    const [sheet, ball] = [hyperbolic({ n }), poincareBall({ n })];
    const lengths = sheet.dist(lorentz(0), lorentz(3)) + ball.dist(origin, la.scale(Math.tanh(1), unit));
    return [lengths + missed(sheet) + missed(ball), 3 + 2];
  },
};

/** Rows: an orthonormal basis of the symmetric matrices of a size, as vectors. */
function symmetricBasis(size: number): HostArray {
  const rows: number[][] = [];
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      const row = new Array<number>(size * size).fill(0);
      row[i * size + j] = i === j ? 1 : Math.SQRT1_2;
      row[j * size + i] = row[i * size + j];
      rows.push(row);
    }
  }
  return la.fromRows(rows);
}

await runAll(import.meta.url, jobs);
