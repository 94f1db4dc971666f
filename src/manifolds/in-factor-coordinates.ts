/** Manifolds of matrices with XᵀBX = I, as those with orthonormal columns in the coordinates LᵀX, B = LLᵀ. */
import { DomainError, NumericalError } from '../core/errors.js';
import { type Option, option } from '../core/options.js';
import { eye } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { checkFinite, checkShape, largestAsymmetry, pointTolerance } from './checks.js';
import { defineManifold } from './define-manifold.js';
import type { GeodesicManifold } from './manifold.js';

/** Declares B; its shape is checked where the sizes and the engine are known. */
export const productOption: Option<unknown, 'required'> = option({}, () => {});

/** The manifold in coordinates, and what it is made for. */
interface Coordinates<M> {
  /** The factory's name. */
  readonly caller: string;
  /** The manifold of Y = LᵀX. */
  readonly inner: GeodesicManifold<M>;
  /** B, [.., m, m]. */
  readonly product: unknown;
  /** Shape of a point. */
  readonly shape: readonly number[];
}

/**
 * Returns the manifold of X = L⁻ᵀY over a manifold of matrices Y with orthonormal columns. It is isometric to that, so
 * every operation is one of it between two changes of coordinates.
 *
 * @throws ShapeError or DomainError unless B is a symmetric positive definite matrix.
 */
export function inFactorCoordinates<M>({ caller, inner, product, shape }: Coordinates<M>): GeodesicManifold<M> {
  const { algebra: la } = inner;
  const factor = factorOf(la, caller, product, shape);
  /** Y = LᵀX. */
  const into = (x: M): M => la.matmul(factor, x, { transposeA: true });
  /** X = L⁻ᵀY. */
  const back = (y: M): M => la.solveTriangular(factor, y, { transpose: true });
  /** The derivative by Y = LᵀX, from that by X: L⁻¹G. */
  const derivative = (operation: string, g: M): M => {
    checkShape(`${caller}.${operation}`, la, 'the gradient', g, shape);
    return la.solveTriangular(factor, g);
  };
  const checked = (operation: string, what: string, x: M): M => {
    checkShape(`${caller}.${operation}`, la, what, x, shape);
    return into(x);
  };
  const between = (operation: 'log' | 'inverseRetract', x: M, y: M): M => {
    const compute = inner[operation] as NonNullable<(typeof inner)[typeof operation]>;
    const [from, to] = [checked(operation, 'the first point', x), checked(operation, 'the second point', y)];
    return back(compute(from, to));
  };
  const move = (operation: 'exp' | 'retract', x: M, u: M, t?: number): M => {
    const [from, along] = [checked(operation, 'the point', x), checked(operation, 'the tangent', u)];
    return back(inner[operation](from, along, t));
  };
  return defineManifold({
    name: inner.name,
    algebra: la,
    dim: inner.dim,
    typicalDist: inner.typicalDist,
    retractionOrder: inner.retractionOrder,
    checkPoint: (x) =>
      la.tidy(async () => {
        checkShape(caller, la, 'the point', x, shape);
        await checkFinite(caller, la, x);
        await checkProducts(la, caller, into(x));
      }),
    inner: (x: M, u: M, v: M) => inner.inner(into(x), into(u), into(v)),
    norm: (x: M, u: M) => inner.norm(into(x), into(u)),
    dist: (x: M, y: M) => inner.dist(into(x), into(y)),
    project: (x: M, z: M) => back(inner.project(into(x), into(z))),
    egradToRgrad: (x: M, egrad: M) => back(inner.egradToRgrad(into(x), derivative('egradToRgrad', egrad))),
    coordinatesToRgrad: (x: M, g: M) => back(inner.egradToRgrad(into(x), derivative('coordinatesToRgrad', g))),
    ehessToRhess: (x: M, egrad: M, ehess: M, u: M) =>
      back(inner.ehessToRhess(into(x), derivative('ehessToRhess', egrad), derivative('ehessToRhess', ehess), into(u))),
    retract: (x: M, u: M, t?: number) => move('retract', x, u, t),
    exp: (x: M, u: M, t?: number) => move('exp', x, u, t),
    log: (x: M, y: M) => between('log', x, y),
    ...(inner.inverseRetract && { inverseRetract: (x: M, y: M) => between('inverseRetract', x, y) }),
    transport: (x: M, y: M, u: M) => back(inner.transport(into(x), into(y), into(u))),
    difference: (x: M, y: M) => back(inner.difference(into(x), into(y))),
    randomPoint: (random) => back(inner.randomPoint(random)),
  });
}

/** @returns the lower Cholesky factor of B. */
function factorOf<M>(la: LinearAlgebra<M>, caller: string, product: unknown, shape: readonly number[]): M {
  const [m, batch] = [shape.at(-2) as number, shape.slice(0, -2)];
  checkShape(caller, la, 'B', product, [...batch, m, m]);
  const matrix = product as M;
  const values = la.peek(matrix);
  if (values !== undefined && !(largestAsymmetry(values, m) <= pointTolerance(la.epsilon, m))) {
    throw new DomainError(`${caller}: expected a symmetric matrix B, but |B − Bᵀ| is not small beside |B|; pass ½(B + Bᵀ)`);
  }
  try {
    return la.cholesky(matrix);
  } catch (error) {
    if (!(error instanceof NumericalError)) throw error;
    throw new DomainError(`${caller}: expected B to be positive definite beyond rounding; add a multiple of the identity to it`, {
      cause: error,
    });
  }
}

/** @throws DomainError unless YᵀY = I to rounding, for Y = LᵀX. */
async function checkProducts<M>(la: LinearAlgebra<M>, caller: string, y: M): Promise<void> {
  const shape = la.shape(y);
  const columns = shape.at(-1) as number;
  const gram = la.matmul(y, y, { transposeA: true });
  const deviation = await la.maxAbs(la.subtract(gram, eye(la, columns, shape.slice(0, -2))));
  const tolerance = pointTolerance(la.epsilon, columns);
  if (deviation <= tolerance) return;
  throw new DomainError(
    `${caller}: expected XᵀBX = I, but |XᵀBX − I| reaches ${deviation.toExponential(1)} (allowed ${tolerance.toExponential(1)}); multiply X by the inverse Cholesky factor of XᵀBX`,
  );
}
