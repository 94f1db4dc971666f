/** A trainer's state as plain data, from which training resumes bit for bit. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { FormatError } from '../../core/errors.js';
import { forEachLeaf, joinPath, keysOf, mapTree } from '../../core/tree.js';
import type { TensorAlgebra } from '../../linalg/tensor/tensor-algebra.js';
import type { DirectionRule, SolverState } from '../../solvers/solver.js';
import type { AdapterPoint, StackPairs } from '../adapter/adapter-point.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';
import type { LoraMethod } from '../methods/lora-method.js';
import { contentsOf, type SavedArray, type TrainingState } from './saved-state.js';

/**
 * Describes what a training must have in common with the one that it goes on with.
 *
 * @param rule - the direction rule in the place of the method's, if any.
 */
export function configurationOf(
  { config }: LoraAdapter,
  { name, geometry, direction, rates = {} }: LoraMethod,
  rule: DirectionRule | undefined,
): Readonly<Record<string, string>> {
  const { start, scaling, alpha, alphaPattern, dropout } = config;
  return {
    method: name,
    geometry: geometry.name,
    direction: rule?.name ?? direction.name,
    start,
    scaling,
    rates: JSON.stringify(rates),
    alpha: String(alpha),
    alphaPattern: JSON.stringify(alphaPattern),
    dropout: String(dropout),
  };
}

/** @throws FormatError naming the first option in which a saved state is of another training. */
export function checkConfiguration({ configuration }: TrainingState, own: Readonly<Record<string, string>>): void {
  for (const [name, saved] of Object.entries(configuration ?? {})) {
    if (own[name] === undefined || own[name] === saved) continue;
    throw new FormatError(
      `trainer: the saved state is of a training with ${name} ${saved}, and this one has ${own[name]}; create the adapter in the same way, begin anew without state, or leave the state's configuration out where the change is meant`,
    );
  }
}

/**
 * Converts a solver's state to plain data.
 *
 * @param configuration - what the training is, see {@link configurationOf}.
 * @param taken - the factors by which the start has reduced the base, if any; they are not drawn anew on resuming.
 */
export async function saveState(
  la: TensorAlgebra,
  state: SolverState<AdapterPoint, AdapterPoint>,
  configuration: Readonly<Record<string, string>>,
  taken?: StackPairs,
): Promise<TrainingState> {
  const leaves: [string, Tensor][] = [];
  const visit = (tree: unknown, path: string): void => forEachLeaf<Tensor>(la, tree, (leaf, at) => leaves.push([at, leaf]), path);
  visit(state.x, 'point');
  if (taken !== undefined) visit(taken, 'taken');
  const numbers: Record<string, number> = {};
  for (const [part, memory] of Object.entries(state.memory)) {
    for (const [name, tangent] of Object.entries(memory.tangents)) visit(tangent, ['memory', part, name].reduce(joinPath, ''));
    for (const [name, value] of Object.entries(memory.numbers)) numbers[[part, name].reduce(joinPath, '')] = value;
  }
  const saved = await Promise.all(
    leaves.map(async ([path, leaf]) => [path, { shape: leaf.shape, data: (await leaf.data()) as Float32Array }] as const),
  );
  const { iteration, stepSize } = state;
  const arrays = Object.fromEntries(saved);
  const rate = stepSize === undefined ? {} : { learningRate: stepSize };
  return { step: iteration, ...rate, arrays, numbers, configuration, contents: contentsOf({ arrays, numbers }) };
}

/**
 * Restores a solver's state: the inverse of {@link saveState}.
 *
 * @param like - a point of the adapter that is trained, whose structure the saved one must have.
 * @throws FormatError naming an array that is missing, unexpected or of another shape.
 */
