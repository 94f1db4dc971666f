/** What options of solvers in other libraries are here; names in lower case without underscores. */
import type { OptionHints } from '../core/options.js';

/** Start and solver. */
export const startHints: OptionHints = {
  x0: 'name it initial',
  x: 'name it initial',
  start: 'name it initial',
  initialpoint: 'name it initial',
  initialguess: 'name it initial',
  method: 'write solver: gradientDescent({ direction: lbfgs() }), say',
  optimizer: 'name it solver',
  algorithm: 'name it solver',
  deltabar: 'write solver: trustRegions({ maxRadius: … })',
  delta0: 'write solver: trustRegions({ initialRadius: … })',
  linesearch: 'write solver: gradientDescent({ stepSize: armijo() })',
  stepsize: 'write solver: gradientDescent({ stepSize: … })',
  learningrate: 'write solver: gradientDescent({ stepSize: constantStep(0.1) })',
};

const limit = 'write stop: any(gradientNormBelow(1e-6), maxIterations(500))';
const time = 'write stop: any(gradientNormBelow(1e-6), maxSeconds(60))';
const callback = 'write onIteration: ({ iteration, cost, gradientNorm }) => …';

/** The same with the end of a run, and what is called on the way. */
export const runHints: OptionHints = {
  ...startHints,
  maxiter: limit,
  maxiterations: limit,
  iterations: limit,
  maxsteps: limit,
  tolgradnorm: limit,
  mingradientnorm: limit,
  gtol: limit,
  tol: limit,
  tolerance: limit,
  stoppingcriterion: limit,
  maxtime: time,
  timeout: time,
  callback,
  verbosity: callback,
  verbose: callback,
  record: callback,
  debug: callback,
  statsfun: callback,
};
