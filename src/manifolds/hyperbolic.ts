/**
 * Hyperbolic space, the complete simply connected space of curvature −1, as one sheet of a hyperboloid: the Lorentz
 * model.
 *
 * Point: x = (x₀, x̄) ∈ ℝⁿ⁺¹ with −x₀² + |x̄|² = −1 and x₀ > 0. Tangent: u with −x₀u₀ + ⟨x̄, ū⟩ = 0. Dimension n.
 *
 * @see Nickel and Kiela, "Learning continuous hierarchies in the Lorentz model of hyperbolic geometry", ICML 2018;
 * Boumal 2023, section 7.6.
 */
import { DomainError, NumericalError } from '../core/errors.js';
import { declareOptions, size } from '../core/options.js';
import { hasFiniteEntries } from '../linalg/finite-entries.js';
import { algebraOption, algebraOrElementary } from '../linalg/host/default-algebra.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import { asinh, timesCoth } from '../linalg/hyperbolic-functions.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { batchOption, batchPrefix, checkFinite, checkShape, checkStep, pointTolerance } from './checks.js';
import { defineManifold } from './define-manifold.js';
import { type LorentzFrames, type LorentzParts, lorentzFrames } from './lorentz-frame.js';
import type { GeodesicManifold } from './manifold.js';
import { type VectorRows, vectorRows } from './vector-rows.js';

/** Options of {@link hyperbolic} and {@link poincareBall}. */
export interface HyperbolicOptions<M> {
  /** Dimension of the space. */
  readonly n: number;
  /** Leading axes: a batched point is a point of the power manifold. Default: none. */
  readonly batch?: readonly number[];
  /** The engine. Default: float64 on the host. */
  readonly algebra?: LinearAlgebra<M>;
}

/** Declares the options of a model of hyperbolic space. */
export const hyperbolicOptions = declareOptions<HyperbolicOptions<unknown>>()({ n: size({}), batch: batchOption, algebra: algebraOption });

/**
 * Returns hyperbolic space in the Lorentz model, for hierarchies and trees. With
 * $\langle x,y\rangle_L = -x_0y_0+\langle\bar x,\bar y\rangle$,
 *
 * $$ \mathbb H^n = \lbrace x\in\mathbb R^{n+1} : \langle x,x\rangle_L = -1,\ x_0>0\rbrace, \qquad T_x = \lbrace u : \langle x,u\rangle_L = 0\rbrace, $$
 *
 * and the metric is $\langle u,v\rangle_L$, which is positive on tangents. With $\ell = \|u\|$ and J the change of the
 * sign of the first coordinate,
 *
 * $$ \operatorname{Exp}_x(u) = \cosh(\ell)\,x+\sinh(\ell)\,u/\ell, \qquad \cosh\operatorname{dist}(x,y) = -\langle x,y\rangle_L, \qquad \operatorname{grad}f = J\nabla f+\langle x,\nabla f\rangle\,x, $$
 *
 * $$ \operatorname{Hess}f(x)[u] = J\dot g+\langle x,\dot g\rangle x+\langle x,\nabla f\rangle u, \qquad \dot g = \nabla^2f(x)[u]. $$
 *
 * The retraction is Exp, and transport is parallel. Points are used by their polar coordinates, so that nothing
 * cancels: distances lose what a rounding of the coordinates of x moves, ε|x|, and nothing else.
 *
 * Tangents lose more. At a distance R from the origin their coordinates are up to cosh(R) times as large as they are
 * long, and rounding turns them by about ε cosh(R), unless they and x lie along an axis. The end of a geodesic of
 * length ℓ is then off by about ε cosh(R) sinh(ℓ): by 1e-4 at R = 10 and ℓ = 20, and by more than ℓ itself from R = 15
 * on if ℓ is about 2R. Keep points whose logarithms are needed within about 10 of the origin.
 *
 * @param options - n; optionally batch axes and the engine.
 * @returns a readonly object; points and tangents are arrays [.., n + 1], the time coordinate x₀ first. Operations cost
 * a few flops per entry.
 * @throws ShapeError if a size is not a positive integer; ConfigError on unknown options. `retract` and `exp` throw a
 * NumericalError where coordinates leave the range of numbers, from a distance of about 700 on.
 *
 * @example
 * ```ts
 * import { barycenter, hostAlgebra, hyperbolic } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = hyperbolic({ n: 2 });
 * const at = (distance: number) => la.fromArray([Math.cosh(distance), Math.sinh(distance), 0], [3]);
 * console.log(await manifold.dist(at(-1), at(3))); // 4
 * const { point } = await barycenter(manifold, [at(-1), at(3)]);
 * console.log(Math.asinh(la.toArray(point)[1])); // 1
 * ```
 * @see Nickel and Kiela, "Learning continuous hierarchies in the Lorentz model of hyperbolic geometry", ICML 2018;
 * Boumal 2023, section 7.6 and exercise 5.
 */
