/**
 * Causal attention of grouped heads: O = P V with P = softmax(scale·Q Kᵀ + mask), and its gradients; the formulas and
 * the layout [tokens, heads · size] are those of src/nn/attention.ts. Blocks of rows of the scores stay in the cache.
 */
import { multiply, transpose } from './multiply';
import { dot, exponential, largestLane, sumOfLanes } from './vector';

/** Rows of the scores that are computed at a time. */
const BLOCK = 32;
/** Score of a hidden pair: below any other, and finite, because −∞ − (−∞) is NaN. */
const HIDDEN: f32 = -1e30;

/** Float32 numbers of scratch memory: the transposes of a head's keys and values, and two blocks of scores. */
export function attentionScratch(keys: i32, size: i32): i32 {
  return 2 * (size + BLOCK) * widthOf(keys);
}

function widthOf(keys: i32): i32 {
  return (keys + 7) & ~7;
}

/** Writes O. `group` query heads share a key head; `window` and `segments` are 0 for none. */
export function attend(
  q: usize,
  k: usize,
  v: usize,
  result: usize,
  scratch: usize,
  batch: i32,
  heads: i32,
  group: i32,
  queries: i32,
  keys: i32,
  size: i32,
  scale: f32,
  window: i32,
  segments: usize,
): void {
  const rowQ = heads * size;
  const rowK = (heads / group) * size;
  const width = widthOf(keys);
  const scores = scratch + ((<usize>(size * width)) << 2);
  for (let member = 0; member < batch; member++) {
    const marks: usize = segments == 0 ? 0 : segments + ((<usize>(member * keys)) << 2);
    for (let head = 0; head < heads; head++) {
      const ofKeys = (<usize>(member * keys * rowK + (head / group) * size)) << 2;
      if (head % group == 0) transpose(keys, size, k + ofKeys, rowK, scratch, width);
      for (let row = 0; row < queries; row += BLOCK) {
        const rows = min(BLOCK, queries - row);
        const ofQuery = (<usize>((member * queries + row) * rowQ + head * size)) << 2;
        const position = keys - queries + row;
        const first = firstColumn(position, window);
        const columns = position + rows - first;
        probabilities(q + ofQuery, rowQ, scratch, width, scores, rows, position, first, size, scale, window, marks);
        multiply(rows, size, columns, 1, scores, width, 1, v + ofKeys + ((<usize>(first * rowK)) << 2), rowK, 0, result + ofQuery, rowQ);
      }
    }
  }
}

/** Writes ∂Q, ∂K and ∂V for the gradient `dy` by O. */
export function attendBack(
  dy: usize,
  q: usize,
  k: usize,
  v: usize,
  result: usize,
  dq: usize,
  dk: usize,
  dv: usize,
  scratch: usize,
  batch: i32,
  heads: i32,
  group: i32,
  queries: i32,
  keys: i32,
  size: i32,
  scale: f32,
  window: i32,
  segments: usize,
): void {
  const rowQ = heads * size;
  const rowK = (heads / group) * size;
  const width = widthOf(keys);
  const values = scratch + ((<usize>(size * width)) << 2);
  const P = values + ((<usize>(size * width)) << 2);
  const S = P + ((<usize>(BLOCK * width)) << 2);
  memory.fill(dk, 0, (<usize>(batch * keys * rowK)) << 2);
  memory.fill(dv, 0, (<usize>(batch * keys * rowK)) << 2);
  for (let member = 0; member < batch; member++) {
    const marks: usize = segments == 0 ? 0 : segments + ((<usize>(member * keys)) << 2);
    for (let head = 0; head < heads; head++) {
      const ofKeys = (<usize>(member * keys * rowK + (head / group) * size)) << 2;
      if (head % group == 0) {
        transpose(keys, size, k + ofKeys, rowK, scratch, width);
        transpose(keys, size, v + ofKeys, rowK, values, width);
      }
      for (let row = 0; row < queries; row += BLOCK) {
        const rows = min(BLOCK, queries - row);
        const ofQuery = (<usize>((member * queries + row) * rowQ + head * size)) << 2;
        const position = keys - queries + row;
        const first = firstColumn(position, window);
        const columns = position + rows - first;
        const seen = ofKeys + ((<usize>(first * rowK)) << 2);
        probabilities(q + ofQuery, rowQ, scratch, width, P, rows, position, first, size, scale, window, marks);
        multiply(columns, size, rows, 1, P, 1, width, dy + ofQuery, rowQ, 1, dv + seen, rowK);
        multiply(rows, widthOf(columns), size, 1, dy + ofQuery, rowQ, 1, values + ((<usize>first) << 2), width, 0, S, width);
        scoreGradient(rows, columns, size, rowQ, width, P, S, result + ofQuery, dy + ofQuery);
        multiply(rows, size, columns, scale, S, width, 1, k + seen, rowK, 0, dq + ofQuery, rowQ);
        multiply(columns, size, rows, scale, S, 1, width, q + ofQuery, rowQ, 1, dk + seen, rowK);
      }
    }
  }
}

