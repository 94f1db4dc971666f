/**
 * The interior of the probability simplex with the Fisher metric: the distributions on n outcomes, all of positive
 * probability.
 *
 * Point: p ∈ ℝⁿ with p > 0, Σp = 1. Tangent: u with Σu = 0. Metric Σ uᵢvᵢ/pᵢ. Dimension n − 1. p ↦ 2√p is an isometry
 * onto the positive part of the sphere of radius 2, where geodesics are great circles.
 *
 * @see Amari and Nagaoka, Methods of Information Geometry, 2000, section 2.5; Åström, Petra, Schmitzer and Schnörr,
 * "Image labeling by assignment", J. Math. Imaging Vis. 58, 2017.
 */
import { DomainError, NumericalError, ShapeError } from '../core/errors.js';
import { declareOptions, size } from '../core/options.js';
import { algebraOption, algebraOrElementary } from '../linalg/host/default-algebra.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { batchOption, batchPrefix, checkFinite, checkShape, checkStep, pointTolerance } from './checks.js';
import { defineManifold } from './define-manifold.js';
import type { GeodesicManifold } from './manifold.js';
import { type VectorRows, vectorRows } from './vector-rows.js';

/** Options of {@link simplex}. */
export interface SimplexOptions<M> {
  /** Number of outcomes, at least 2. */
  readonly n: number;
  /** Leading axes: a batched point is a point of the power manifold. Default: none. */
  readonly batch?: readonly number[];
  /** The engine. Default: float64 on the host. */
  readonly algebra?: LinearAlgebra<M>;
}

const simplexOptions = declareOptions<SimplexOptions<unknown>>()({ n: size({}), batch: batchOption, algebra: algebraOption });

/**
 * Returns the manifold of probability distributions on n outcomes, with the Fisher metric: for mixtures, assignments
 * and topic models. Rows of a stochastic matrix are a `batch`.
 *
 * $$ \Delta = \lbrace p\in\mathbb R^n : p>0,\ \textstyle\sum_ip_i = 1\rbrace, \qquad \langle u,v\rangle_p = \sum_i\frac{u_iv_i}{p_i}, \qquad \operatorname{grad}f = p\circ\nabla f-\langle p,\nabla f\rangle\,p $$
 *
 * With $\Pi z = z-(\sum_iz_i)\,p$, $\dot g = \nabla^2f(p)[u]$ and η = grad f,
 *
 * $$ \operatorname{Hess}f(p)[u] = \Pi\bigl(u\circ\nabla f+p\circ\dot g-\langle p,\nabla f\rangle u-\tfrac12\,u\circ\eta/p\bigr). $$
 *
 * With $q = \sqrt p$, $w = u/(2q)$ and $\ell = |w| = \tfrac12\|u\|_p$, geodesics are great circles of q:
 *
 * $$ \operatorname{Exp}_p(u) = \bigl(\cos(\ell)\,q+\sin(\ell)\,w/\ell\bigr)^2, \qquad \operatorname{dist}(p,r) = 2\arccos\sum_i\sqrt{p_ir_i}. $$
 *
 * They end at the boundary. The retraction $p\circ e^{tu/p}/\sum_ip_ie^{tu_i/p_i}$ does not, is of first order, and has
 * a closed inverse. Transport is parallel.
 *
 * @param options - n; optionally batch axes and the engine.
 * @returns a readonly object; points and tangents are arrays [.., n]. Operations cost a few flops per entry.
 * @throws ShapeError if a size is not a positive integer, or n is 1; ConfigError on unknown options. `exp` throws a
 * NumericalError if the geodesic meets the boundary, `retract` if a probability leaves the range of numbers.
 *
 * @example
 * ```ts
 * import { hostAlgebra, type HostArray, minimize, simplex } from 'bures';
 *
 * // The distribution of the largest entropy with a given mean of the values 0, 1, 2.
 * const la = hostAlgebra();
 * const values = la.fromArray([0, 1, 2], [3]);
 * const gap = (p: HostArray) => la.inner(values, p) - 0.6;
 * const cost = (p: HostArray) => la.inner(p, la.log(p)) + 100 * gap(p) ** 2;
 * const at = (p: HostArray) => la.axpy(200 * gap(p), values, la.log(p));
 * const { x } = await minimize({ manifold: simplex({ n: 3 }), cost, gradient: { kind: 'ambient', at } });
 * console.log(la.toArray(x)); // decreasing, in a geometric progression
 * ```
 * @see Amari and Nagaoka, Methods of Information Geometry, 2000, section 2.5; Manopt's `multinomialfactory`; Åström,
 * Petra, Schmitzer and Schnörr 2017 (the retraction).
 */
