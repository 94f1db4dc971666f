/** Quasi-Newton directions on the entries of a tangent that no bound holds. */
import { axpyTree, mapTree, scaleTree } from '../../core/tree.js';
import type { Objective } from '../problem.js';
import type { EvaluatedState, Memory } from '../solver.js';

/** A past step with the change of the gradient along it. */
export interface Pair<T> {
  readonly step: T;
  readonly change: T;
}

/** A pair counts if its curvature exceeds this share of its lengths. */
const leastCurvature = 1e-10;

/** Returns the pairs, newest first, with that of the last step. */
export function rememberedPairs<M, P, T>(
  { manifold: { algebra } }: Objective<M, P, T>,
  { gradient }: EvaluatedState<P, T>,
  { tangents }: Memory<T>,
  count: number,
): readonly Pair<T>[] {
  const pairs: Pair<T>[] = [];
  if (tangents.displacement !== undefined && tangents.gradient !== undefined)
    pairs.push({ step: tangents.displacement, change: axpyTree(algebra, -1, tangents.gradient, gradient) });
  for (let k = 0; pairs.length < count; k++) {
    const [step, change] = [tangents[`step${k}`], tangents[`change${k}`]];
    if (step === undefined || change === undefined) break;
    pairs.push({ step, change });
  }
  return pairs;
}

/** Returns −H g on the free entries by the two-loop recursion, and −γg on the others, γ the scaling of H. */
export async function quasiNewtonDirection<M, P, T>(
  { manifold }: Objective<M, P, T>,
  { x, gradient }: EvaluatedState<P, T>,
  all: readonly Pair<T>[],
  free: T,
): Promise<T> {
  const la = manifold.algebra;
  const onFree = (u: T): T => mapTree<M, T>(la, (mask, leaf) => la.multiply(mask, leaf), free, u);
  const pairs: (Pair<T> & { readonly curvature: number; readonly scaling: number })[] = [];
  for (const pair of all) {
    const [step, change] = [onFree(pair.step), onFree(pair.change)];
    const curvature = await manifold.inner(x, step, change);
    const changeSquared = await manifold.inner(x, change, change);
    const lengths = Math.sqrt(changeSquared * (await manifold.inner(x, step, step)));
    if (curvature > leastCurvature * lengths) pairs.push({ step, change, curvature, scaling: curvature / changeSquared });
  }
  const scaling = pairs[0]?.scaling ?? 1;
  const downhill = scaleTree(la, -1, onFree(gradient));
  const held = axpyTree(la, -1, gradient, scaleTree(la, -1, downhill));
  let u = downhill;
  const weights: number[] = [];
  for (const { step, change, curvature } of pairs) {
    const weight = (await manifold.inner(x, step, u)) / curvature;
    weights.push(weight);
    u = axpyTree(la, -weight, change, u);
  }
  u = scaleTree(la, scaling, u);
  for (const [k, { step, change, curvature }] of [...pairs.entries()].reverse()) {
    const weight = weights[k] - (await manifold.inner(x, change, u)) / curvature;
    u = axpyTree(la, weight, step, u);
  }
  return axpyTree(la, scaling, held, u);
}
