/**
 * Factorizations of a table whose cost is quadratic in the unknowns of the rows, and in those of the columns: as a
 * problem in the columns alone, with the rows solved for.
 *
 * @see Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
 * separate", SIAM J. Numer. Anal. 10(2), 1973; Okatani and Deguchi, IJCV 72(3), 2007, for factorizations.
 */
import { eventLoopYielder, type InParts } from '../../core/event-loop.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import { type EuclideanManifold, euclidean } from '../../manifolds/euclidean.js';
import { perPoint } from '../../solvers/objective.js';
import type { Problem } from '../../solvers/problem.js';
import type { SolverFor } from '../../solvers/solver.js';
import type { TwoWayEntries } from '../variational-entries.js';
import { penaltyOf, type Ridge, regressRows, type Weighting } from './row-regressions.js';

/** The rows that fit given columns best, and the columns that fit those rows best. */
export interface SolvedRows {
  /** Cost of the columns with these rows. */
  readonly cost: number;
  /** Unknowns of the rows, m×k. */
  readonly rows: HostArray;
  /** Gradient of the cost by the columns, n×k. */
  readonly gradient: HostArray;
  /** Unknowns of the columns that fit these rows best, n×k. */
  readonly columns: HostArray;
  /** Cost of these columns with these rows. */
  readonly columnsCost: number;
}

/**
 * The problem of factorizing a table, in the unknowns of the columns, n×k. Its cost is the least one over the rows, so
 * that the gradient is the partial one by the columns; one evaluation is one sweep of alternating least squares.
 */
export interface FactorizationProblem extends Problem<HostArray, HostArray> {
  /** All n×k arrays. */
  readonly manifold: EuclideanManifold<HostArray>;
  /** Number of components; k, or k − 1 with biases. */
  readonly rank: number;
  /** Shape [n, k] of a point. */
  readonly unknowns: readonly [number, number];
  /** Solves for the rows, and with these for the columns; remembered for the last points. */
  solve(columns: HostArray): Promise<SolvedRows>;
}

/** What a factorization is made of. */
export interface FactorizationParts {
  readonly data: TwoWayEntries;
  readonly rank: number;
  readonly weighting: Weighting;
  /** Ridge on the k unknowns of a row or column. */
  readonly ridge: Ridge;
}

/** Returns the problem of a factorization. */
export function factorizationProblem({ data, rank, weighting, ridge }: FactorizationParts): FactorizationProblem {
  const la = hostAlgebra();
  const [m, n, k] = [data.byRow.count, data.byColumn.count, ridge.own.length];
  const solve = perPoint(async (point: HostArray): Promise<SolvedRows> => {
    const unknowns = la.peek(point);
    const [rows, columns, gradient] = [m, n, n].map((count) => new Float64Array(count * k));
    const turn = eventLoopYielder();
    const ofRows = await inTurns(regressRows({ entries: data.byRow, beside: unknowns, ridge, weighting, solutions: rows }), turn);
    const at = { unknowns, gradient };
    const byColumns = { entries: data.byColumn, beside: rows, ridge, weighting, solutions: columns, at };
    const ofColumns = await inTurns(regressRows(byColumns), turn);
    const arrayOf = (values: Float64Array, count: number): HostArray => la.fromArray(values, [count, k]);
    return {
      cost: 0.5 * (ofRows + penaltyOf(data.byColumn, unknowns, ridge)),
      rows: arrayOf(rows, m),
      gradient: arrayOf(gradient, n),
      columns: arrayOf(columns, n),
      columnsCost: 0.5 * (ofColumns + penaltyOf(data.byRow, rows, ridge)),
    };
  });
  return {
    manifold: euclidean({ shape: [n, k] }),
    rank,
    unknowns: [n, k],
    solve,
    cost: async (x) => (await solve(x)).cost,
    gradient: { kind: 'ambient', at: async (x) => (await solve(x)).gradient },
    costAndGradient: solve,
  };
}

/** Runs a computation to its end, letting the event loop run between its parts. */
async function inTurns<Result>(parts: InParts<Result>, turn: () => Promise<void>): Promise<Result> {
  let next = parts.next();
  while (!next.done) {
    await turn();
    next = parts.next();
  }
  return next.value;
}

/**
 * Solver, for `minimize` and `iterate`, of {@link biasedFactorization} and {@link implicitFactorization}: alternating
 * least squares. The evaluation of a point has solved for the rows and for the columns after them, so that a step takes
 * no more than the point that is known.
 *
 * @param problem - the problem to be solved.
 * @returns the solver; it needs no step size, and no step raises the cost.
 * @see Zhou, Wilkinson, Schreiber and Pan, "Large-scale parallel collaborative filtering for the Netflix prize",
 * AAIM 2008.
 */
export function factorSweeps(problem: FactorizationProblem): SolverFor<HostArray, HostArray> {
  return {
    name: 'factorSweeps',
    init: (_objective, x) => ({ x, iteration: 0, memory: {} }),
    step: async (_objective, { x, iteration }) => ({ x: (await problem.solve(x)).columns, iteration: iteration + 1, memory: {} }),
  };
}
