/**
 * Points and tangents are *trees* of engine arrays: one array (Stiefel), a record of arrays (`{ U, S, V }`), or a
 * record of such records (products). Every manifold here represents its tangents so that vector-space operations act
 * leaf by leaf; the functions below are all that a solver needs to combine them.
 */
import { ShapeError } from './errors.js';

/** The part of an engine that arithmetic on leaves needs. */
export interface LeafArithmetic<M> {
  /** Returns true if a value is an array of the engine. */
  isArray(value: unknown): value is M;
  /** Computes factor · x + y. */
  axpy(factor: number, x: M, y: M): M;
  /** Computes factor · x. */
  scale(factor: number, x: M): M;
}

/**
 * Applies a function to corresponding leaves of trees of the same structure.
 *
 * @param leaves - tells a leaf from a record.
 * @param apply - receives one leaf of each tree.
 * @param first - the tree that gives the result its structure.
 * @param rest - trees with at least the same keys.
 * @returns a new tree.
 * @throws ShapeError if a tree lacks a component of the first one.
 */
export function mapTree<M, Tree>(
  leaves: Pick<LeafArithmetic<M>, 'isArray'>,
  apply: (...leaf: M[]) => M,
  first: Tree,
  ...rest: readonly Tree[]
): Tree {
  return mapNode(leaves, apply, [first, ...rest], '') as Tree;
}

function mapNode<M>(
  leaves: Pick<LeafArithmetic<M>, 'isArray'>,
  apply: (...leaf: M[]) => M,
  nodes: readonly unknown[],
  path: string,
): unknown {
  const [first] = nodes;
  if (leaves.isArray(first)) return apply(...(nodes as M[]));
  if (typeof first !== 'object' || first === null) {
    throw new ShapeError(
      `mapTree: expected an engine array or a record of them at '${path || 'the root'}', got ${typeof first}; ` +
        'pass points and tangents that the manifold made (randomPoint, zeroTangent, …)',
    );
  }
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(first)) {
    const children = nodes.map((node) => (node as Record<string, unknown> | undefined)?.[key]);
    const missing = children.indexOf(undefined);
    const where = joinPath(path, key);
    if (missing >= 0) throw new ShapeError(`mapTree: argument ${missing + 1} has no component '${where}'; pass trees of one structure`);
    result[key] = mapNode(leaves, apply, children, where);
  }
  return result;
}

/** Returns the path of a component below another; a dot or backslash in its name is written with a backslash before. */
export function joinPath(path: string, key: string): string {
  const name = key.replace(/[\\.]/g, '\\$&');
  return path === '' ? name : `${path}.${name}`;
}

/** Returns the names along a path: the inverse of {@link joinPath}. */
export function keysOf(path: string): readonly string[] {
  const names = path === '' ? [] : (path.match(/(?:\\.|[^.\\])+/g) ?? []);
  return names.map((name) => name.replace(/\\(.)/g, '$1'));
}

/**
 * Visits the leaves of a tree in key order, with their dotted paths (`'A'`, `'q.A'`, `''` for a lone array). A dot in a
 * name is written `\.`, so that no two leaves share a path.
 */
export function forEachLeaf<M>(
  leaves: Pick<LeafArithmetic<M>, 'isArray'>,
  tree: unknown,
  visit: (leaf: M, path: string) => void,
  path = '',
): void {
  if (leaves.isArray(tree)) visit(tree, path);
  else if (typeof tree === 'object' && tree !== null) {
    for (const [key, child] of Object.entries(tree)) forEachLeaf(leaves, child, visit, joinPath(path, key));
  }
}

/** Computes factor · x, leaf by leaf. */
export function scaleTree<M, Tree>(la: LeafArithmetic<M>, factor: number, x: Tree): Tree {
  return mapTree(la, (leaf) => la.scale(factor, leaf), x);
}

/** Computes factor · x + y, leaf by leaf. */
export function axpyTree<M, Tree>(la: LeafArithmetic<M>, factor: number, x: Tree, y: Tree): Tree {
  return mapTree(la, (xLeaf, yLeaf) => la.axpy(factor, xLeaf, yLeaf), x, y);
}