/** The first column of a block of scores: of the first key that its first row sees, at a multiple of 8. */
function firstColumn(position: i32, window: i32): i32 {
  return window > 0 ? max(0, position - window + 1) & ~7 : 0;
}

/** Writes P of a block of rows, with zeros for hidden pairs, up to a multiple of 8 columns. */
function probabilities(
  q: usize,
  rowQ: i32,
  transposedKeys: usize,
  width: i32,
  scores: usize,
  rows: i32,
  position: i32,
  first: i32,
  size: i32,
  scale: f32,
  window: i32,
  marks: usize,
): void {
  const padded = widthOf(position + rows - first);
  multiply(rows, padded, size, scale, q, rowQ, 1, transposedKeys + ((<usize>first) << 2), width, 0, scores, width);
  maskedSoftmax(scores, width, rows, padded, position - first, window, marks == 0 ? 0 : marks + ((<usize>first) << 2));
}

/**
 * Turns scores into probabilities, row by row in place: a multiple of 8 columns, rows `width` numbers apart. Row i sees
 * columns 0 to own + i, of these the last `window` if that is not 0, and of these those with its own mark, if there are
 * marks.
 */
export function maskedSoftmax(scores: usize, width: i32, rows: i32, columns: i32, own: i32, window: i32, marks: usize): void {
  for (let row = 0; row < rows; row++) {
    const at = scores + ((<usize>(row * width)) << 2);
    const last = own + row;
    for (let column = last + 1; column < columns; column++) store<f32>(at + ((<usize>column) << 2), HIDDEN);
    if (window > 0) for (let column = 0; column < last - window + 1; column++) store<f32>(at + ((<usize>column) << 2), HIDDEN);
    if (marks != 0) {
      const mark = load<i32>(marks + ((<usize>last) << 2));
      for (let column = 0; column < last; column++)
        if (load<i32>(marks + ((<usize>column) << 2)) != mark) store<f32>(at + ((<usize>column) << 2), HIDDEN);
    }
    softmax(at, columns);
  }
}

/** Softmax of a row of a multiple of 8 numbers, in place. */
function softmax(at: usize, length: i32): void {
  const end = at + ((<usize>length) << 2);
  let largest = v128.load(at);
  for (let p = at; p < end; p += 16) largest = f32x4.pmax(v128.load(p), largest);
  const shift = f32x4.splat(largestLane(largest));
  let sum = f32x4.splat(0);
  for (let p = at; p < end; p += 16) {
    const x = f32x4.sub(v128.load(p), shift);
    // Below e⁻⁸⁷ exactly zero: hidden pairs have no part. (A NaN is not below.)
    const e = v128.andnot(exponential(x), f32x4.lt(x, f32x4.splat(-87)));
    v128.store(p, e);
    sum = f32x4.add(sum, e);
  }
  const factor = f32x4.splat(1 / sumOfLanes(sum));
  for (let p = at; p < end; p += 16) v128.store(p, f32x4.mul(v128.load(p), factor));
}

/**
 * Writes S̄ = P ∘ (Ō Vᵀ − rowsum(Ō ∘ O)) over Ō Vᵀ; the sum equals that of P ∘ Ō Vᵀ, over fewer numbers. Rows of P and
 * S are `width` numbers apart, a multiple of 4, those of O and Ō `rowQ`.
 */
export function scoreGradient(rows: i32, columns: i32, size: i32, rowQ: i32, width: i32, P: usize, S: usize, result: usize, dy: usize): void {
  for (let row = 0; row < rows; row++) {
    const ofQuery = (<usize>(row * rowQ)) << 2;
    const sum = dot(result + ofQuery, dy + ofQuery, size);
    const end = (<usize>(row * width + columns)) << 2;
    for (let at = (<usize>(row * width)) << 2; at < end; at += 16)
      v128.store(S + at, f32x4.mul(v128.load(P + at), f32x4.sub(v128.load(S + at), f32x4.splat(sum))));
  }
}
