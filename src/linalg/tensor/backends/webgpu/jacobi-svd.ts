/**
 * Singular value decomposition of small square matrices as a WGSL program, one workgroup per matrix: one-sided Jacobi,
 * with all disjoint pairs of columns rotated at once. Each σ comes out to high relative accuracy where the matrix is a
 * well-conditioned one times a diagonal.
 *
 * @see Demmel and Veselić, "Jacobi's method is more accurate than QR", SIAM J. Matrix Anal. Appl. 13(4), 1992; Brent
 * and Luk, "The solution of singular-value and symmetric eigenvalue problems on multiprocessor arrays", SIAM J. Sci.
 * Stat. Comput. 6(1), 1985.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { type JacobiLayout, jacobiLayout } from './jacobi-memory.js';
import { runProgram, type WebgpuBackend } from './run-program.js';
import { BARRIER } from './wgsl.js';

/** Seven or eight are usual in float32; the bound is for columns that rounding keeps from becoming orthogonal. */
const MOST_SWEEPS = 24;

/**
 * Computes the SVD of each matrix, its parts side by side and in no order.
 *
 * @param x - [members, n, n].
 * @returns [members, n, 2n + 1]: in row i left vector i, right vector i and σᵢ. About 12·n³ flops per sweep and member.
 */
export function jacobiSvd(backend: WebgpuBackend, x: Tensor): Tensor {
  const [members, n] = x.shape;
  const layout = jacobiLayout('svd', backend, n, 3);
  const { threads, stride, key } = layout;
  return runProgram(backend, {
    key: `svd_${key}`,
    code: code(layout),
    threads,
    groups: members,
    inputs: { x },
    shape: [members, n, stride],
  });
}

function code(layout: JacobiLayout): string {
  const { n, players, lanes, stride, preamble } = layout;
  return `
${preamble}
const LANES = ${lanes};
// Cosines below this count as zero.
const TOLERANCE = ${2 ** -23 * Math.sqrt(n)};
// Squared lengths below this are those of columns that are zero.
const DEAD = 1e-36;
var<workgroup> exchange: array<vec3<f32>, PAIRS * LANES>;
var<workgroup> lengths: array<f32, N>;
var<workgroup> weights: array<f32, N>;
var<workgroup> best: i32;
${loading(layout)}
${sweeping(layout)}
${finishing(layout)}
${completing(layout)}
fn compute(group: i32, thread: i32) {
  base = group * N * ${stride};
  let scale = load(group, thread);
  for (var sweep = 0; sweep < ${MOST_SWEEPS}; sweep++) {
    if (thread == 0) { atomicStore(&rotations, 0u); }
    for (var step = 0; step < ${players - 1}; step++) { rotateAll(step, thread); }
    if (thread == 0) { rotated = atomicLoad(&rotations); }
    if (workgroupUniformLoad(&rotated) == 0u) { break; }
  }
  measure(thread);
  for (var j = 0; j < N; j++) {
    if (workgroupUniformLoad(&lengths[j]) == 0.0) { complete(j, thread); }
  }
  write(thread, scale);
}
`;
}

/** Loads a matrix. The first array becomes the matrix by columns, scaled to about one; the second the identity. */
const loading = ({ first, second }: JacobiLayout): string => `
fn load(group: i32, thread: i32) -> f32 {
  var largest = 0.0;
  var bad = 0.0;
  for (var e = thread; e < N * N; e += THREADS) {
    let value = x[group * N * N + e];
    largest = max(largest, abs(value));
    if (nonFinite(value)) { bad = 1.0; }
  }
  let power = powerOfTwo(largestOver(thread, largest));
  let factor = reciprocalPower(power);
  for (var e = thread; e < N * N; e += THREADS) {
    let i = e / N;
    let j = e % N;
    ${first('j', 'i')} = x[group * N * N + e] * factor;
    ${second('j', 'i')} = select(0.0, 1.0, i == j);
  }
  ${BARRIER}
  if (largestOver(thread, bad) > 0.0) { return uniforms.NAN; }
  return power;
}
`;

