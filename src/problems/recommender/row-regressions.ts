/**
 * One half of an alternating sweep over the factors of a table: the regressions of all rows on the factors of the
 * columns. Transposed, it is the other half.
 *
 * @see Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008, section 4.
 */
import type { InParts } from '../../core/event-loop.js';
import { factorize, solveFactored } from '../packed-cholesky.js';
import type { EntriesByRow } from '../variational-entries.js';

/**
 * What an entry contributes. The rating z is explained with weight 1; a strength s of feedback explains the preference
 * 1 with confidence 1 + α·s, and every entry that is not there explains the preference 0 with confidence 1.
 */
export type Weighting =
  | { readonly kind: 'ratings'; readonly mean: number; readonly biases: boolean }
  | { readonly kind: 'confidence'; readonly alpha: number };

/** Ridge on the unknowns of a row with c entries: own + c·perEntry for each unknown. */
export interface Ridge {
  readonly own: Float64Array;
  readonly perEntry: Float64Array;
}

/** Arguments of {@link regressRows}. */
export interface RowRegressions {
  readonly entries: EntriesByRow;
  /** Unknowns of the columns, n×k in row-major order; with biases, the last one of each is its bias. */
  readonly beside: Float64Array;
  /** Ridge on each of the k unknowns of a row. */
  readonly ridge: Ridge;
  readonly weighting: Weighting;
  /** Solutions, m×k, written to. */
  readonly solutions: Float64Array;
  /** If given, the gradient of the cost at these unknowns of the rows is written to `gradient`. */
  readonly at?: { readonly unknowns: Float64Array; readonly gradient: Float64Array };
}

/** Flops between two yields: a few milliseconds. */
const partFlops = 1e7;

/** Entries that are added to the normal equations at once, so that a sum is loaded and stored once for four. */
const lanes = 4;

/**
 * Solves the k×k normal equations of every row, in nnz·k(k + 3) + m·(k³/3 + 2k²) flops: k numbers are read for each
 * entry, and nothing is kept but the solutions. With confidences, the Gram matrix of all columns is formed once, in
 * n·k(k + 1) flops, and each row corrects it by its own entries. A row without entries has the solution 0.
 *
 * @returns twice the least cost over the rows, their ridges included; yields after each part of the rows.
 */
export function* regressRows(regressions: RowRegressions): InParts<number> {
  const { entries, ridge: ridges, solutions, at, weighting, beside } = regressions;
  const k = ridges.own.length;
  const work = workspace(k);
  const { ridge } = work;
  const common = weighting.kind === 'confidence' ? gramOf(beside, k) : undefined;
  let [cost, flops] = [0, 0];
  for (let i = 0; i < entries.count; i++) {
    const count = entries.pointers[i + 1] - entries.pointers[i];
    if (common === undefined) work.gram.fill(0);
    else work.gram.set(common);
    work.right.fill(0);
    for (let p = 0; p < k; p++) ridge[p] = ridges.own[p] + count * ridges.perEntry[p];
    if (count > 0) {
      cost += gatherRow(regressions, i, work);
      factorize(work.gram, ridge, work.factor);
      solveFactored(work.factor, work.right, work.solution);
    } else work.solution.fill(0);
    for (let p = 0; p < k; p++) {
      cost -= work.right[p] * work.solution[p];
      solutions[i * k + p] = work.solution[p];
    }
    if (at !== undefined) rowGradient(at, i, work);
    flops += count * k * (k + 3) + k ** 3;
    if (flops < partFlops) continue;
    flops = 0;
    yield;
  }
  return cost;
}

/** Buffers of one row. */
interface Workspace {
  /** Normal matrix without its ridge, as a packed lower triangle. */
  readonly gram: Float64Array;
  readonly right: Float64Array;
  readonly ridge: Float64Array;
  readonly factor: Float64Array;
  readonly solution: Float64Array;
  /** Unknowns of {@link lanes} columns, side by side, and their weights and targets. */
  readonly block: Float64Array;
  readonly weights: Float64Array;
  readonly targets: Float64Array;
}

function workspace(k: number): Workspace {
  const packed = (k * (k + 1)) / 2;
  const make = (length: number): Float64Array => new Float64Array(length);
  return {
    gram: make(packed),
    right: make(k),
    ridge: make(k),
    factor: make(packed),
    solution: make(k),
    block: make(lanes * k),
    weights: make(lanes),
    targets: make(lanes),
  };
}

