/** Who takes part in the bench of solvers: every solver on every geometry, and algorithms of completion's own. */
import {
  armijo,
  barzilaiBorwein,
  type CsrMatrix,
  fixedRank,
  fletcherReeves,
  gradientDescent,
  type HostAlgebra,
  type HostArray,
  hagerZhang,
  hestenesStiefel,
  hyperBalancedFactors,
  iterate,
  lbfgs,
  levenbergMarquardt,
  NumericalError,
  polakRibiere,
  polynomialSearch,
  type Solver,
  svrg,
  trustRegions,
  wolfe,
} from 'bures';
import { alternatingLeastSquares, completeMatrix, type LowRankPoint, matrixCompletion, matrixIrls } from 'bures/problems';
import { GEOMETRIES, type Geometry } from './solver-geometries.js';
import type { SolverProblem } from './solver-problems.js';
import { completionSum, TERMS } from './solver-sum.js';

/** Receives each iterate, the start included, with the clock stopped; true: enough. */
export type Report = (x: LowRankPoint<HostArray>, iteration: number) => boolean;

/**
 * Runs until the report is content, or by itself ends.
 * @returns why it ended by itself; `undefined` where it was told to.
 */
export type Run = (report: Report) => Promise<string | undefined>;

/** A solver on a geometry. */
export interface Contestant {
  readonly solver: string;
  /** Left out for algorithms that have none to choose. */
  readonly geometry?: string;
  /** Whether it descends on manifolds of matrices of fixed rank. */
  readonly riemannian: boolean;
  /** What is to be timed; `undefined` where the problem is not of its kind. */
  prepare(la: HostAlgebra, problem: SolverProblem): Run | undefined;
}

const exact = polynomialSearch();

/** Of problems that state residuals only. */
const RESIDUALS = 'Levenberg–Marquardt';

/** Solvers as the library has them, at their defaults: "exact" is the step that minimizes along the line. */
const SOLVERS: Readonly<Record<string, () => Solver>> = {
  'steepest descent, Armijo': () => gradientDescent({ stepSize: armijo() }),
  'steepest descent, exact': () => gradientDescent({ stepSize: exact }),
  'Barzilai–Borwein': () => gradientDescent({ stepSize: barzilaiBorwein() }),
  'CG Fletcher–Reeves, exact': () => gradientDescent({ direction: fletcherReeves(), stepSize: exact }),
  'CG Polak–Ribière, exact': () => gradientDescent({ direction: polakRibiere(), stepSize: exact }),
  'CG Hestenes–Stiefel, exact': () => gradientDescent({ direction: hestenesStiefel(), stepSize: exact }),
  'CG Hager–Zhang, Wolfe': () => gradientDescent({ direction: hagerZhang(), stepSize: wolfe() }),
  'L-BFGS, Armijo': () => gradientDescent({ direction: lbfgs(), stepSize: armijo() }),
  'trust regions': () => trustRegions(),
  [RESIDUALS]: () => levenbergMarquardt(),
};

const SUM = 'SVRG';

/** The solvers' names, as the rows of a table. */
export const SOLVER_NAMES: readonly string[] = [...Object.keys(SOLVERS), SUM];

/** The algorithms that choose their own geometry. */
export const OWN_NAMES = {
  continuation: 'rank continuation, CG Hestenes–Stiefel',
  continuedRegions: 'rank continuation, trust regions',
  irls: 'MatrixIRLS',
  alternating: 'alternating least squares',
} as const;

/** Everybody, in the order of the table. */
export const CONTESTANTS: readonly Contestant[] = [
  ...Object.entries(SOLVERS).flatMap(([solver, make]) => GEOMETRIES.map((geometry) => descent(solver, geometry, make))),
  ...GEOMETRIES.map(varianceReduction),
  rankContinuation(OWN_NAMES.continuation, () => gradientDescent({ direction: hestenesStiefel(), stepSize: exact })),
  rankContinuation(OWN_NAMES.continuedRegions, () => trustRegions()),
  { solver: OWN_NAMES.irls, riemannian: true, prepare: reweighting },
  { solver: OWN_NAMES.alternating, riemannian: false, prepare: alternating },
];

