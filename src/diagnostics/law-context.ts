/** Context in which the laws of a manifold are measured: points, tangents, and distances between them. */
import { NotImplementedError } from '../core/errors.js';
import type { Random } from '../core/random.js';
import { axpyTree, forEachLeaf, scaleTree } from '../core/tree.js';
import { largestEntry } from '../linalg/joint-reductions.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { Manifold } from '../manifolds/manifold.js';

/** A manifold with opaque ambient elements, which is all that a law needs. */
export type AnyManifold<M, P, T> = Manifold<M, P, T, unknown, unknown>;

/** A point with tangents and a neighbor, and the size that rounding may have. */
export interface LawContext<M, P, T> {
  /** The manifold that is checked. */
  readonly manifold: AnyManifold<M, P, T>;
  /** The engine of the manifold. */
  readonly la: LinearAlgebra<M>;
  /** The point. */
  readonly x: P;
  /** R_x(step · u): a point nearby. */
  readonly y: P;
  /** A random tangent at x of unit norm. */
  readonly u: T;
  /** A second random tangent at x of unit norm. */
  readonly v: T;
  /** Length of the steps taken, in units of the metric. */
  readonly step: number;
  /** Largest relative error that counts as rounding. */
  readonly tolerance: number;
  /** Largest dimension at which tangents are drawn and counted. */
  readonly dimensionLimit: number;
  /** Random numbers for further draws. */
  readonly random: Random;
}

/** Deviation from a law. */
export interface Measurement {
  /** Error of the law; zero if it holds exactly. */
  readonly error: number;
  /** Largest error that counts as rounding. Default: that of the context. */
  readonly tolerance?: number;
  /** Finding in words, if the error alone would not say it. */
  readonly found?: string;
}

/** A property that every manifold has. */
export interface Law {
  /** The law, as a sentence. */
  readonly name: string;
  /** Advice on where to look if it fails. */
  readonly remedy: string;
  /** Measures the deviation from the law; `undefined` if the manifold does not offer the operation. */
  measure<M, P, T>(context: LawContext<M, P, T>): Promise<Measurement | undefined>;
}

/**
 * The larger of ‖a − b‖ / max(‖a‖, ‖b‖) in the metric at a point, and of the same in the largest entries: an indefinite
 * inner product of the surrounding space, as that of a hyperboloid, may give a vector off the tangent space the norm 0.
 * It is 0 if both vanish.
 */
export async function tangentGap<M, P, T>({ manifold, la }: LawContext<M, P, T>, at: P, a: T, b: T): Promise<number> {
  const difference = axpyTree(la, -1, b, a);
  const gap = await manifold.norm(at, difference);
  const inMetric = gap === 0 ? 0 : gap / Math.max(await manifold.norm(at, a), await manifold.norm(at, b));
  const entries = await largestEntry(la, difference);
  const inEntries = entries === 0 ? 0 : entries / Math.max(await largestEntry(la, a), await largestEntry(la, b));
  // Math.max alone would lose NaN, which must win.
  return Number.isNaN(inMetric) || Number.isNaN(inEntries) ? Number.NaN : Math.max(inMetric, inEntries);
}

/** ‖map(αu + βv) − α map(u) − β map(v)‖ relative to the larger, measured at the point where the images live. */
export async function nonlinearity<M, P, T>(context: LawContext<M, P, T>, at: P, map: (w: T) => T): Promise<number> {
  const { la, u, v } = context;
  const combine = (first: T, second: T): T => axpyTree(la, -1.3, second, scaleTree(la, 0.7, first));
  return tangentGap(context, at, map(combine(u, v)), combine(map(u), map(v)));
}

/** Largest difference of entries relative to the largest entry, of two trees of arrays in one gauge. */
export async function entryGap<M>(la: LinearAlgebra<M>, a: unknown, b: unknown): Promise<number> {
  const [left, right] = [leavesOf<M>(la, a), leavesOf<M>(la, b)];
  if (left.length !== right.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (const [index, leaf] of left.entries()) {
    const gap = await la.maxAbs(la.subtract(leaf, right[index]));
    if (gap === 0) continue;
    const relative = gap / Math.max(await la.maxAbs(leaf), await la.maxAbs(right[index]));
    // Math.max alone would lose NaN, which must win.
    largest = Number.isNaN(relative) ? relative : Math.max(largest, relative);
  }
  return largest;
}

/** Returns the arrays of a tree, in key order. */
export function leavesOf<M>(la: LinearAlgebra<M>, tree: unknown): M[] {
  const leaves: M[] = [];
  forEachLeaf<M>(la, tree, (leaf) => leaves.push(leaf));
  return leaves;
}

/**
 * Returns a measurement, or `undefined` if the manifold turns out not to offer the operation (a product with a
 * component that lacks it).
 */
export async function ifOffered(measure: () => Promise<Measurement>): Promise<Measurement | undefined> {
  try {
    return await measure();
  } catch (error) {
    if (error instanceof NotImplementedError) return undefined;
    throw error;
  }
}
