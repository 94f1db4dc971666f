/**
 * Balanced projection through the r×r Grams: the common part of the algorithms 'gram', 'matmul' and 'newton', and the
 * guard that falls back to the exact one.
 */

import '../linalg/host/whole-engine.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { polar } from '../linalg/matrix-functions.js';
import { type SmallBlocks, withSmallBlocks } from '../linalg/small-blocks.js';
import type { FactorPair } from '../metrics/factor-pair.js';
import { balanceByQr } from './balance-by-qr.js';
import type { BalancedGauge, BalancedProjection } from './balanced-pair.js';
import { replaceMembers } from './batch-members.js';
import {
  changeGauge,
  type GaugeChange,
  type GaugeEstimate,
  type GaugeFinder,
  type GramPair,
  gramsOf,
  replaceGrams,
  transformGrams,
} from './gauge-estimate.js';

/** A gauge finder, and the gauge in which it ends. */
export interface GramAlgorithm {
  readonly find: GaugeFinder;
  /** True if both new Grams are already diagonal and descending. */
  readonly hyperBalanced: boolean;
}

/**
 * Largest growth of rounding (see `roundingGrowth`) for which one gauge, from the Grams of the given factors, is as
 * good as rounding allows.
 */
const LARGEST_SINGLE_GROWTH = 4;

/**
 * Computes A' = A T⁻¹, B' = T B with T from the Grams AᵀA and BBᵀ.
 *
 * Grams square the condition number, hence three safeguards, all at r×r cost. If rounding has grown, the balanced pair
 * is balanced once more from its own Grams: its columns are then almost orthogonal (the idea of CholeskyQR2). Members
 * whose gauge cannot be trusted (ill-conditioned, rank deficient, out of range) come from the exact algorithm. An
 * engine that cannot be read does both and chooses with masks.
 *
 * @returns new arrays, in 4(m+n)r² flops, or 8(m+n)r² with the second pass.
 */
export function balanceByGrams<M>(
  la: LinearAlgebra<M>,
  pair: FactorPair<M>,
  gauge: BalancedGauge,
  algorithm: GramAlgorithm,
): BalancedProjection<M> {
  return withSmallBlocks(la, (blocks) => {
    const grams = gramBlocks(la, blocks, pair);
    const first = algorithm.find(blocks.la, grams, blocks.roundoff);
    const trusted = blocks.la.peek(first.trusted);
    // Every member comes from the exact algorithm: nothing below would be used.
    if (trusted?.every((flag) => flag === 0)) return balanceByQr(la, pair, gauge);

    const context = { la, blocks, pair, grams, first, gauge, algorithm };
    const plan = isAccurate(blocks.la, first) ? planOnce(context) : planTwice(context);
    const step = giveGauge(blocks, plan.step);
    const total = plan.from === undefined ? step : giveGauge(blocks, plan.total);
    const projected = { ...changeGauge(la, plan.from ?? pair, step), ...total, balanced: la.full(la.shape(total.T).slice(0, -1), 1) };
    if (plan.from !== undefined) for (const spent of [plan.from.A, plan.from.B]) la.dispose(spent);
    return replaceMembers(la, pair, projected, blocks.give(plan.trusted), (members) => balanceByQr(la, members, gauge));
  });
}

/** Input of both plans: the pair on its engine, all r×r matrices on the engine of the blocks. */
interface PlanContext<M, Block> {
  readonly la: LinearAlgebra<M>;
  readonly blocks: SmallBlocks<M, Block>;
  readonly pair: FactorPair<M>;
  readonly grams: GramPair<Block>;
  readonly first: GaugeEstimate<Block>;
  readonly gauge: BalancedGauge;
  readonly algorithm: GramAlgorithm;
}

/** The last change of gauge, the pair it starts from if that is not the given one, and the total change. */
interface Plan<M, Block> {
  readonly from?: FactorPair<M>;
  readonly step: GaugeChange<Block>;
  readonly total: GaugeChange<Block>;
  readonly trusted: Block;
}

function planOnce<M, Block>({ blocks: { la }, grams, first, gauge, algorithm }: PlanContext<M, Block>): Plan<M, Block> {
  const step = gaugeAtOnce(la, grams, first, gauge, algorithm);
  return { step, total: step, trusted: first.trusted };
}

