/**
 * Hyperbolic space as the unit ball with a conformal metric: the Poincaré model.
 *
 * Point: x ∈ ℝⁿ with |x| < 1. Tangent: any vector. Metric λ²⟨u, v⟩ with λ = 2/(1 − |x|²). Dimension n.
 *
 * @see Nickel and Kiela, "Poincaré embeddings for learning hierarchical representations", NeurIPS 2017; Ganea,
 * Bécigneul and Hofmann, "Hyperbolic neural networks", NeurIPS 2018.
 */
import { DomainError, NumericalError } from '../core/errors.js';
import { algebraOrElementary } from '../linalg/host/default-algebra.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import { asinh, tanh } from '../linalg/hyperbolic-functions.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { batchPrefix, checkFinite, checkShape, checkStep } from './checks.js';
import { defineManifold } from './define-manifold.js';
import { type HyperbolicOptions, hyperbolicCurvature, hyperbolicOptions } from './hyperbolic.js';
import type { GeodesicManifold } from './manifold.js';
import { type VectorRows, vectorRows } from './vector-rows.js';

/**
 * Returns hyperbolic space of curvature −1 in the Poincaré model, for embeddings of hierarchies and trees.
 *
 * $$ \mathbb B^n = \lbrace x\in\mathbb R^n : |x|<1\rbrace, \qquad \langle u,v\rangle_x = \lambda_x^2\,u^\top v, \qquad \lambda_x = \frac2{1-|x|^2} $$
 *
 * $$ \operatorname{grad}f = \lambda^{-2}\nabla f, \qquad \operatorname{Hess}f(x)[u] = \lambda^{-2}\bigl(\nabla^2f(x)[u]-\lambda(\langle x,u\rangle\nabla f+\langle u,\nabla f\rangle x-\langle x,\nabla f\rangle u)\bigr) $$
 *
 * With Möbius addition $x\oplus y = \bigl((1-|x|^2)(x+y)+|x+y|^2x\bigr)/\bigl(|x+y|^2+(1-|x|^2)(1-|y|^2)\bigr)$,
 *
 * $$ \operatorname{Exp}_x(u) = x\oplus\tanh(\tfrac12\lambda_x|u|)\frac u{|u|}, \qquad \sinh\tfrac12\operatorname{dist}(x,y) = \frac{|x-y|}{\sqrt{(1-|x|^2)(1-|y|^2)}}. $$
 *
 * The retraction is Exp, and transport is parallel: λ_x/λ_y times a rotation. The ball has room for distances up to
 * about 36 from the origin in float64, 16 in float32, where 1 − |x| is ε; {@link hyperbolic} has more.
 *
 * @param options - n; optionally batch axes and the engine.
 * @returns a readonly object; points and tangents are arrays [.., n]. Operations cost a few flops per entry.
 * @throws ShapeError if a size is not a positive integer; ConfigError on unknown options. `retract` and `exp` throw a
 * NumericalError where a step ends on the boundary to rounding.
 *
 * @example
 * ```ts
 * import { hostAlgebra, poincareBall } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = poincareBall({ n: 2 });
 * const [x, y] = [la.fromArray([Math.tanh(1), 0], [2]), la.fromArray([-Math.tanh(0.5), 0], [2])];
 * console.log(await manifold.dist(x, y)); // 2 + 1
 * ```
 * @see Ganea, Bécigneul and Hofmann, "Hyperbolic neural networks", NeurIPS 2018, equations 3 to 12; Ungar, A Gyrovector
 * Space Approach to Hyperbolic Geometry, 2009.
 */
export function poincareBall<M = HostArray>(options: HyperbolicOptions<M>): GeodesicManifold<NoInfer<M>> {
  const { n, batch, algebra } = hyperbolicOptions.read('poincareBall', options);
  const la = algebraOrElementary(algebra);
  const shape = [...batch, n];
  const count = batch.reduce((product, size) => product * size, 1);
  const view = vectorRows(la, batch);
  const { rows, vectors, dot, lengths } = view;
  const { room } = mobius(la, view);
  /** λ_x, one number for each point. */
  const factors = (x: M): M => la.divide(la.full([count], 2), room(rows(x)));
  const scaled = (x: M, u: M): M => vectors(la.scaleRows(factors(x), rows(u)));
  const gradient = (operation: string, x: M, g: M): M => {
    checkShape(`poincareBall.${operation}`, la, 'the gradient', g, shape);
    const halved = la.scale(0.5, room(rows(x)));
    return vectors(la.scaleRows(halved, la.scaleRows(halved, rows(g))));
  };
  return defineManifold({
    name: `poincareBall(${batchPrefix(batch)}${n})`,
    algebra: la,
    dim: count * n,
    retractionOrder: 2,
    checkPoint: (x) => la.tidy(() => checkInside(la, x, shape, () => room(rows(x)))),
    inner: (x: M, u: M, v: M) => la.inner(scaled(x, u), scaled(x, v)),
    norm: (x: M, u: M) => la.norm(scaled(x, u)),
    project: (_x: M, z: M) => z,
    egradToRgrad: (x: M, egrad: M) => gradient('egradToRgrad', x, egrad),
    coordinatesToRgrad: (x: M, derivative: M) => gradient('coordinatesToRgrad', x, derivative),
    ehessToRhess(x: M, egrad: M, ehess: M, u: M) {
      checkShape('poincareBall.ehessToRhess', la, 'the gradient', egrad, shape);
      const [at, g, v] = [rows(x), rows(egrad), rows(u)];
      const along = la.add(la.scaleRows(dot(at, v), g), la.scaleRows(dot(v, g), at));
      const turned = la.subtract(along, la.scaleRows(dot(at, g), v));
      return gradient('ehessToRhess', x, la.subtract(ehess, vectors(la.scaleRows(factors(x), turned))));
    },
    ...motions(la, view, shape),
    randomPoint(random) {
      const draw = la.randomNormal([count, n], random);
      const one = la.full([count], 1);
      const size = la.add(one, lengths(la.concat([la.reshape(one, [count, 1]), draw], 'columns')));
      return vectors(la.scaleRows(la.divide(one, size), draw));
    },
  });
}

