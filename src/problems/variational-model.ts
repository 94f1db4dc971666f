/**
 * Variational completion as a problem for `iterate`: the cost and derivative of a model, and the geometry of models.
 */
import { ShapeError } from '../core/errors.js';
import { type HostArray, hostAlgebra } from '../linalg/host/host-algebra.js';
import type { Manifold } from '../manifolds/manifold.js';
import type { Problem } from '../solvers/problem.js';
import type { Alignment } from './variational-alignment.js';
import { stateError, unknownsOf, type Variances, type VariationalState } from './variational-completion.js';
import type { TwoWayEntries } from './variational-entries.js';
import { emptyPosterior, type Posterior } from './variational-posterior.js';

/** Mean and variances that a sweep has learned for the next one. */
export interface LearnedModel {
  /** Mean of all entries. */
  readonly mean: number;
  /** Variances of noise, biases and components. */
  readonly variances: Variances;
  /** Change of coordinates that brings the columns into agreement with the variances. */
  readonly alignment: Alignment;
}

/** Results of a sweep, for the next one. */
export interface Found {
  /** Σ over the entries of the expected squared residual. */
  readonly squares: number;
  /** Model learned for the next sweep; absent if variances are not learned. */
  readonly learned?: LearnedModel;
}

/** A model with the results of its last sweep. */
export interface SweptState extends VariationalState {
  /** Results of the sweep that led to this model; absent before the first sweep. */
  readonly found?: Found;
}

/**
 * Returns the problem of explaining the entries by a model. Its cost is their expected negative log-likelihood,
 *
 * $$ f = \tfrac12\Bigl(N\log\sigma^2+\sigma^{-2}\sum_{(i,j)\in\Omega}\mathbb E\,(z_{ij}-\hat z_{ij})^2\Bigr), \qquad
 *    \frac{\partial f}{\partial\log\sigma^2} = \tfrac12\Bigl(N-\sigma^{-2}\sum_\Omega\mathbb E\,(z_{ij}-\hat z_{ij})^2\Bigr) $$
 *
 * without its constant, with the derivative with respect to the noise, the one unknown that a sweep leaves unchanged. A
 * sweep computes the sum as it goes, so neither costs a pass over the entries. Before the first sweep, the residuals
 * are those of the means.
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
  const manifold = noiseLine(data);
  entriesOf.set(manifold, data.byRow.values);
  return {
    manifold,
    cost: (x) => evaluate(x).cost,
    gradient: { kind: 'riemannian', at: (x) => evaluate(x).gradient },
    costAndGradient: evaluate,
  };
}

/** The values that the models of a manifold are fitted to. */
const entriesOf = new WeakMap<object, Float64Array>();

/** Returns true if a manifold is that of {@link variationalCompletion} for other values than these. */
export function isOfOtherEntries(manifold: object, { byRow }: TwoWayEntries): boolean {
  const values = entriesOf.get(manifold);
  return values !== undefined && values !== byRow.values;
}

/**
 * Returns the line of models that differ only in the noise, with coordinate log σ². Models of any rank are points, each
 * on its own line.
 */
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
    // A model that predicts zero, with a random noise variance.
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