export function simplex<M = HostArray>(options: SimplexOptions<M>): GeodesicManifold<NoInfer<M>> {
  const { n, batch, algebra } = simplexOptions.read('simplex', options);
  if (n < 2)
    throw new ShapeError('simplex: n must be at least 2, got 1: one outcome has probability 1, and no direction to move in; enlarge n');
  const la = algebraOrElementary(algebra);
  const shape = [...batch, n];
  const count = batch.reduce((product, size) => product * size, 1);
  const view = vectorRows(la, batch);
  const { rows, vectors, dot } = view;
  const sums = (z: M): M => la.sum(rows(z), 'rows');
  const weigh = (c: M, x: M): M => vectors(la.scaleRows(c, rows(x)));
  const product = (x: M, y: M): M => dot(rows(x), rows(y));
  /** u/√p, of the length that u has in the metric. */
  const overRoots = (p: M, u: M): M => la.divide(u, la.sqrt(p));
  const centred = (p: M, z: M): M => la.subtract(z, weigh(sums(z), p));
  const balanced = (z: M): M => la.subtract(z, weigh(la.scale(1 / n, sums(z)), la.full(shape, 1)));
  const gradient = (operation: string, p: M, g: M): M => {
    checkShape(`simplex.${operation}`, la, 'the gradient', g, shape);
    return la.multiply(p, la.subtract(g, weigh(product(p, g), la.full(shape, 1))));
  };
  return defineManifold({
    name: `simplex(${batchPrefix(batch)}${n})`,
    algebra: la,
    dim: count * (n - 1),
    typicalDist: Math.PI * Math.sqrt(count),
    checkPoint: (p) => la.tidy(() => checkDistribution(la, p, shape, (x) => sums(x))),
    inner: (p: M, u: M, v: M) => la.inner(overRoots(p, u), overRoots(p, v)),
    norm: (p: M, u: M) => la.norm(overRoots(p, u)),
    project: (_p: M, z: M) => balanced(z),
    // Weighed by p: what an even share of the rounding adds to a small probability is long in the metric.
    toTangent: (p: M, u: M) => centred(p, u),
    egradToRgrad: (p: M, egrad: M) => gradient('egradToRgrad', p, egrad),
    coordinatesToRgrad: (p: M, derivative: M) => gradient('coordinatesToRgrad', p, derivative),
    ehessToRhess(p: M, egrad: M, ehess: M, u: M) {
      const eta = gradient('ehessToRhess', p, egrad);
      checkShape('simplex.ehessToRhess', la, 'the gradient', ehess, shape);
      const direct = la.add(la.multiply(u, egrad), la.multiply(p, ehess));
      const bent = la.axpy(-0.5, la.divide(la.multiply(u, eta), p), la.subtract(direct, weigh(product(p, egrad), u)));
      return centred(p, bent);
    },
    ...motions(la, view, shape),
    randomPoint(random) {
      // Away from the boundary, as random points of all manifolds are.
      const draw = la.exp(la.scale(0.25, la.randomNormal(shape, random)));
      return weigh(la.divide(la.full([count], 1), sums(draw)), draw);
    },
  });
}