/** The operations between two points. */
function motions<M>(la: LinearAlgebra<M>, view: VectorRows<M>, shape: readonly number[]) {
  const { rows, vectors, lengths, directions } = view;
  const { room, add } = mobius(la, view);
  const step = (operation: string, x: M, u: M, t = 1): M => {
    checkStep(`poincareBall.${operation}`, t);
    checkShape(`poincareBall.${operation}`, la, 'the point', x, shape);
    checkShape(`poincareBall.${operation}`, la, 'the tangent', u, shape);
    const move = la.scale(t, rows(u));
    const size = lengths(move);
    const radius = tanh(la, la.divide(size, room(rows(x))));
    const end = add(rows(x), la.scaleRows(radius, directions(move, size)));
    if (la.peek(room(end))?.every((left) => left > 0) === false) {
      throw new NumericalError(
        `poincareBall.${operation}: the step ends on the boundary to rounding; take a shorter one, or use hyperbolic, which has room for longer ones`,
      );
    }
    return vectors(end);
  };
  const distances = (x: M, y: M): M => {
    const scale = la.multiply(la.sqrt(room(rows(x))), la.sqrt(room(rows(y))));
    return la.scale(2, asinh(la, la.divide(lengths(la.subtract(rows(x), rows(y))), scale)));
  };
  const towards = (x: M, y: M): M => add(la.scale(-1, rows(x)), rows(y));
  const log = (x: M, y: M): M => {
    const place = towards(x, y);
    const sizes = la.multiply(la.scale(0.5, room(rows(x))), distances(x, y));
    return vectors(la.scaleRows(sizes, directions(place, lengths(place))));
  };
  return {
    dist: (x: M, y: M) => la.norm(distances(x, y)),
    retract: (x: M, u: M, t?: number) => step('retract', x, u, t),
    exp: (x: M, u: M, t?: number) => step('exp', x, u, t),
    log,
    inverseRetract: log,
    difference: log,
    // The inversion of the ball that exchanges x and y turns tangents by the reflection along y − x, and reverses the
    // geodesic between them; after the reflection along the geodesic's direction at x, that is the transport. Products
    // of reflections keep lengths, where a gyration in components cancels close to the boundary.
    transport(x: M, y: M, u: M): M {
      const share = la.divide(room(rows(y)), room(rows(x)));
      const turned = reflect(la, view, la.subtract(rows(y), rows(x)), reflect(la, view, towards(x, y), rows(u)));
      return vectors(la.scaleRows(share, turned));
    },
    curvatureTowards: (x: M, y: M) => hyperbolicCurvature(la, distances(x, y)),
  };
}

/** @throws ShapeError, NumericalError or DomainError unless all points are inside the ball, beyond rounding. */
async function checkInside<M>(la: LinearAlgebra<M>, x: M, shape: readonly number[], room: () => M): Promise<void> {
  checkShape('poincareBall', la, 'the point', x, shape);
  await checkFinite('poincareBall', la, x);
  const left = (await la.toArray(room())).reduce((least, value) => Math.min(least, value), 1);
  if (left > 0) return;
  throw new DomainError(
    `poincareBall: expected points inside the unit ball, but 1 − |x|² goes down to ${left.toExponential(1)}; scale the points down`,
  );
}

/** Returns u reflected in the planes orthogonal to the rows of `along`, and as it is where these are zero. */
function reflect<M>(la: LinearAlgebra<M>, { dot, lengths, directions }: VectorRows<M>, along: M, u: M): M {
  const unit = directions(along, lengths(along));
  return la.subtract(u, la.scaleRows(la.scale(2, dot(unit, u)), unit));
}

/** Gyrovector arithmetic of the ball, row by row. */
interface Mobius<M> {
  /** 1 − |x|², without cancellation close to the boundary. */
  room(x: M): M;
  /** x ⊕ y. */
  add(x: M, y: M): M;
}

function mobius<M>(la: LinearAlgebra<M>, { dot, lengths }: VectorRows<M>): Mobius<M> {
  const room = (x: M): M => {
    const length = lengths(x);
    const one = la.full(la.shape(length), 1);
    return la.multiply(la.subtract(one, length), la.add(one, length));
  };
  return {
    room,
    add(x, y) {
      const sum = la.add(x, y);
      const [square, left] = [dot(sum, sum), room(x)];
      const whole = la.add(square, la.multiply(left, room(y)));
      return la.scaleRows(la.divide(la.full(la.shape(whole), 1), whole), la.add(la.scaleRows(left, sum), la.scaleRows(square, x)));
    },
  };
}