/** Adds the entries of row i to its normal equations. @returns the constant of its cost, twice. */
function gatherRow({ entries, beside, weighting }: RowRegressions, i: number, work: Workspace): number {
  const { indices, values, pointers } = entries;
  const { block, weights, targets, right } = work;
  const k = right.length;
  const ratings = weighting.kind === 'ratings';
  const mean = ratings ? weighting.mean : 0;
  const alpha = ratings ? 0 : weighting.alpha;
  const biases = ratings && weighting.biases;
  const last = pointers[i + 1];
  let constant = 0;
  for (let e = pointers[i]; e < last; e += lanes) {
    const filled = Math.min(lanes, last - e);
    if (filled < lanes) {
      block.fill(0);
      weights.fill(0);
      targets.fill(0);
    }
    for (let l = 0; l < filled; l++) {
      const from = indices[e + l] * k;
      const z = values[e + l];
      for (let p = 0, to = l; p < k; p++, to += lanes) block[to] = beside[from + p];
      if (ratings) {
        const target = z - mean - (biases ? beside[from + k - 1] : 0);
        if (biases) block[(k - 1) * lanes + l] = 1;
        weights[l] = 1;
        targets[l] = target;
        constant += target * target;
      } else {
        weights[l] = alpha * z;
        targets[l] = 1 + alpha * z;
        constant += 1 + alpha * z;
      }
    }
    addBlock(work, k);
  }
  return constant;
}

/**
 * Adds w f fᵀ and t f of the columns in the block. Two rows of the triangle are formed together, since each number of
 * the block is then loaded once for both.
 */
function addBlock({ gram, right, block, weights, targets }: Workspace, k: number): void {
  const t0 = targets[0];
  const t1 = targets[1];
  const t2 = targets[2];
  const t3 = targets[3];
  const w0 = weights[0];
  const w1 = weights[1];
  const w2 = weights[2];
  const w3 = weights[3];
  let p = 0;
  for (let first = 0; p + 1 < k; p += 2) {
    const at = lanes * p;
    const f0 = block[at];
    const f1 = block[at + 1];
    const f2 = block[at + 2];
    const f3 = block[at + 3];
    const g0 = block[at + 4];
    const g1 = block[at + 5];
    const g2 = block[at + 6];
    const g3 = block[at + 7];
    right[p] += t0 * f0 + t1 * f1 + (t2 * f2 + t3 * f3);
    right[p + 1] += t0 * g0 + t1 * g1 + (t2 * g2 + t3 * g3);
    const x0 = w0 * f0;
    const x1 = w1 * f1;
    const x2 = w2 * f2;
    const x3 = w3 * f3;
    const y0 = w0 * g0;
    const y1 = w1 * g1;
    const y2 = w2 * g2;
    const y3 = w3 * g3;
    const second = first + p + 1;
    for (let q = 0, other = 0; q <= p; q++, other += lanes) {
      const b0 = block[other];
      const b1 = block[other + 1];
      const b2 = block[other + 2];
      const b3 = block[other + 3];
      gram[first + q] += x0 * b0 + x1 * b1 + (x2 * b2 + x3 * b3);
      gram[second + q] += y0 * b0 + y1 * b1 + (y2 * b2 + y3 * b3);
    }
    gram[second + p + 1] += y0 * g0 + y1 * g1 + (y2 * g2 + y3 * g3);
    first = second + p + 2;
  }
  if (p === k) return;
  const at = lanes * p;
  const x0 = block[at];
  const x1 = block[at + 1];
  const x2 = block[at + 2];
  const x3 = block[at + 3];
  right[p] += t0 * x0 + t1 * x1 + (t2 * x2 + t3 * x3);
  for (let q = 0, place = (p * (p + 1)) / 2, other = 0; q <= p; q++, place++, other += lanes)
    gram[place] += w0 * x0 * block[other] + w1 * x1 * block[other + 1] + (w2 * x2 * block[other + 2] + w3 * x3 * block[other + 3]);
}

/** Writes (G + ridge) w − r, the gradient of half the cost at other unknowns w of row i. */
function rowGradient({ unknowns, gradient }: NonNullable<RowRegressions['at']>, i: number, { gram, right, ridge }: Workspace): void {
  const k = ridge.length;
  const base = i * k;
  for (let p = 0; p < k; p++) gradient[base + p] = ridge[p] * unknowns[base + p] - right[p];
  for (let p = 0, place = 0; p < k; p++) {
    for (let q = 0; q < p; q++, place++) {
      gradient[base + p] += gram[place] * unknowns[base + q];
      gradient[base + q] += gram[place] * unknowns[base + p];
    }
    gradient[base + p] += gram[place++] * unknowns[base + p];
  }
}

/** Returns Σ ridge·w² over the unknowns of all rows. */
export function penaltyOf({ count, pointers }: EntriesByRow, unknowns: Float64Array, { own, perEntry }: Ridge): number {
  const k = own.length;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const entries = pointers[i + 1] - pointers[i];
    for (let p = 0; p < k; p++) sum += (own[p] + entries * perEntry[p]) * unknowns[i * k + p] ** 2;
  }
  return sum;
}

/** Returns FᵀF of n×k unknowns, packed. */
function gramOf(factors: Float64Array, k: number): Float64Array {
  const gram = new Float64Array((k * (k + 1)) / 2);
  for (let base = 0; base < factors.length; base += k) {
    for (let p = 0, place = 0; p < k; p++) {
      const x = factors[base + p];
      for (let q = 0; q <= p; q++, place++) gram[place] += x * factors[base + q];
    }
  }
  return gram;
}