/** The operations between two points. */
function motions<M>(la: LinearAlgebra<M>, { rows, vectors, dot, lengths, directions }: VectorRows<M>, shape: readonly number[]) {
  const ones = (): M => la.full(shape, 1);
  const normalized = (x: M): M => {
    const sums = la.sum(rows(x), 'rows');
    return vectors(la.scaleRows(la.divide(la.full(la.shape(sums), 1), sums), rows(x)));
  };
  const roots = (p: M, r: M): readonly [M, M] => [rows(la.sqrt(p)), rows(la.sqrt(r))];
  const angles = (from: M, to: M): M => la.scale(2, la.atan(la.divide(lengths(la.subtract(to, from)), lengths(la.add(to, from)))));
  const check = (operation: string, p: M, u: M, t: number): void => {
    checkStep(`simplex.${operation}`, t);
    checkShape(`simplex.${operation}`, la, 'the point', p, shape);
    checkShape(`simplex.${operation}`, la, 'the tangent', u, shape);
  };
  const log = (p: M, r: M): M => {
    const [from, to] = roots(p, r);
    const apart = la.subtract(to, from);
    const along = la.subtract(apart, la.scaleRows(dot(from, apart), from));
    return la.scale(2, vectors(la.multiply(from, la.scaleRows(angles(from, to), directions(along, lengths(along))))));
  };
  return {
    dist: (p: M, r: M) => la.norm(la.scale(2, angles(...roots(p, r)))),
    retract(p: M, u: M, t = 1): M {
      check('retract', p, u, t);
      const exponents = rows(la.scale(t, la.divide(u, p)));
      const largest = vectors(la.scaleRows(rowMaxima(la, exponents), rows(ones())));
      const end = normalized(la.multiply(p, la.exp(la.subtract(vectors(exponents), largest))));
      return inside(la, end, 'simplex.retract: the step leads to a probability of zero to rounding; take a shorter one');
    },
    // The logarithm of r/p, weighed by p, but for its mean.
    inverseRetract(p: M, r: M): M {
      const ratios = la.log(la.divide(r, p));
      const means = vectors(la.scaleRows(dot(rows(p), rows(ratios)), rows(ones())));
      return la.multiply(p, la.subtract(ratios, means));
    },
    exp(p: M, u: M, t = 1): M {
      check('exp', p, u, t);
      const root = rows(la.sqrt(p));
      const move = la.scale(0.5 * t, la.divide(rows(u), root));
      const angle = lengths(move);
      // A great circle leaves the positive part where one coordinate first vanishes, within half a turn.
      if (la.peek(angle)?.some((value) => value > Math.PI)) throw new NumericalError(meetsBoundary);
      const heading = directions(move, angle);
      const end = la.add(la.scaleRows(la.cos(angle), root), la.scaleRows(la.sin(angle), heading));
      const reached = inside(la, vectors(end), meetsBoundary);
      return normalized(la.multiply(reached, reached));
    },
    log,
    difference: log,
    // The reflection that carries tangents of the sphere along the great circle from q to q'.
    transport(p: M, r: M, u: M): M {
      const [from, to] = roots(p, r);
      const [middle, move] = [la.add(from, to), la.divide(rows(u), from)];
      const share = la.scale(2, la.divide(dot(middle, move), dot(middle, middle)));
      return vectors(la.multiply(to, la.subtract(move, la.scaleRows(share, middle))));
    },
  };
}

const meetsBoundary =
  'simplex.exp: the geodesic meets the boundary of the simplex before its end; take a shorter step, or retract, which goes on inside';

/** @throws NumericalError unless all entries are positive and none is much above 1. */
function inside<M>(la: LinearAlgebra<M>, p: M, message: string): M {
  if (la.peek(p)?.every((entry) => entry > 0 && entry < 2) !== false) return p;
  throw new NumericalError(message);
}

/** Returns the largest entry of each row [k, n] as [k], by halving. */
function rowMaxima<M>(la: LinearAlgebra<M>, x: M): M {
  const [count, n] = la.shape(x);
  if (n === 1) return la.reshape(x, [count]);
  const half = Math.ceil(n / 2);
  return rowMaxima(la, la.maximum(la.slice(x, { columns: [0, half] }), la.slice(x, { columns: [n - half, n] })));
}

/** @throws ShapeError, NumericalError or DomainError unless p has positive entries that add up to 1. */
async function checkDistribution<M>(la: LinearAlgebra<M>, p: M, shape: readonly number[], sums: (x: M) => M): Promise<void> {
  checkShape('simplex', la, 'the point', p, shape);
  await checkFinite('simplex', la, p);
  const least = (await la.toArray(p)).reduce((smallest, entry) => Math.min(smallest, entry), Number.POSITIVE_INFINITY);
  if (!(least > 0)) {
    throw new DomainError(
      `simplex: expected positive probabilities, got one of ${least}; the boundary does not belong to the manifold, add a small number to all and divide by the sum`,
    );
  }
  const total = sums(p);
  const deviation = await la.maxAbs(la.subtract(total, la.full(la.shape(total), 1)));
  const tolerance = pointTolerance(la.epsilon, 1);
  if (deviation <= tolerance) return;
  throw new DomainError(
    `simplex: expected probabilities that add up to 1, but sums differ from it by up to ${deviation.toExponential(1)} (allowed ${tolerance.toExponential(1)}); divide by the sum`,
  );
}
