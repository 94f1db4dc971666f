/**
 * Scopes that free tensors, for asynchronous computations too. TensorFlow.js's own `tidy` is synchronous: its scopes
 * are one stack a process, on which two interleaved computations would free each other's tensors. Here a tensor belongs
 * to the scope in whose asynchronous context it was allocated; where there are none, as in pages, to the innermost that
 * is open.
 */

import { Tensor } from '@tensorflow/tfjs-core';
import { createScopeContext } from '#platform/linalg/tensor/scope-context';
import type { ArrayScope } from '../linear-algebra.js';
import { type EngineScope, inScope, passToScope, placeBottomScope, removeBottomScope } from './tensorflow-internals.js';

/** The scope of the asynchronous context that is running. */
const context = createScopeContext<Scope>();

interface Scope {
  readonly parent: Scope | undefined;
  readonly owned: Set<Tensor>;
  open: boolean;
}

/**
 * The scope below all of TensorFlow.js's while one of ours is open: what is allocated outside `tidy` lands here, and is
 * passed to the scope of its context.
 */
const bottom: EngineScope = { id: -1, name: 'bures', track: [] };
bottom.track.push = (...tensors: Tensor[]): number => {
  for (const tensor of tensors) adopt(context.owner(), tensor);
  return 0;
};
let openScopes = 0;

/** Implements `LinearAlgebra.tidy`. */
export function tidyTensors<Result>(compute: () => Result): Result {
  const scope = newScope();
  const free = (error: unknown): never => {
    closeScope(scope, undefined);
    throw error;
  };
  let result: Result;
  try {
    result = enter(scope, compute);
  } catch (error) {
    return free(error);
  }
  if (result instanceof Promise) {
    return result.then((value) => {
      closeScope(scope, value);
      return value;
    }, free) as Result;
  }
  closeScope(scope, result);
  return result;
}

/** Implements `LinearAlgebra.openScope`. */
export function openTensorScope(): ArrayScope {
  const scope = newScope();
  return {
    run: (compute) => enter(scope, compute),
    own(arrays) {
      for (const tensor of tensorsIn(arrays)) scope.owned.add(tensor);
    },
    free: (survivors) => freeExcept(scope, survivors),
    close: (survivors) => closeScope(scope, survivors),
  };
}

function newScope(): Scope {
  if (openScopes++ === 0) placeBottomScope(bottom);
  return { parent: context.current(), owned: new Set(), open: true };
}

/**
 * Runs a computation. What its synchronous part allocates is caught by a scope of TensorFlow.js, above any `tidy` that
 * surrounds it; what comes after its first `await`, by `bottom`.
 */
function enter<Result>(scope: Scope, compute: () => Result): Result {
  return inScope(
    bottom.name,
    () => context.run(scope, compute),
    (tensors) => {
      for (const tensor of tensors) adopt(scope, tensor);
    },
  );
}

/** Gives a tensor to its scope or, if a computation that nobody awaited outlived that, to an outer one. */
function adopt(scope: Scope | undefined, tensor: Tensor): void {
  let owner = scope;
  while (owner !== undefined && !owner.open) owner = owner.parent;
  owner?.owned.add(tensor);
}

function freeExcept(scope: Scope, survivors: unknown): void {
  const reachable = tensorsIn(survivors);
  for (const tensor of scope.owned) {
    if (reachable.has(tensor)) continue;
    scope.owned.delete(tensor);
    if (!tensor.kept && !tensor.isDisposed) tensor.dispose();
  }
}

function closeScope(scope: Scope, survivors: unknown): void {
  if (!scope.open) return;
  freeExcept(scope, survivors);
  scope.open = false;
  // To the surrounding scope of TensorFlow.js; through `bottom`, to that of ours.
  passToScope(scope.owned);
  scope.owned.clear();
  if (--openScopes === 0) removeBottomScope(bottom);
}

/** Returns all tensors reachable through records, arrays, maps and sets. */
function tensorsIn(value: unknown): Set<Tensor> {
  const found = new Set<Tensor>();
  const seen = new Set<object>();
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null || ArrayBuffer.isView(node) || seen.has(node)) return;
    seen.add(node);
    if (node instanceof Tensor) found.add(node);
    else if (node instanceof Map || node instanceof Set) for (const entry of node) visit(entry);
    else for (const child of Object.values(node)) visit(child);
  };
  visit(value);
  return found;
}