function descent(solver: string, geometry: Geometry, make: () => Solver): Contestant {
  return {
    solver,
    geometry: geometry.name,
    riemannian: true,
    prepare: (la, problem) =>
      geometry.place(la, problem, problem.start, (manifold, initial) => {
        const placed = problem.on(manifold);
        if (solver === RESIDUALS && placed.linearize === undefined) return undefined;
        return (report) => through(iterate(placed, { solver: make(), initial }), report);
      }),
  };
}

/** An epoch is two passes over the terms; the step is a share of what the curvature of the whole cost allows. */
function varianceReduction(geometry: Geometry): Contestant {
  return {
    solver: SUM,
    geometry: geometry.name,
    riemannian: true,
    prepare: (la, problem) => {
      const { observed, m, n } = problem;
      if (observed === undefined) return undefined;
      const curvature = (observed.columnIndices.length / (m * n)) * geometry.curvature(Math.sqrt(m * n));
      return geometry.place(la, problem, problem.start, (manifold, initial) => {
        const sum = completionSum(la, manifold, observed);
        const solver = svrg({ innerSteps: 2 * TERMS, stepSize: SVRG_STEP / curvature });
        return (report) => through(iterate(sum, { solver, initial }), report);
      });
    },
  };
}

/**
 * The step of `svrg` in units of the inverse curvature: shares of the entries curve more than their mean, and at 0.25
 * the run diverges.
 */
const SVRG_STEP = 0.1;

/**
 * Takes steps until the report is content, the solver stalls, or it breaks down numerically, as steps that are too long
 * do.
 */
async function through(
  steps: AsyncGenerator<
    { readonly iteration: number; readonly state: { readonly x: LowRankPoint<HostArray>; readonly stalled?: string } },
    unknown
  >,
  report: Report,
): Promise<string | undefined> {
  try {
    for await (const { state, iteration } of steps) {
      if (state.stalled !== undefined) return state.stalled;
      if (report(state.x, iteration)) return undefined;
    }
  } catch (error) {
    if (!(error instanceof NumericalError)) throw error;
    return `diverged: ${error.message}`;
  }
  return 'no more steps';
}

/** `completeMatrix` from rank 1 up, with its own start: all of it is timed. */
function rankContinuation(name: string, make: () => Solver): Contestant {
  return {
    solver: name,
    riemannian: true,
    prepare: (la, { observed, rank }) => observed && ((report) => continueRanks(la, observed, rank, make(), report)),
  };
}

/** The last stage is left to end by the report: its own limits are out of reach. */
async function continueRanks(
  la: HostAlgebra,
  observed: CsrMatrix<HostArray>,
  rank: number,
  solver: Solver,
  report: Report,
): Promise<string | undefined> {
  const enough = new AbortController();
  let steps = 0;
  const watched: Solver = {
    ...solver,
    async step(problem, state, interrupted) {
      const next = await solver.step(problem, state, interrupted);
      // completeMatrix works on fixedRank alone.
      if (next.stalled === undefined && report(next.x as LowRankPoint<HostArray>, ++steps)) enough.abort();
      return next;
    },
  };
  const limits = { maxIterations: 10_000, relativeResidual: 1e-12 } as const;
  const { stopReason } = await completeMatrix(la, observed, { rank, solver: watched, signal: enough.signal, ...limits });
  return enough.signal.aborted ? undefined : stopReason;
}

function reweighting(la: HostAlgebra, { observed, start, m, n, rank }: SolverProblem): Run | undefined {
  if (observed === undefined) return undefined;
  const problem = matrixCompletion({ manifold: fixedRank({ m, n, rank, algebra: la }), observed });
  return (report) => through(iterate(problem, { solver: matrixIrls(la, observed), initial: start }), report);
}

function alternating(la: HostAlgebra, { observed, start }: SolverProblem): Run | undefined {
  if (observed === undefined) return undefined;
  return async (report) => {
    let told = false;
    const { stopReason } = await alternatingLeastSquares(la, observed, {
      initial: hyperBalancedFactors(la, start),
      maxSweeps: 10_000,
      relativeResidual: 1e-12,
      onSweep: ({ x, sweep }) => {
        told = report(x, sweep);
        return told;
      },
    });
    return told ? undefined : stopReason;
  };
}
