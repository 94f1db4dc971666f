/**
 * Householder QR as a WGSL program: one workgroup per matrix or, with a matrix cut into blocks of rows, per block.
 * Unlike Cholesky QR it is accurate for every condition number, and Q is orthonormal for rank-deficient matrices too.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { runProgram, type WebgpuBackend } from './run-program.js';
import { BARRIER, lanesFor, largestOver, NON_FINITE, POWER_OF_TWO, sumOver, threadsFor } from './wgsl.js';

/** Sizes of a batch of matrices cut into blocks of rows. */
export interface Blocks {
  /** Number of matrices. */
  readonly members: number;
  /** Rows of a matrix. */
  readonly m: number;
  /** Columns, at most `height`. */
  readonly n: number;
  /** Number of blocks of a matrix. */
  readonly blocks: number;
  /** Rows of a block; the last one is filled up with rows of zeros. */
  readonly height: number;
}

/**
 * Computes the QR of every block, R with a nonnegative diagonal. Blocks of zeros at the bottom leave zeros in Q as long
 * as the first `n` rows of the block are rows of the matrix.
 *
 * @param x - members × m × n.
 * @returns [members · blocks, n, height + n]: in row j column j of Q, then row j of R. 4·height·n² flops per block.
 */
export function blockwiseQr(backend: WebgpuBackend, x: Tensor, sizes: Blocks): Tensor {
  const { members, m, n, blocks, height } = sizes;
  const threads = threadsFor(n);
  return runProgram(backend, {
    key: `qr_${n}`,
    code: code(n, threads),
    threads,
    groups: members * blocks,
    inputs: { x },
    numbers: { rows: m, blocks, height },
    shape: [members * blocks, n, height + n],
  });
}

function code(n: number, threads: number): string {
  return `
const N = ${n};
const THREADS = ${threads};
const LANES = ${lanesFor(threads, n, threads)};
var<workgroup> partial: array<f32, THREADS>;
var<workgroup> dots: array<f32, N * LANES>;
var<workgroup> taus: array<f32, N>;
var<private> base: i32;
var<private> stride: i32;

${NON_FINITE}
${POWER_OF_TWO}
${largestOver(threads)}
${sumOver(threads)}
${LOAD}
${REFLECT}
${FACTOR}
${FORM}
fn compute(group: i32, thread: i32) {
  stride = uniforms.height + N;
  base = group * N * stride;
  let scale = load(group, thread);
  for (var j = 0; j < N; j++) { factor(j, thread); }
  finishTriangle(thread, scale);
  for (var j = N - 1; j >= 0; j--) { form(j, thread); }
  makeNonnegative(thread, scale);
}
`;
}

/**
 * Loads a block, columns contiguous, scaled to about one so that squares neither overflow nor vanish. Returns the power
 * of two taken out, NaN for bad input.
 */
const LOAD = `
fn load(group: i32, thread: i32) -> f32 {
  let member = group / uniforms.blocks;
  let first = (group % uniforms.blocks) * uniforms.height;
  let count = min(uniforms.height, uniforms.rows - first);
  let start = (member * uniforms.rows + first) * N;
  var largest = 0.0;
  var bad = 0.0;
  for (var e = thread; e < count * N; e += THREADS) {
    let value = x[start + e];
    largest = max(largest, abs(value));
    if (nonFinite(value)) { bad = 1.0; }
  }
  let power = powerOfTwo(largestOver(thread, largest));
  let factor = reciprocalPower(power);
  for (var e = thread; e < uniforms.height * N; e += THREADS) {
    var value = 0.0;
    if (e < count * N) { value = x[start + e] * factor; }
    result[base + (e % N) * stride + e / N] = value;
  }
  ${BARRIER}
  if (largestOver(thread, bad) > 0.0) { return uniforms.NAN; }
  return power;
}
`;

/**
 * Subtracts τ v (vᵀ c) from the columns c after j, with v in column j below the diagonal and one on it. `asZero` takes
 * their row j as zero.
 */
const REFLECT = `
fn reflect(j: i32, thread: i32, tau: f32, asZero: bool) {
  let lane = thread % LANES;
  let v = base + j * stride;
  for (var c = j + 1 + thread / LANES; c < N; c += THREADS / LANES) {
    let column = base + c * stride;
    var dot = 0.0;
    if (lane == 0 && !asZero) { dot = result[column + j]; }
    for (var i = j + 1 + lane; i < uniforms.height; i += LANES) { dot += result[v + i] * result[column + i]; }
    dots[c * LANES + lane] = dot;
  }
  ${BARRIER}
  for (var c = j + 1 + thread / LANES; c < N; c += THREADS / LANES) {
    let column = base + c * stride;
    var dot = 0.0;
    for (var l = 0; l < LANES; l++) { dot += dots[c * LANES + l]; }
    let weight = tau * dot;
    if (lane == 0) { result[column + j] = select(result[column + j], 0.0, asZero) - weight; }
    for (var i = j + 1 + lane; i < uniforms.height; i += LANES) { result[column + i] -= weight * result[v + i]; }
  }
  ${BARRIER}
}
`;

/**
 * Makes the reflection that clears column j below the diagonal, and applies it. R's diagonal goes to its place after
 * the column.
 */
const FACTOR = `
fn factor(j: i32, thread: i32) {
  let column = base + j * stride;
  var squares = 0.0;
  for (var i = j + 1 + thread; i < uniforms.height; i += THREADS) { squares += result[column + i] * result[column + i]; }
  let below = sumOver(thread, squares);
  let alpha = result[column + j];
  var beta = alpha;
  var tau = 0.0;
  if (below > 0.0) {
    let length = sqrt(alpha * alpha + below);
    beta = select(length, -length, alpha > 0.0);
    tau = (beta - alpha) / beta;
    let factor = 1.0 / (alpha - beta);
    for (var i = j + 1 + thread; i < uniforms.height; i += THREADS) { result[column + i] *= factor; }
  }
  if (thread == 0) {
    taus[j] = tau;
    result[column + uniforms.height + j] = beta;
  }
  ${BARRIER}
  reflect(j, thread, tau, false);
}

// Row j of R from above the diagonal, before Q takes that place.
fn finishTriangle(thread: i32, scale: f32) {
  for (var e = thread; e < N * N; e += THREADS) {
    let i = e / N;
    let j = e % N;
    let place = base + i * stride + uniforms.height + j;
    if (j > i) { result[place] = result[base + j * stride + i]; }
    if (j < i) { result[place] = 0.0; }
  }
  ${BARRIER}
}
`;

/** Forms Q, column by column from the last, in the place of the reflections. */
const FORM = `
fn form(j: i32, thread: i32) {
  let tau = taus[j];
  reflect(j, thread, tau, true);
  let column = base + j * stride;
  for (var i = thread; i < uniforms.height; i += THREADS) {
    let value = result[column + i];
    result[column + i] = select(select(-tau * value, 1.0 - tau, i == j), 0.0, i < j);
  }
  ${BARRIER}
}

// Row j of R and column j of Q lie side by side: both change sign with R's diagonal. R gets its scale back.
fn makeNonnegative(thread: i32, scale: f32) {
  for (var j = thread; j < N; j += THREADS) { taus[j] = select(1.0, -1.0, result[base + j * stride + uniforms.height + j] < 0.0); }
  workgroupBarrier();
  let bad = nonFinite(scale);
  for (var e = thread; e < N * stride; e += THREADS) {
    let value = result[base + e] * taus[e / stride];
    result[base + e] = select(select(value, value * scale, e % stride >= uniforms.height), uniforms.NAN, bad);
  }
}
`;