export function hyperbolic<M = HostArray>(options: HyperbolicOptions<M>): GeodesicManifold<NoInfer<M>> {
  const { n, batch, algebra } = hyperbolicOptions.read('hyperbolic', options);
  const la = algebraOrElementary(algebra);
  const shape = [...batch, n + 1];
  const count = batch.reduce((product, size) => product * size, 1);
  const view = vectorRows(la, batch);
  const { rows, vectors, dot, lengths, directions } = view;
  const frames = lorentzFrames(la, n, view);
  const partsOf = (x: M): LorentzParts<M> => frames.parts(rows(x));
  const frameOf = (x: M, u: M): M => frames.toFrame(partsOf(x), rows(u));
  const gradient = (operation: string, x: M, g: M): M => {
    checkShape(`hyperbolic.${operation}`, la, 'the gradient', g, shape);
    const parts = partsOf(x);
    return vectors(frames.fromFrame(parts, frames.gradient(parts, rows(g))));
  };
  return defineManifold({
    name: `hyperbolic(${batchPrefix(batch)}${n})`,
    algebra: la,
    dim: count * n,
    retractionOrder: 2,
    checkPoint: (x) =>
      la.tidy(async () => {
        checkShape('hyperbolic', la, 'the point', x, shape);
        await checkFinite('hyperbolic', la, x);
        await checkSheet(la, la.slice(rows(x), { columns: [0, 1] }), partsOf(x).time);
      }),
    inner: (x: M, u: M, v: M) => la.inner(frameOf(x, u), frameOf(x, v)),
    norm: (x: M, u: M) => la.norm(frameOf(x, u)),
    // Orthogonal to the Euclidean normal (x₀, −x̄).
    project(x: M, z: M) {
      const { time, space } = partsOf(x);
      const normal = la.concat([la.reshape(time, [count, 1]), la.scale(-1, space)], 'columns');
      const unit = directions(normal, lengths(normal));
      return vectors(la.subtract(rows(z), la.scaleRows(dot(unit, rows(z)), unit)));
    },
    toTangent: (x: M, u: M) => vectors(frames.fromFrame(partsOf(x), frameOf(x, u))),
    egradToRgrad: (x: M, egrad: M) => gradient('egradToRgrad', x, egrad),
    coordinatesToRgrad: (x: M, derivative: M) => gradient('coordinatesToRgrad', x, derivative),
    ehessToRhess(x: M, egrad: M, ehess: M, u: M) {
      checkShape('hyperbolic.ehessToRhess', la, 'the gradient', egrad, shape);
      const bent = vectors(la.scaleRows(dot(rows(x), rows(egrad)), rows(u)));
      return la.add(gradient('ehessToRhess', x, ehess), bent);
    },
    ...motions(la, view, frames, shape),
    randomPoint: (random) => vectors(frames.lift(la.randomNormal([count, n], random))),
  });
}

/** The operations between two points. */
function motions<M>(la: LinearAlgebra<M>, view: VectorRows<M>, frames: LorentzFrames<M>, shape: readonly number[]) {
  const { rows, vectors, dot, lengths, directions } = view;
  const partsOf = (x: M): LorentzParts<M> => frames.parts(rows(x));
  const distances = (x: M, y: M): M => la.scale(2, asinh(la, frames.look(partsOf(x), partsOf(y)).halfSine));
  const step = (operation: string, x: M, u: M, t = 1): M => {
    checkStep(`hyperbolic.${operation}`, t);
    checkShape(`hyperbolic.${operation}`, la, 'the point', x, shape);
    checkShape(`hyperbolic.${operation}`, la, 'the tangent', u, shape);
    const parts = partsOf(x);
    const end = vectors(frames.exp(parts, frames.toFrame(parts, rows(la.scale(t, u)))));
    if (hasFiniteEntries(la, end)) return end;
    throw new NumericalError(`hyperbolic.${operation}: the step leads to coordinates beyond the range of numbers; take a shorter one`);
  };
  const log = (x: M, y: M): M => {
    const [from, to] = [partsOf(x), partsOf(y)];
    const { halfSine, place } = frames.look(from, to);
    const frame = la.scaleRows(la.scale(2, asinh(la, halfSine)), directions(place, lengths(place)));
    return vectors(frames.fromFrame(from, frame));
  };
  return {
    dist: (x: M, y: M) => la.norm(distances(x, y)),
    retract: (x: M, u: M, t?: number) => step('retract', x, u, t),
    exp: (x: M, u: M, t?: number) => step('exp', x, u, t),
    log,
    inverseRetract: log,
    difference: log,
    // u + ⟨y, u⟩/(1 − ⟨x, y⟩)·(x + y), where the products are those in the frame of x.
    transport(x: M, y: M, u: M): M {
      const [from, to] = [partsOf(x), partsOf(y)];
      const { halfSine, place } = frames.look(from, to);
      const one = la.full(la.shape(halfSine), 1);
      const whole = la.scale(2, la.add(one, la.multiply(halfSine, halfSine)));
      const share = la.divide(dot(place, frames.toFrame(from, rows(u))), whole);
      const moved = la.add(rows(u), la.scaleRows(share, la.add(rows(x), rows(y))));
      return vectors(frames.fromFrame(to, frames.toFrame(to, moved)));
    },
    curvatureTowards: (x: M, y: M) => hyperbolicCurvature(la, distances(x, y)),
  };
}

/** Returns the largest eigenvalue of the Hessian of ½d² at these distances: d coth(d), where the least is 1. */
export async function hyperbolicCurvature<M>(la: LinearAlgebra<M>, distances: M): Promise<number> {
  const all = await la.toArray(distances);
  return all.reduce((most, d) => Math.max(most, timesCoth(d)), 1);
}

/** @throws DomainError unless all x₀ are √(1 + |x̄|²) to rounding. */
async function checkSheet<M>(la: LinearAlgebra<M>, given: M, time: M): Promise<void> {
  const ratios = la.divide(la.reshape(given, la.shape(time)), time);
  const deviation = await la.maxAbs(la.subtract(ratios, la.full(la.shape(time), 1)));
  const tolerance = pointTolerance(la.epsilon, 1);
  if (deviation <= tolerance) return;
  throw new DomainError(
    `hyperbolic: expected points with x₀ = √(1 + |x̄|²), x₀ first, but they differ by ${deviation.toExponential(1)} relatively (allowed ${tolerance.toExponential(1)}); compute x₀ from the others`,
  );
}
