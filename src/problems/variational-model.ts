/** Variational completion as a problem for the engine: what a sweep says of a model, and the geometry in which it says it. */
import { ShapeError } from '../core/errors.js';
import { type HostArray, hostAlgebra } from '../linalg/host/host-algebra.js';
import type { Manifold } from '../manifolds/manifold.js';
import type { Problem } from '../solvers/problem.js';
import type { Alignment } from './variational-alignment.js';
import { stateError, unknownsOf, type Variances, type VariationalState } from './variational-completion.js';
import type { TwoWayEntries } from './variational-entries.js';
import { emptyPosterior, type Posterior } from './variational-posterior.js';

/** What a sweep has learned for the next one. */
export interface LearnedModel {
  /** The mean of all entries. */
  readonly mean: number;
  /** The variances of noise, biases and components. */
  readonly variances: Variances;
  /** What brings the columns into agreement with them. */
  readonly alignment: Alignment;
}

/** What a sweep found, for the sweep after it. */
export interface Found {
  /** Σ over the entries of the expected squared residual. */
  readonly squares: number;
  /** Where variances are learned: those for the next sweep, and what brings the columns into agreement with them. */
  readonly learned?: LearnedModel;
}

/** A model with what its last sweep found. Before the first sweep nothing is found. */
export interface SweptState extends VariationalState {
  /** Of the sweep that led here. */
  readonly found?: Found;
}

/**
 * How well a model explains the entries: their expected negative log-likelihood, without its constant,
 *
 * $$ f = \tfrac12\Bigl(N\log\sigma^2+\sigma^{-2}\sum_{(i,j)\in\Omega}\mathbb E\,(z_{ij}-\hat z_{ij})^2\Bigr), \qquad
 *    \frac{\partial f}{\partial\log\sigma^2} = \tfrac12\Bigl(N-\sigma^{-2}\sum_\Omega\mathbb E\,(z_{ij}-\hat z_{ij})^2\Bigr) $$
 *
 * with its derivative by the one unknown that a sweep leaves where it was, the noise. A sweep computes the sum as it goes, so that neither costs a pass over the entries. At a model that no sweep
 * has seen, the residuals are those of its means.
 *
 * @see variationalSweeps, the solver.
 */
export function variationalCompletion(data: TwoWayEntries): Problem<HostArray, SweptState, HostArray> {
  const la = hostAlgebra();
  const count = data.byRow.values.length;
  const evaluate = (x: SweptState): { readonly cost: number; readonly gradient: HostArray } => {
    const { noise } = x.variances;
    const ratio = (x.found?.squares ?? count * stateError(x, data.matrix) ** 2) / noise;
    return { cost: 0.5 * (count * Math.log(noise) + ratio), gradient: la.fromArray([0.5 * (count - ratio)], [1]) };
  };
  return {
    manifold: noiseLine(data),
    cost: (x) => evaluate(x).cost,
    gradient: { kind: 'riemannian', at: (x) => evaluate(x).gradient },
    costAndGradient: evaluate,
  };
}

/** Models that differ by the noise alone: a line, with log σ² for its coordinate. Models of any rank are points, each on a line of its own. */
function noiseLine(data: TwoWayEntries): Manifold<HostArray, SweptState, HostArray> {
  const la = hostAlgebra();
  const [m, n] = [data.byRow.count, data.byColumn.count];
  const identity = (u: HostArray): HostArray => u;
  const same = (_x: SweptState, u: HostArray): HostArray => u;
  const retract = (x: SweptState, u: HostArray, t = 1): SweptState => {
    return { ...x, variances: { ...x.variances, noise: x.variances.noise * Math.exp(t * la.peek(u)[0]) } };
  };
  const difference = (x: SweptState, y: SweptState): HostArray => la.fromArray([Math.log(y.variances.noise / x.variances.noise)], [1]);
  return {
    name: `variationalModels(${m}×${n})`,
    algebra: la,
    dim: 1,
    typicalDist: 1,
    retractionOrder: 2,
    checkPoint(x) {
      checkPosterior('rows', x, x.rows, m);
      checkPosterior('columns', x, x.columns, n);
    },
    inner: (_x, u, v) => la.inner(u, v),
    norm: (_x, u) => la.norm(u),
    dist: (x, y) => la.norm(difference(x, y)),
    project: same,
    embed: same,
    toTangent: same,
    admissible: same,
    egradToRgrad: same,
    coordinatesToRgrad: (x, derivative) => la.fromArray([x.variances.noise * derivative.variances.noise], [1]),
    retract,
    retractTransport: (x, u, t) => ({ point: retract(x, u, t), vector: identity, covector: identity, secondMoment: identity }),
    transport: (_x, _y, u) => u,
    difference,
    inverseRetract: difference,
    exp: retract,
    log: difference,
    // A model that predicts nothing, with noise of some size.
    randomPoint: (random) => ({
      rank: 0,
      biases: false,
      mean: 0,
      variances: { noise: Math.exp(random.normal()), rows: new Float64Array(0), columns: new Float64Array(0) },
      rows: emptyPosterior(m, 0),
      columns: emptyPosterior(n, 0),
    }),
    randomTangent: (_x, random) => la.fromArray([Math.sign(random.normal()) || 1], [1]),
    zeroTangent: () => la.full([1], 0),
  };
}

function checkPosterior(name: 'rows' | 'columns', x: VariationalState, { means }: Posterior, count: number): void {
  const k = unknownsOf(x);
  if (means.length === count * k && x.variances[name].length === k) return;
  throw new ShapeError(
    `variationalCompletion: expected ${count} ${name} of ${k} unknowns, got ${means.length} means and ${x.variances[name].length} variances; start from additiveState or withComponents of the same entries`,
  );
}
