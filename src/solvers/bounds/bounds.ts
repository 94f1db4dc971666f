/** Bounds on the entries of Euclidean parts of a point. */
import { ConfigError, ShapeError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { seededRandom } from '../../core/random.js';
import { forEachLeaf, joinPath, keysOf } from '../../core/tree.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import type { Manifold } from '../../manifolds/manifold.js';

/**
 * A bound on a point: a number for all of its entries, an array of its shape (infinite where there is none), or a
 * record of bounds for some of its components.
 */
export type Bound<M> = number | M | { readonly [component: string]: Bound<M> };

/** The bounds of one array of a point. */
export interface LeafBounds<M> {
  readonly lower: number | M;
  readonly upper: number | M;
}

/** The bounds of the arrays that have any, by their paths in the point. */
export type BoundsByPath<M> = ReadonlyMap<string, LeafBounds<M>>;

/** Returns the bounds of each array of a point that has any. */
export function boundsByPath<M>(la: LinearAlgebra<M>, x: unknown, lower: Bound<M>, upper: Bound<M>): BoundsByPath<M> {
  const bounds = new Map<string, LeafBounds<M>>();
  forEachLeaf<M>(la, x, (_leaf, path) => {
    const below = boundAt(la, lower, path) ?? Number.NEGATIVE_INFINITY;
    const above = boundAt(la, upper, path) ?? Number.POSITIVE_INFINITY;
    if (below === Number.NEGATIVE_INFINITY && above === Number.POSITIVE_INFINITY) return;
    bounds.set(path, { lower: below, upper: above });
  });
  return bounds;
}

/** Returns the bound of the array at a path; `undefined` if there is none. */
function boundAt<M>(la: LinearAlgebra<M>, bound: Bound<M>, path: string): number | M | undefined {
  let part: unknown = bound;
  for (const key of keysOf(path)) {
    if (typeof part === 'number' || part === undefined || la.isArray(part)) break;
    part = (part as Readonly<Record<string, unknown>>)[key];
  }
  return part as number | M | undefined;
}

/** Returns the entries of an array moved to their nearest bounds where they are beyond them. */
export function clip<M>(la: LinearAlgebra<M>, x: M, { lower, upper }: LeafBounds<M>): M {
  const raised = lower === Number.NEGATIVE_INFINITY ? x : la.maximum(x, lower);
  if (upper === Number.POSITIVE_INFINITY) return raised;
  const limit = typeof upper === 'number' ? la.full(la.shape(x), upper) : upper;
  return la.where(la.greater(raised, upper), limit, raised);
}

/** Applies a function to each array of a tree, given its path. */
export function mapLeaves<M, Tree>(la: LinearAlgebra<M>, tree: Tree, apply: (leaf: M, path: string) => M, path = ''): Tree {
  if (la.isArray(tree)) return apply(tree, path) as unknown as Tree;
  const parts = Object.entries(tree as Readonly<Record<string, unknown>>);
  return Object.fromEntries(parts.map(([key, part]) => [key, mapLeaves(la, part, apply, joinPath(path, key))])) as Tree;
}

/** Returns a point with its arrays clipped to their bounds. */
export function clipPoint<M, P>(la: LinearAlgebra<M>, x: P, bounds: BoundsByPath<M>): P {
  return mapLeaves(la, x, (leaf, path) => {
    const own = bounds.get(path);
    return own === undefined ? leaf : clip(la, leaf, own);
  });
}

/**
 * Requires bounds that fit a point, and components that are Euclidean where they are bounded.
 *
 * @throws ConfigError or ShapeError naming the bound and what is wrong with it.
 */
export async function checkBounds<M, P, T>(
  caller: string,
  manifold: Manifold<M, P, T, unknown, unknown>,
  x: P,
  { lower, upper }: { readonly lower: Bound<M>; readonly upper: Bound<M> },
): Promise<void> {
  const la = manifold.algebra;
  await checkForm({ caller, la, side: 'lower' }, 'lower', lower, x);
  await checkForm({ caller, la, side: 'upper' }, 'upper', upper, x);
  for (const [path, bounds] of boundsByPath(la, x, lower, upper)) {
    const leaf = leafAt(la, x, path);
    const gap = la.subtract(filled(la, leaf, bounds.lower), filled(la, leaf, bounds.upper));
    // ∞ − ∞ is NaN, which is not greater.
    if ((await la.total(la.greater(gap, 0))) > 0)
      throw new ConfigError(`${caller}: lower must not exceed upper${where(path)}, but does in some entries; exchange or relax them`);
    await checkFlat(caller, manifold, x, path);
  }
}

const where = (path: string): string => (path === '' ? '' : ` at '${path}'`);

const filled = <M>(la: LinearAlgebra<M>, like: M, value: number | M): M =>
  typeof value === 'number' ? la.full(la.shape(like), value) : value;

function leafAt<M>(la: LinearAlgebra<M>, tree: unknown, path: string): M {
  let found: M | undefined;
  forEachLeaf<M>(la, tree, (leaf, at) => {
    if (at === path) found = leaf;
  });
  return found as M;
}

interface BoundCheck<M> {
  readonly caller: string;
  readonly la: LinearAlgebra<M>;
  readonly side: 'lower' | 'upper';
}

/** Requires a bound to have the form of a point, or of a part of it, and values that some number meets. */
async function checkForm<M>(check: BoundCheck<M>, name: string, bound: unknown, x: unknown): Promise<void> {
  const { caller, la } = check;
  if (typeof bound === 'number') return checkValues(check, name, [bound]);
  if (la.isArray(x)) {
    if (!la.isArray(bound))
      throw new ConfigError(`${caller}: ${name} must be a number or an array, got ${describeValue(bound)}; pass, say, { lower: 0 }`);
    if (la.shape(bound).join() !== la.shape(x).join())
      throw new ShapeError(
        `${caller}: ${name} must have the shape [${la.shape(x)}], got [${la.shape(bound)}]; pass as many bounds as entries`,
      );
    return checkValues(check, name, await la.toArray(bound));
  }
  const parts = x as Readonly<Record<string, unknown>>;
  if (typeof bound !== 'object' || bound === null || la.isArray(bound))
    throw new ConfigError(
      `${caller}: ${name} must be a number or a record of bounds by component, got ${describeValue(bound)}; the components are ${Object.keys(parts).join(', ')}`,
    );
  for (const [key, part] of Object.entries(bound)) {
    if (parts[key] === undefined)
      throw new ConfigError(
        `${caller}: ${joinPath(name, key)} bounds no component of a point; the components are ${Object.keys(parts).join(', ')}`,
      );
    await checkForm(check, joinPath(name, key), part, parts[key]);
  }
}

/** @throws ConfigError for a bound that is NaN, or infinite on the side where no number meets it. */
function checkValues<M>({ caller, side }: BoundCheck<M>, name: string, values: ArrayLike<number>): void {
  const [none, never] =
    side === 'lower' ? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] : [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    if (!Number.isNaN(values[i]) && values[i] !== never) continue;
    throw new ConfigError(
      `${caller}: ${name} must be numbers, or ${none} where there is no bound, got ${values[i]}${values.length > 1 ? ` in entry ${i}` : ''}; no finite number meets that bound`,
    );
  }
}

