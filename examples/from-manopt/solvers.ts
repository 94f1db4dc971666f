/** Every solver of Manopt that is here, on the largest eigenvalue: `npx tsx examples/from-manopt/solvers.ts`. */
import {
  adam,
  adamw,
  adaptive,
  armijo,
  augmentedLagrangian,
  barzilaiBorwein,
  conjugateRule,
  constantStep,
  type DirectionRule,
  euclidean,
  fixedRank,
  fletcherReeves,
  gradientDescent,
  gradientNormBelow,
  type HostArray,
  hagerZhang,
  hestenesStiefel,
  lbfgs,
  leastSquares,
  levenbergMarquardt,
  maxIterations,
  minimize,
  momentum,
  polakRibiere,
  polynomialSearch,
  projectedLbfgs,
  type Solver,
  seededRandom,
  sgd,
  svrg,
  trustRegions,
  wolfe,
} from 'bures';
import { autodiffVector } from 'bures/autodiff';
import { lowRankApproximation } from 'bures/problems';
import { A, largest, problem } from './eigenvalue.js';
import { type Jobs, la, type Outcome, runAll } from './jobs.js';

/** Finds the eigenvalue with a solver. */
async function by(solver: Solver): Promise<Outcome> {
  const { cost } = await minimize(problem, { solver, seed: 2, stop: gradientNormBelow(1e-5) });
  return [-cost, largest];
}

const conjugate = (direction: DirectionRule): Promise<Outcome> => by(gradientDescent({ direction, stepSize: wolfe() }));
const searching = (stepSize: ReturnType<typeof armijo>): Promise<Outcome> => by(gradientDescent({ stepSize }));

/** The worst of several outcomes of one right value. */
async function worst(outcomes: readonly Promise<Outcome>[]): Promise<Outcome> {
  const all = await Promise.all(outcomes);
  return all.reduce((far, one) => (Math.abs(one[0] - one[1]) > Math.abs(far[0] - far[1]) ? one : far));
}

export const jobs: Jobs = {
  steepestdescent: () => by(gradientDescent()),
  conjugategradient: () => conjugate(hestenesStiefel()),
  beta_type: () => worst([fletcherReeves(), polakRibiere(), hestenesStiefel(), hagerZhang()].map(conjugate)),
  // Liu and Storey's weight is ⟨g, y⟩ over the slope of the step before.
  'L-S': () =>
    conjugate(
      conjugateRule('Liu–Storey', async ({ gradient, gradientChange, previousDirection, inner }) => {
        const previousSlope = (await inner(previousDirection, gradient)) - (await inner(previousDirection, gradientChange));
        return Math.max(0, -(await inner(gradient, gradientChange)) / previousSlope);
      }),
    ),
  'S-D': () => by(gradientDescent({ direction: sgd() })),
  orth_value: () => conjugate(polakRibiere({ orthogonality: 0.1, restartEvery: 20 })),
  barzilaiborwein: () => by(gradientDescent({ stepSize: barzilaiBorwein() })),
  rlbfgs: () => conjugate(lbfgs()),
  trustregions: () => by(trustRegions()),
  Delta_bar: () => by(trustRegions({ maxRadius: 3, initialRadius: 0.3, acceptance: 0.1, kappa: 0.1, theta: 1, maxInner: 8 })),
  // Begun at the saddle of another eigenvector, it leaves it by a direction of negative curvature.
  async useRand() {
    const { vectors } = la.eigh(A);
    const initial = la.slice(vectors, { columns: [3, 4] });
    const { cost } = await minimize(problem, { solver: trustRegions({ saddleProducts: 40 }), initial });
    return [-cost, largest];
  },
  async stochasticgradient() {
    // Batches weigh the cost by ½ and 1½ in turn; every rule of a direction finds the eigenvalue to the noise of its
    // steps.
    const noisy = {
      manifold: problem.manifold,
      cost: (x: HostArray, s: number) => (1 + s) * problem.cost(x),
      gradient: { kind: 'ambient', at: (x: HostArray, s: number) => la.scale(1 + s, problem.gradient.at(x)) },
      nextBatch: (k: number) => (k % 2 === 0 ? 0.5 : -0.5),
      wholeBatch: () => 0,
    } as const;
    const solvers = [
      ...[sgd(), momentum(), adam(), adamw({ weightDecay: 0 })].map((direction) =>
        gradientDescent({ direction, stepSize: constantStep((k) => 0.03 * 0.99 ** k) }),
      ),
      svrg({ innerSteps: 4, stepSize: 0.01 }),
    ];
    const found = await Promise.all(
      solvers.map(async (solver) => {
        const { x } = await minimize(noisy, { solver, seed: 2, stop: maxIterations(800) });
        return -problem.cost(x);
      }),
    );
    return [Math.min(...found), largest];
  },
  async LevenbergMarquardt() {
    const residual = autodiffVector(la, (ops, x: HostArray) => ops.subtract(ops.matmul(A, x), la.full([9, 1], 1)));
    const settled = leastSquares({ manifold: euclidean({ shape: [9, 1] }), residual, loss: 'huber' });
    return [(await minimize(settled, { solver: levenbergMarquardt() })).cost, 0];
  },
  async augmented_Lagrangian_method() {
    // Orthogonal to the eigenvector of 9, the largest eigenvalue is 8.
    const last = la.slice(la.eigh(A).vectors, { columns: [8, 9] });
    const equality = {
      at: (x: HostArray) => la.reshape(la.matmul(last, x, { transposeA: true }), [1]),
      vjp: { kind: 'ambient', at: (_x: HostArray, w: HostArray) => la.scale(la.total(w), last) } as const,
    };
    const { x } = await augmentedLagrangian({ ...problem, equality }, { seed: 3 });
    return [-problem.cost(x), largest - 1];
  },
  async 'L-BFGS-B'() {
    // The nearest point of a box.
    const target = la.fromArray([2, -1, 0.3], [3]);
    const box = {
      manifold: euclidean({ shape: [3] }),
      cost: (x: HostArray) => 0.5 * la.norm(la.subtract(x, target)) ** 2,
      gradient: { kind: 'ambient', at: (x: HostArray) => la.subtract(x, target) },
    } as const;
    const { x } = await minimize(box, { solver: projectedLbfgs({ lower: 0, upper: 1 }), initial: la.full([3], 0.5) });
    return [la.total(x), 1.3];
  },
  async manoptsolve() {
    return [-(await minimize(problem, { seed: 2 })).cost, largest];
  },
  linesearch: () => searching(armijo()),
  linesearch_adaptive: () => searching(adaptive()),
  linesearch_constant: () => worst([searching(constantStep(0.05)), searching(constantStep((k) => 0.05 / (1 + k / 1000)))]),
  async linesearch_hint() {
    const data = la.randomNormal([7, 5], seededRandom(3));
    const approximation = lowRankApproximation({ manifold: fixedRank({ m: 7, n: 5, rank: 4 }), data });
    const { cost } = await minimize(approximation, {
      solver: gradientDescent({ stepSize: polynomialSearch() }),
      stop: gradientNormBelow(1e-7),
    });
    return [Math.sqrt(2 * cost), la.toArray(la.svd(data).S)[4]];
  },
};

await runAll(import.meta.url, jobs);
