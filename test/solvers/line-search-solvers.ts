/** First-order solvers that search along lines: those that several tests try. */
import {
  adaptive,
  barzilaiBorwein,
  fletcherReeves,
  gradientDescent,
  hagerZhang,
  hestenesStiefel,
  lbfgs,
  momentum,
  polakRibiere,
  type Solver,
  wolfe,
} from 'bures';

/** A solver by a name, made anew for each run. */
export type SolverTable = Readonly<Record<string, () => Solver>>;

/** The default step size rule is `armijo`. */
export const lineSearchSolvers = {
  armijo: () => gradientDescent(),
  adaptive: () => gradientDescent({ stepSize: adaptive() }),
  barzilaiBorwein: () => gradientDescent({ stepSize: barzilaiBorwein() }),
  momentum: () => gradientDescent({ direction: momentum() }),
  polakRibiere: () => gradientDescent({ direction: polakRibiere() }),
  'hestenesStiefel, wolfe': () => gradientDescent({ direction: hestenesStiefel(), stepSize: wolfe() }),
  'fletcherReeves, wolfe': () => gradientDescent({ direction: fletcherReeves(), stepSize: wolfe() }),
  'hagerZhang, wolfe': () => gradientDescent({ direction: hagerZhang(), stepSize: wolfe() }),
  lbfgs: () => gradientDescent({ direction: lbfgs() }),
} satisfies SolverTable;