/**
 * Requires a component to be Euclidean: any array is tangent, its length is that of its entries, and steps add it. A
 * random one tells.
 */
async function checkFlat<M, P, T>(caller: string, manifold: Manifold<M, P, T, unknown, unknown>, x: P, path: string): Promise<void> {
  const la = manifold.algebra;
  const place = leafAt<M>(la, x, path);
  const random = la.randomNormal(la.shape(place), seededRandom(1));
  const step = la.scale(1 / (await la.norm(random)), random);
  const tangent = mapLeaves(la, manifold.zeroTangent(x), (leaf, at) => (at === path ? step : leaf));
  const tolerance = 16 * la.epsilon;
  // The length is a sum over all entries, whose rounding grows with their number.
  const lengthTolerance = tolerance * Math.sqrt(la.shape(place).reduce((product, size) => product * size, 1));
  const isFlat = async (): Promise<boolean> => {
    const kept = leafAt<M>(la, manifold.toTangent(x, tangent), path);
    if (kept === undefined || !((await la.norm(la.subtract(kept, step))) <= tolerance)) return false;
    if (!(Math.abs((await manifold.inner(x, tangent, tangent)) - (await la.inner(step, step))) <= lengthTolerance)) return false;
    const moved = leafAt<M>(la, manifold.retract(x, tangent), path);
    const sum = la.add(place, step);
    return (await la.norm(la.subtract(moved, sum))) <= tolerance * (await la.norm(sum));
  };
  if (await isFlat()) return;
  throw new ConfigError(
    `${caller}: bounds need Euclidean components, but ${path === '' ? manifold.name : `'${path}' of ${manifold.name}`} is curved or has a metric of its own; ` +
      'use euclidean or euclideanFactors for it, or state the bounds as inequality of augmentedLagrangian',
  );
}