/** Makes the columns of all pairs of a step orthogonal to each other. */
const sweeping = ({ first, second }: JacobiLayout): string => `
fn rotateAll(step: i32, thread: i32) {
  let lane = thread % LANES;
  for (var pair = thread / LANES; pair < PAIRS; pair += THREADS / LANES) {
    let pq = paired(pair, step);
    var sums = vec3<f32>(0.0);
    if (pq.y < N) {
      for (var i = lane; i < N; i += LANES) {
        let a = ${first('pq.x', 'i')};
        let b = ${first('pq.y', 'i')};
        sums += vec3<f32>(a * a, b * b, a * b);
      }
    }
    exchange[pair * LANES + lane] = sums;
  }
  ${BARRIER}
  for (var pair = thread / LANES; pair < PAIRS; pair += THREADS / LANES) {
    let pq = paired(pair, step);
    var sums = vec3<f32>(0.0);
    for (var l = 0; l < LANES; l++) { sums += exchange[pair * LANES + l]; }
    if (min(sums.x, sums.y) > DEAD && abs(sums.z) > TOLERANCE * sqrt(sums.x) * sqrt(sums.y)) {
      atomicStore(&rotations, 1u);
      let zeta = (sums.y - sums.x) / (2.0 * sums.z);
      let t = select(-1.0, 1.0, zeta >= 0.0) / (abs(zeta) + sqrt(1.0 + zeta * zeta));
      let c = 1.0 / sqrt(1.0 + t * t);
      let turn = vec2<f32>(c * t, c * t / (1.0 + c));
      for (var i = lane; i < N; i += LANES) {
        let a = ${first('pq.x', 'i')};
        let b = ${first('pq.y', 'i')};
        ${first('pq.x', 'i')} = turnedFirst(turn, a, b);
        ${first('pq.y', 'i')} = turnedSecond(turn, a, b);
        let v = ${second('pq.x', 'i')};
        let w = ${second('pq.y', 'i')};
        ${second('pq.x', 'i')} = turnedFirst(turn, v, w);
        ${second('pq.y', 'i')} = turnedSecond(turn, v, w);
      }
    }
  }
  ${BARRIER}
}
`;

/** Finishes: the columns' lengths are the singular values, their directions the left vectors. */
const finishing = ({ first, second, stride }: JacobiLayout): string => `
fn measure(thread: i32) {
  for (var j = thread; j < N; j += THREADS) {
    var squares = 0.0;
    for (var i = 0; i < N; i++) { squares += ${first('j', 'i')} * ${first('j', 'i')}; }
    let length = select(0.0, sqrt(squares), squares > DEAD);
    lengths[j] = length;
    for (var i = 0; i < N; i++) { ${first('j', 'i')} = select(0.0, ${first('j', 'i')} / max(length, 1e-38), length > 0.0); }
  }
  ${BARRIER}
}

fn write(thread: i32, scale: f32) {
  let bad = nonFinite(scale);
  for (var e = thread; e < N * ${stride}; e += THREADS) {
    let j = e / ${stride};
    let i = e % ${stride};
    var value = max(lengths[j], 0.0) * scale;
    if (i < N) { value = ${first('j', 'i')}; } else if (i < 2 * N) { value = ${second('j', 'i - N')}; }
    result[base + e] = select(value, uniforms.NAN, bad);
  }
}
`;

/**
 * Makes a left vector for σ = 0: the unit vector farthest from the span of the others, made orthogonal to them, twice.
 * A negative length, which counts as zero, marks it as present.
 */
const completing = ({ first }: JacobiLayout): string => `
fn complete(j: i32, thread: i32) {
  for (var i = thread; i < N; i += THREADS) {
    var squares = 0.0;
    for (var l = 0; l < N; l++) { squares += ${first('l', 'i')} * ${first('l', 'i')}; }
    weights[i] = squares;
  }
  workgroupBarrier();
  if (thread == 0) {
    best = 0;
    for (var i = 1; i < N; i++) { if (weights[i] < weights[best]) { best = i; } }
  }
  workgroupBarrier();
  for (var i = thread; i < N; i += THREADS) { ${first('j', 'i')} = select(0.0, 1.0, i == best); }
  ${BARRIER}
  for (var round = 0; round < 2; round++) {
    for (var l = thread; l < N; l += THREADS) {
      var dot = 0.0;
      for (var i = 0; i < N; i++) { dot += ${first('l', 'i')} * ${first('j', 'i')}; }
      weights[l] = select(dot, 0.0, l == j);
    }
    ${BARRIER}
    for (var i = thread; i < N; i += THREADS) {
      var value = ${first('j', 'i')};
      for (var l = 0; l < N; l++) { if (l != j) { value -= weights[l] * ${first('l', 'i')}; } }
      ${first('j', 'i')} = value;
    }
    ${BARRIER}
  }
  var squares = 0.0;
  for (var i = 0; i < N; i++) { squares += ${first('j', 'i')} * ${first('j', 'i')}; }
  ${BARRIER}
  for (var i = thread; i < N; i += THREADS) { ${first('j', 'i')} = ${first('j', 'i')} / sqrt(squares); }
  if (thread == 0) { lengths[j] = -1.0; }
  ${BARRIER}
}
`;
