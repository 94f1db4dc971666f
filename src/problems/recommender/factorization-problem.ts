/**
 * Factorizations of a table whose cost is quadratic in the unknowns of the rows, and in those of the columns: as a
 * problem in the columns alone, with the rows solved for.
 *
 * @see Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
 * separate", SIAM J. Numer. Anal. 10(2), 1973; Okatani and Deguchi, IJCV 72(3), 2007, for factorizations.
 */

import { ShapeError } from '../../core/errors.js';
import { eventLoopYielder, type InParts } from '../../core/event-loop.js';
import { checkNumber } from '../../core/options.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import { type EuclideanManifold, euclidean } from '../../manifolds/euclidean.js';
import { perPoint } from '../../solvers/objective.js';
import type { Problem } from '../../solvers/problem.js';
import type { Memory, SolverFor } from '../../solvers/solver.js';
import { checkOwnProblem } from '../own-problem.js';
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
export type FactorizationProblem = Problem<HostArray, HostArray> & {
  /** All n×k arrays. */
  readonly manifold: EuclideanManifold<HostArray>;
  /** Number of components; k, or k − 1 with biases. */
  readonly rank: number;
  /** Shape [n, k] of a point. */
  readonly unknowns: readonly [number, number];
  /** Solves for the rows, and with these for the columns; remembered for the last points. */
  solve(columns: HostArray): Promise<SolvedRows>;
};

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

/** Momentum of {@link factorSweeps}: sweeps without it take about half as many again to the same cost. */
const usualMomentum = 0.7;

/**
 * Solver, for `minimize` and `iterate`, of {@link biasedFactorization} and {@link implicitFactorization}: alternating
 * least squares with momentum. The evaluation of a point has solved for the rows and for the columns S(x) after them; a
 * step goes on to S(x) + β(S(x) − S(x⁻)), or to S(x) itself where the step before has raised the cost.
 *
 * @param problem - the problem to be solved.
 * @param momentum - β in [0, 1). Default: 0.7. With 0 no step raises the cost, and the sweeps are those of plain
 * alternation.
 * @returns the solver; it needs no step size.
 * @throws ConfigError for a momentum outside of [0, 1), and from the first step for another problem than this.
 * @see Mitchell, Ye and De Sterck, "Nesterov acceleration of alternating least squares for canonical tensor
 * decomposition: momentum step size and restart mechanisms", Numer. Linear Algebra Appl. 27, 2020.
 */
export function factorSweeps(problem: FactorizationProblem, momentum = usualMomentum): SolverFor<HostArray, HostArray> {
  checkNumber('factorSweeps', 'momentum', momentum, { min: 0, below: 1 });
  const la = hostAlgebra();
  return {
    name: 'factorSweeps',
    init(_objective, x) {
      if (la.shape(x).join() !== problem.unknowns.join())
        throw new ShapeError(
          `factorSweeps: expected points of its own problem, of shape [${problem.unknowns}], got [${la.shape(x)}]; pass that problem to minimize`,
        );
      return { x, iteration: 0, memory: {} };
    },
    async step(_objective, { x, iteration, cost, memory }) {
      const { columns, cost: own } = await problem.solve(x);
      const { sweep: before } = memory as { readonly sweep?: Memory<HostArray> };
      if (before === undefined)
        checkOwnProblem(cost, { caller: 'factorSweeps', costs: [own], epsilon: la.epsilon, expected: 'the problem it was made with' });
      const goesOn = momentum > 0 && before !== undefined && cost <= before.numbers.cost;
      const next = goesOn ? la.axpy(momentum, la.subtract(columns, before.tangents.columns), columns) : columns;
      return { x: next, iteration: iteration + 1, memory: { sweep: { tangents: { columns }, numbers: { cost } } } };
    },
  };
}