export function restoreState(la: TensorAlgebra, state: TrainingState, like: AdapterPoint): SolverState<AdapterPoint, AdapterPoint> {
  const x = readTree(la, state, like, 'point');
  const known = new Set(pathsOf(la, like, 'point'));
  const unread = Object.keys(state.arrays).filter((path) => !path.startsWith('taken.') && !known.has(path));
  const memory: Record<string, { tangents: Record<string, AdapterPoint>; numbers: Record<string, number> }> = {};
  const partOf = (part: string) => {
    memory[part] ??= { tangents: {}, numbers: {} };
    return memory[part];
  };
  // A rule may remember trees of other shapes than the point's, such as r×r moments; the paths give their structure.
  for (const path of unread) {
    const [root, part, name, ...keys] = keysOf(path);
    if (root !== 'memory' || keys.length === 0) {
      throw new FormatError(
        `trainer: the saved state has the array '${path}', which this adapter has not; resume with the same configuration`,
      );
    }
    const { shape, data } = state.arrays[path];
    place(partOf(part).tangents, [name, ...keys], la.fromArray(data, shape));
  }
  for (const [key, value] of Object.entries(state.numbers)) {
    const [part, name] = keysOf(key);
    partOf(part).numbers[name] = value;
  }
  const { step, learningRate } = state;
  return { iteration: step, x, memory, ...(learningRate === undefined ? {} : { stepSize: learningRate }) };
}

/**
 * Reduces the base by the factors in the saved state, if the adapter's own start drew others: with another seed, other
 * rows or on another machine.
 *
 * @throws FormatError naming an array that is missing, unexpected or of another shape.
 */
export async function restoreBaseOf(adapter: LoraAdapter, state: TrainingState): Promise<void> {
  const { taken } = adapter;
  const la = adapter.model.algebra;
  const tooMany = Object.keys(state.arrays).find((path) => taken === undefined && path.startsWith('taken.'));
  if (tooMany !== undefined)
    throw new FormatError(
      `trainer: the saved state has the array '${tooMany}', but this adapter's start leaves the base as it is; resume with the same method and start`,
    );
  if (taken === undefined) return;
  const paths = pathsOf(la, taken, 'taken');
  const own: Tensor[] = [];
  forEachLeaf<Tensor>(la, taken, (leaf) => own.push(leaf));
  let same = true;
  for (const [i, path] of paths.entries()) {
    const saved = checkedArray(path, state.arrays[path], own[i].shape);
    const drawn = await own[i].data();
    same &&= saved.every((value, at) => value === drawn[at]);
  }
  if (!same) la.tidy(() => adapter.retake(readTree(la, state, taken, 'taken')));
}

/** Returns the dotted paths of a tree's leaves, in order. */
function pathsOf(la: TensorAlgebra, tree: unknown, prefix: string): readonly string[] {
  const paths: string[] = [];
  forEachLeaf<Tensor>(la, tree, (_leaf, path) => paths.push(path), prefix);
  return paths;
}

/**
 * Reads the saved arrays below a path, in the structure of a given tree.
 *
 * @throws FormatError if an array is missing or of another shape.
 */
function readTree<Tree>(la: TensorAlgebra, { arrays }: TrainingState, like: Tree, prefix: string): Tree {
  const paths = pathsOf(la, like, prefix);
  let next = 0;
  return mapTree(
    la,
    (leaf: Tensor) => {
      const path = paths[next++];
      return la.fromArray(checkedArray(path, arrays[path], leaf.shape), leaf.shape);
    },
    like,
  );
}

/** Puts a leaf into a tree, and creates the records above it. */
function place(tree: object, [key, ...rest]: readonly string[], leaf: Tensor): void {
  const record = tree as Record<string, object>;
  if (rest.length === 0) record[key] = leaf;
  else {
    record[key] ??= {};
    place(record[key], rest, leaf);
  }
}

function checkedArray(path: string, saved: SavedArray | undefined, shape: readonly number[]): Float32Array {
  if (saved === undefined) throw new FormatError(`trainer: the saved state lacks the array '${path}'; resume with the same configuration`);
  if (saved.shape.join() !== shape.join()) {
    throw new FormatError(
      `trainer: the saved array '${path}' has shape [${saved.shape}], expected [${shape}]; resume with the same configuration`,
    );
  }
  return saved.data;
}
