/** Checks of points and steps that the manifolds share. Each error says what was passed and what to do. */

import { ConfigError, DomainError, NumericalError, ShapeError } from '../core/errors.js';
import { checkPositiveInteger, describeValue, type Option, type OptionHints, option, size } from '../core/options.js';
import { forEachLeaf } from '../core/tree.js';
import { type Ambient, ambientShape } from '../linalg/ambient.js';
import { eye } from '../linalg/derived.js';
import { hasFiniteEntries } from '../linalg/finite-entries.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/** The sizes of a manifold of m×n matrices of rank r. */
export interface RankShape {
  /** Rows of X. */
  readonly m: number;
  /** Columns of X. */
  readonly n: number;
  /** Rank r of X, at most min(m, n). */
  readonly rank: number;
  /** Leading axes: a batched point is a point of the power manifold. Default: none. */
  readonly batch?: readonly number[];
}

/** Declares the batch axes: a list of positive integers. */
export const batchOption: Option<readonly number[], 'default'> = option({ default: [] }, (caller, name, batch) => {
  if (!Array.isArray(batch))
    throw new ConfigError(`${caller}: ${name} must be a list of sizes, got ${describeValue(batch)}; pass, say, batch: [4]`);
  for (const entry of batch) checkPositiveInteger(caller, 'each batch size', entry);
});

/** Declares a {@link RankShape}, whose rank {@link checkRank} compares with the sizes. */
export const rankShapeOptions = { m: size({}), n: size({}), rank: size({}), batch: batchOption };

/** What other libraries call the rank. */
export const rankHints: OptionHints = { k: 'name it rank', p: 'name it rank', r: 'name it rank' };

/** The same of matrices with orthonormal columns, which other libraries call n×p. */
export const columnHints: OptionHints = { ...rankHints, n: 'write m for the number of rows, and rank for that of columns' };

/** Formats batch axes for the name of a manifold, before the sizes of a member. */
export function batchPrefix(batch: readonly number[]): string {
  return batch.length > 0 ? `${batch.join('×')} of ` : '';
}

/** @throws ShapeError unless rank ≤ min(m, n). */
export function checkRank(caller: string, { m, n, rank }: RankShape): void {
  if (rank > Math.min(m, n)) {
    throw new ShapeError(
      `${caller}: rank must be at most min(m, n) = ${Math.min(m, n)}, got ${rank}; reduce the rank or enlarge the matrix`,
    );
  }
}

/** @throws NumericalError unless the step size is finite. */
export function checkStep(caller: string, t: number): void {
  if (!Number.isFinite(t)) {
    throw new NumericalError(
      `${caller}: the step size t must be finite, got ${describeValue(t)}; check the gradient and the step-size rule for overflow`,
    );
  }
}

/**
 * Returns the end of a step.
 *
 * @throws NumericalError if it has entries that are not finite, where they can be read at once: the tangent has some,
 * or the step leaves the range of numbers.
 */
export function checkEnd<M, P>(caller: string, la: LinearAlgebra<M>, end: P): P {
  if (hasFiniteEntries(la, end)) return end;
  throw new NumericalError(
    `${caller}: the step leads to entries that are not finite; take a shorter one, or check the tangent for NaN and overflow`,
  );
}

/** @throws ShapeError unless the value is an engine array of this shape. */
export function checkShape<M>(caller: string, la: LinearAlgebra<M>, what: string, value: unknown, shape: readonly number[]): void {
  if (!la.isArray(value)) {
    throw new ShapeError(
      `${caller}: ${what} must be an array of the engine '${la.name}' of shape [${shape}], got ${describeValue(value)}; make one with fromArray(values, [${shape}])`,
    );
  }
  const actual = la.shape(value);
  if (actual.length !== shape.length || actual.some((size, axis) => size !== shape[axis])) {
    throw new ShapeError(`${caller}: ${what} must have shape [${shape}], got [${actual}]; check the sizes given to the manifold`);
  }
}

/** @throws ShapeError unless the ambient matrix, in any form, has this shape. CSR matrices carry no batch. */
export function checkAmbientShape<M>(caller: string, la: LinearAlgebra<M>, z: Ambient<M>, shape: readonly number[]): void {
  const actual = ambientShape(la, z, caller);
  if (actual.length !== shape.length || actual.some((size, axis) => size !== shape[axis])) {
    throw new ShapeError(
      `${caller}: the ambient matrix must have shape [${shape}], got [${actual}]; it is the derivative by X, not by its factors`,
    );
  }
}

/** Checks every named component against its shape. */
export function checkShapes<M>(
  caller: string,
  la: LinearAlgebra<M>,
  value: unknown,
  shapes: Readonly<Record<string, readonly number[]>>,
): void {
  if (typeof value !== 'object' || value === null || la.isArray(value)) {
    throw new ShapeError(
      `${caller}: expected { ${Object.keys(shapes).join(', ')} }, got ${describeValue(value)}; make one with the manifold, as randomPoint does`,
    );
  }
  for (const [key, shape] of Object.entries(shapes)) checkShape(caller, la, key, (value as Record<string, unknown>)[key], shape);
}

/** @throws NumericalError naming the component, unless all entries are finite. */
export async function checkFinite<M>(caller: string, la: LinearAlgebra<M>, value: unknown): Promise<void> {
  const leaves: [M, string][] = [];
  forEachLeaf<M>(la, value, (leaf, path) => leaves.push([leaf, path]));
  for (const [leaf, path] of leaves) {
    if (!Number.isFinite(await la.maxAbs(leaf))) {
      throw new NumericalError(`${caller}: ${path === '' ? 'the array' : path} has a NaN or infinite entry; start from finite numbers`);
    }
  }
}

/**
 * Returns how far a point may be from satisfying its equations: the rounding of a long run, far below any real mistake,
 * which in float32 the second bound ensures.
 */
export const pointTolerance = (epsilon: number, size: number): number => Math.min(1e4 * size * epsilon, 10 * Math.sqrt(epsilon));

/**
 * Returns the largest |X − Xᵀ|/|X| over the members of a batch, by largest entries: a small member counts as much as a
 * large one.
 */
export function largestAsymmetry(values: Float64Array, n: number): number {
  let most = 0;
  for (let start = 0; start < values.length; start += n * n) {
    let [gap, size] = [0, 0];
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        const [below, above] = [values[start + i * n + j], values[start + j * n + i]];
        gap = Math.max(gap, Math.abs(below - above));
        size = Math.max(size, Math.abs(below), Math.abs(above));
      }
    }
    if (gap > 0) most = Math.max(most, gap / size);
  }
  return most;
}

/** @throws DomainError unless QᵀQ = I to rounding. */
export async function checkOrthonormal<M>(caller: string, la: LinearAlgebra<M>, what: string, q: M): Promise<void> {
  const shape = la.shape(q);
  const columns = shape.at(-1) as number;
  const gram = la.matmul(q, q, { transposeA: true });
  const deviation = await la.maxAbs(la.subtract(gram, eye(la, columns, shape.slice(0, -2))));
  const tolerance = pointTolerance(la.epsilon, columns);
  if (!(deviation <= tolerance)) {
    const letter = what.length === 1 ? what : 'X';
    throw new DomainError(
      `${caller}: ${what} must have orthonormal columns, but |${letter}ᵀ${letter} − I| reaches ${deviation.toExponential(1)} (allowed ${tolerance.toExponential(1)}); orthonormalize it, for instance with qr`,
    );
  }
}