/** Returns true if a gauge was read, and is as good as rounding allows for every member that it is trusted for. */
function isAccurate<M>(la: LinearAlgebra<M>, { growth, trusted }: GaugeEstimate<M>): boolean {
  const flags = la.peek(trusted);
  return la.peek(growth)?.every((grown, member) => grown <= LARGEST_SINGLE_GROWTH || flags?.[member] === 0) === true;
}

/** Turns the first gauge into the one asked for. */
function gaugeAtOnce<M>(
  la: LinearAlgebra<M>,
  grams: GramPair<M>,
  first: GaugeEstimate<M>,
  gauge: BalancedGauge,
  algorithm: GramAlgorithm,
): GaugeChange<M> {
  // The rotation ignores Grams out of range: their members come from the exact algorithm.
  const start = replaceGrams(la, grams, first.trusted);
  return rotated(la, first, rotationInto(la, gauge, algorithm, { start, total: first, last: start, step: first }));
}

/**
 * Returns the balancing gauge of pairs with the given Grams, or `undefined` where {@link balanceByGrams} would need the
 * pairs themselves once more: some member's gauge is not trusted, or magnifies rounding.
 */
export function gaugeOfGrams<M>(
  { la, roundoff }: Pick<SmallBlocks<unknown, M>, 'la' | 'roundoff'>,
  grams: GramPair<M>,
  gauge: BalancedGauge,
  algorithm: GramAlgorithm,
): GaugeChange<M> | undefined {
  const first = algorithm.find(la, grams, roundoff);
  if (la.peek(first.trusted)?.every((flag) => flag === 1) !== true || !isAccurate(la, first)) return undefined;
  return gaugeAtOnce(la, grams, first, gauge, algorithm);
}

/** Goes through a pair that is balanced up to rounding; this costs the memory of a pair, which is freed at once. */
function planTwice<M, Block>({ la, blocks, pair, grams, first, gauge, algorithm }: PlanContext<M, Block>): Plan<M, Block> {
  const from = changeGauge(la, pair, giveGauge(blocks, first));
  const last = gramBlocks(la, blocks, from);
  const small = blocks.la;
  const second = algorithm.find(small, last, blocks.roundoff);
  const total = { T: small.matmul(second.T, first.T), inverseT: small.matmul(first.inverseT, second.inverseT) };
  const trusted = small.multiply(first.trusted, second.trusted);
  const [start, end] = [grams, last].map((pairs) => replaceGrams(small, pairs, trusted));
  const rotation = rotationInto(small, gauge, algorithm, { start, total, last: end, step: second });
  return {
    from,
    step: rotated(small, second, rotation),
    total: rotated(small, total, rotation),
    trusted,
  };
}

function gramBlocks<M, Block>(la: LinearAlgebra<M>, blocks: SmallBlocks<M, Block>, pair: FactorPair<M>): GramPair<Block> {
  const { A, B } = gramsOf(la, pair);
  return { A: blocks.take(A), B: blocks.take(B) };
}

function giveGauge<M, Block>(blocks: SmallBlocks<M, Block>, { T, inverseT }: GaugeChange<Block>): GaugeChange<M> {
  return { T: blocks.give(T), inverseT: blocks.give(inverseT) };
}

/**
 * Returns the orthogonal Q that takes a balanced pair (A T⁻¹, T B) into a gauge, from r×r matrices: for `'nearest'` the
 * polar factor of A'ᵀA + B'Bᵀ = T⁻ᵀAᵀA + T BBᵀ (Procrustes), for `'svd'` the eigenvectors of the balanced Gram, largest
 * first.
 */
function rotationInto<M>(
  la: LinearAlgebra<M>,
  gauge: BalancedGauge,
  { hyperBalanced }: GramAlgorithm,
  { start, total, last, step }: { start: GramPair<M>; total: GaugeChange<M>; last: GramPair<M>; step: GaugeChange<M> },
): M | undefined {
  if (gauge === 'nearest') {
    return polar(la, la.add(la.matmul(total.inverseT, start.A, { transposeA: true }), la.matmul(total.T, start.B))).Q;
  }
  if (gauge === 'none' || hyperBalanced) return undefined;
  return la.svd(transformGrams(la, last, step).B).U;
}

/** Returns (QᵀT, T⁻¹Q). */
function rotated<M>(la: LinearAlgebra<M>, { T, inverseT }: GaugeChange<M>, Q: M | undefined): GaugeChange<M> {
  if (Q === undefined) return { T, inverseT };
  return { T: la.matmul(Q, T, { transposeA: true }), inverseT: la.matmul(inverseT, Q) };
}
