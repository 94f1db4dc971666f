/** Every field of a problem of Manopt that is here, in a small job: `npx tsx examples/from-manopt/problems.ts`. */
import {
  augmentedLagrangian,
  constantStep,
  euclidean,
  eye,
  type FactoredMatrix,
  type FixedRankPoint,
  fixedRank,
  fixedRankPsd,
  gradientDescent,
  gradientNormBelow,
  type HostArray,
  leastSquares,
  levenbergMarquardt,
  maxIterations,
  minimize,
  perPoint,
  polynomialSearch,
  seededRandom,
  sphere,
  svrg,
  trustRegions,
} from 'bures';
import { autodiff, autodiffVector } from 'bures/autodiff';
import { lowRankApproximation, lowRankProblem } from 'bures/problems';
import { A, largest, manifold, problem } from './eigenvalue.js';
import { type Jobs, la, runAll } from './jobs.js';

const { cost, gradient, hessian } = problem;
const precisely = { solver: trustRegions(), stop: gradientNormBelow(1e-8), seed: 2 };

export const jobs: Jobs = {
  M: async () => [manifold.dim, largest - 1],
  cost: async () => [cost(la.qr(la.full([9, 1], 1)).Q), -la.total(A) / 9],
  '@pymanopt.function.numpy': async () => [
    (await minimize({ manifold, cost: (x) => -la.inner(x, la.matmul(A, x)), gradient }, precisely)).cost,
    -largest,
  ],
  async egrad() {
    // Dense, or as factors where it has low rank: of −⟨LRᵀ, X⟩ + ½‖X‖² the gradient is X − LRᵀ, and the minimum LRᵀ.
    const manifold = fixedRank({ m: 7, n: 5, rank: 2 });
    const [L, R] = [la.randomNormal([7, 2], seededRandom(6)), la.randomNormal([5, 2], seededRandom(7))];
    const low = la.matmul(L, R, { transposeB: true });
    const onFactors = {
      manifold,
      cost: (x: FixedRankPoint<HostArray>) => 0.5 * la.norm(la.subtract(manifold.toMatrix(x), low)) ** 2,
      gradient: {
        kind: 'ambient',
        at: ({ U, S, V }: FixedRankPoint<HostArray>) =>
          ({
            kind: 'factored',
            left: la.concat([la.scaleColumns(U, S), la.scale(-1, L)], 'columns'),
            right: la.concat([V, R], 'columns'),
          }) as const,
      },
    } as const;
    const { cost: missing } = await minimize(onFactors, { solver: trustRegions(), seed: 1 });
    return [(await minimize(problem, precisely)).cost + missing, -largest];
  },
  async grad() {
    const riemannian = { kind: 'riemannian', at: (x: HostArray) => manifold.project(x, gradient.at(x)) } as const;
    return [(await minimize({ manifold, cost, gradient: riemannian }, precisely)).cost, -largest];
  },
  async costgrad() {
    // One product with A gives both.
    let products = 0;
    const costAndGradient = (x: HostArray) => {
      products++;
      const Ax = la.matmul(A, x);
      return { cost: -la.inner(x, Ax), gradient: la.scale(-2, Ax) };
    };
    const { history } = await minimize({ manifold, cost, gradient, costAndGradient }, { stop: maxIterations(4), seed: 2 });
    return [products, history.length];
  },
  async ehess() {
    const { solver, cost: found } = await minimize({ manifold, cost, gradient, hessian }, precisely);
    return [solver.includes('difference') ? Number.NaN : found, -largest];
  },
  async approxhess() {
    const { solver, cost: found } = await minimize({ manifold, cost, gradient }, precisely);
    return [solver.includes('difference') ? found : Number.NaN, -largest];
  },
  async precon() {
    // The inverse of a shifted A, projected to the tangent space.
    const factor = la.cholesky(la.add(A, eye(la, 9)));
    const solve = (u: HostArray) => la.solveTriangular(factor, la.solveTriangular(factor, u), { transpose: true });
    const preconditioner = { at: (x: HostArray, u: HostArray) => manifold.project(x, solve(u)) };
    return [(await minimize({ ...problem, preconditioner }, precisely)).cost, -largest];
  },
  async linesearch() {
    // The problems of the library state their cost along a line as a polynomial.
    const data = la.randomNormal([7, 5], seededRandom(3));
    const approximation = lowRankApproximation({ manifold: fixedRank({ m: 7, n: 5, rank: 2 }), data });
    const solver = gradientDescent({ stepSize: polynomialSearch() });
    const { S } = la.svd(data);
    const { cost: found } = await minimize(approximation, { solver, stop: gradientNormBelow(1e-7) });
    return [approximation.costAlong === undefined ? Number.NaN : 2 * found, la.inner(S, S) - la.toArray(S)[0] ** 2 - la.toArray(S)[1] ** 2];
  },
  async partialgrad() {
    // The mean of rows, one row a step; SVRG has a constant step all the same.
    const rows = la.randomNormal([8, 3], seededRandom(4));
    const row = (i: number) => la.reshape(la.slice(rows, { rows: [i, i + 1] }), [3]);
    const terms = {
      manifold: euclidean({ shape: [3] }),
      cost: (x: HostArray, batch: readonly number[]) =>
        batch.reduce((sum, i) => sum + 0.5 * la.norm(la.subtract(x, row(i))) ** 2, 0) / batch.length,
      gradient: {
        kind: 'ambient',
        at: (x: HostArray, batch: readonly number[]) =>
          la.scale(
            1 / batch.length,
            batch.map((i) => la.subtract(x, row(i))).reduce((sum, one) => la.add(sum, one)),
          ),
      },
      nextBatch: (k: number) => [k % 8],
      wholeBatch: () => [0, 1, 2, 3, 4, 5, 6, 7],
    } as const;
    const solver = svrg({ stepSize: 0.3, innerSteps: 8 });
    const { x } = await minimize(terms, { solver, stop: maxIterations(60) });
    return [la.norm(la.subtract(x, la.scale(1 / 8, la.sum(rows, 'columns')))), 0];
  },
  async ConstrainedManifoldObjective() {
    // The point of the sphere nearest to (1, 1, 1) with x₁ = 0 and x₂ ≤ ½ is (0, ½, √¾).
    const target = la.full([3], 1);
    const entry = (i: number) =>
      la.fromArray(
        [0, 1, 2].map((j) => Number(i === j)),
        [3],
      );
    const constraint = (i: number, bound: number) => ({
      at: (x: HostArray) => la.fromArray([la.inner(entry(i), x) - bound], [1]),
      vjp: { kind: 'ambient', at: (_x: HostArray, w: HostArray) => la.scale(la.total(w), entry(i)) } as const,
    });
    const { x } = await augmentedLagrangian({
      manifold: sphere({ shape: [3] }),
      cost: (x: HostArray) => -la.inner(x, target),
      gradient: { kind: 'ambient', at: () => la.scale(-1, target) },
      equality: constraint(0, 0),
      inequality: constraint(1, 0.5),
    });
    return [la.toArray(x)[2], Math.sqrt(0.75)];
  },
  async NonlinearLeastSquaresObjective() {
    // A line through three points, with residuals in place of a cost.
    const X = la.fromRows([
      [1, 0],
      [1, 1],
      [1, 2],
    ]);
    const y = la.fromRows([[1], [3], [5]]);
    const residual = {
      at: (c: HostArray) => la.subtract(la.matmul(X, c), y),
      jvp: (_c: HostArray, u: HostArray) => la.matmul(X, u),
      vjp: { kind: 'ambient', at: (_c: HostArray, w: HostArray) => la.matmul(X, w, { transposeA: true }) } as const,
    };
    const { x } = await minimize(leastSquares({ manifold: euclidean({ shape: [2, 1] }), residual }), { solver: levenbergMarquardt() });
    return [la.toArray(x)[1], 2];
  },
  async store() {
    let computed = 0;
    const product = perPoint((x: HostArray) => {
      computed++;
      return la.matmul(A, x);
    });
    const shared = {
      manifold,
      cost: (x: HostArray) => -la.inner(x, product(x, undefined)),
      gradient: { kind: 'ambient', at: (x: HostArray) => la.scale(-2, product(x, undefined)) },
    } as const;
    const { history } = await minimize(shared, { solver: gradientDescent({ stepSize: constantStep(0.05) }), stop: maxIterations(5) });
    return [computed, history.length];
  },
  async manoptAD() {
    const own = autodiff(la, (ops, x: HostArray) => ops.scale(-1, ops.inner(x, ops.matmul(A, x))));
    const residual = autodiffVector(la, (ops, x: HostArray) => ops.subtract(ops.matmul(A, x), la.full([9, 1], 1)));
    const solution = await minimize(leastSquares({ manifold: euclidean({ shape: [9, 1] }), residual }), { solver: levenbergMarquardt() });
    return [(await minimize({ manifold, ...own }, precisely)).cost + solution.cost, -largest];
  },
  async burermonteirolift() {
    // min ⟨C, YYᵀ⟩ with trace one is the smallest eigenvalue; a cost of ABᵀ by products with its gradient alone.
    const onFactors = {
      manifold: sphere({ shape: [9, 2] }),
      cost: (y: HostArray) => la.inner(y, la.matmul(A, y)),
      gradient: { kind: 'ambient', at: (y: HostArray) => la.scale(2, la.matmul(A, y)) },
    } as const;
    const psd = fixedRankPsd({ n: 9, rank: 2 });
    const target = la.randomNormal([7, 5], seededRandom(5));
    const product = (x: FactoredMatrix<HostArray>) => la.matmul(x.left, x.right, { transposeB: true });
    const lifted = lowRankProblem(fixedRank({ m: 7, n: 5, rank: 2 }), {
      shape: [7, 5],
      at(x) {
        const gap = la.subtract(product(x), target);
        const along = (first: FactoredMatrix<HostArray>, second: FactoredMatrix<HostArray>) => {
          const [u, v] = [product(first), product(second)];
          const [gg, gu, gv, uu, uv, vv] = [
            la.inner(gap, gap),
            la.inner(gap, u),
            la.inner(gap, v),
            la.inner(u, u),
            la.inner(u, v),
            la.inner(v, v),
          ];
          return [gg / 2, gu, uu / 2 + gv, uv, vv / 2];
        };
        return { holds: [gap], cost: () => 0.5 * la.norm(gap) ** 2, gradient: gap, hessian: product, along };
      },
    });
    const { S } = la.svd(target);
    const missing = la.inner(S, S) - la.toArray(S)[0] ** 2 - la.toArray(S)[1] ** 2;
    const { cost: smallest } = await minimize(onFactors, precisely);
    const { cost: rest } = await minimize(lifted, { solver: trustRegions() });
    return [smallest + 2 * rest + psd.dim, 1 + missing + 17];
  },
};

await runAll(import.meta.url, jobs);
