/**
 * Eigendecomposition of small symmetric matrices as a WGSL program, one workgroup per matrix: two-sided Jacobi, with
 * all disjoint pairs of a round of a tournament rotated at once.
 *
 * @see Golub and Van Loan, "Matrix Computations", 4th ed., 2013, section 8.5; Brent and Luk, SIAM J. Sci. Stat. Comput.
 * 6(1), 1985.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { type JacobiLayout, jacobiLayout } from './jacobi-memory.js';
import { runProgram, type WebgpuBackend } from './run-program.js';
import { BARRIER } from './wgsl.js';

/** Most sweeps; six to eight are usual in float32. */
const MOST_SWEEPS = 24;

/**
 * Computes eigenvectors and eigenvalues of each matrix, side by side, in no order; only lower triangles are read.
 *
 * @param x - [members, n, n].
 * @returns [members, n, 2n + 1]: in row i eigenvector i, n numbers without meaning, and eigenvalue i. About 9·n³ flops
 * per sweep and member.
 */
export function jacobiEigen(backend: WebgpuBackend, x: Tensor): Tensor {
  const [members, n] = x.shape;
  const layout = jacobiLayout('eigh', backend, n, 2);
  const { threads, stride, key } = layout;
  return runProgram(backend, {
    key: `eigh_${key}`,
    code: code(layout),
    threads,
    groups: members,
    inputs: { x },
    shape: [members, n, stride],
  });
}

function code(layout: JacobiLayout): string {
  const { players, stride, preamble } = layout;
  return `
${preamble}
// Half of rounding, relative to the geometric mean of the two diagonal entries.
const TOLERANCE = ${2 ** -24};
// The turn of each pair.
var<workgroup> turns: array<vec2<f32>, PAIRS>;
${loading(layout)}
${turning(layout)}
${rotating(layout)}
${writing(layout)}
fn compute(group: i32, thread: i32) {
  base = group * N * ${stride};
  let scale = load(group, thread);
  for (var sweep = 0; sweep < ${MOST_SWEEPS}; sweep++) {
    if (thread == 0) { atomicStore(&rotations, 0u); }
    workgroupBarrier();
    for (var step = 0; step < ${players - 1}; step++) {
      chooseTurns(step, thread);
      rotateBlocks(step, thread);
    }
    if (thread == 0) { rotated = atomicLoad(&rotations); }
    if (workgroupUniformLoad(&rotated) == 0u) { break; }
  }
  write(thread, scale);
}
`;
}

/**
 * Loads a matrix. The first array becomes the eigenvectors by columns, and starts as the identity; the second the
 * matrix, scaled to about one.
 */
const loading = ({ first, second }: JacobiLayout): string => `
fn load(group: i32, thread: i32) -> f32 {
  var largest = 0.0;
  var bad = 0.0;
  for (var e = thread; e < N * N; e += THREADS) {
    if (e % N <= e / N) {
      let value = x[group * N * N + e];
      largest = max(largest, abs(value));
      if (nonFinite(value)) { bad = 1.0; }
    }
  }
  let power = powerOfTwo(largestOver(thread, largest));
  let factor = reciprocalPower(power);
  for (var e = thread; e < N * N; e += THREADS) {
    let i = e / N;
    let j = e % N;
    ${second('j', 'i')} = x[group * N * N + max(i, j) * N + min(i, j)] * factor;
    ${first('j', 'i')} = select(0.0, 1.0, i == j);
  }
  ${BARRIER}
  if (largestOver(thread, bad) > 0.0) { return uniforms.NAN; }
  return power;
}
`;

/** Chooses the rotations that clear the entries of a round's pairs. */
const turning = ({ second }: JacobiLayout): string => `
fn chooseTurns(step: i32, thread: i32) {
  for (var pair = thread; pair < PAIRS; pair += THREADS) {
    let pq = paired(pair, step);
    var turn = vec2<f32>(0.0, 0.0);
    if (pq.y < N) {
      let a = ${second('pq.x', 'pq.x')};
      let b = ${second('pq.y', 'pq.y')};
      let off = ${second('pq.x', 'pq.y')};
      if (abs(off) > max(TOLERANCE * sqrt(abs(a)) * sqrt(abs(b)), 1e-30)) {
        atomicStore(&rotations, 1u);
        let zeta = (b - a) / (2.0 * off);
        let t = select(-1.0, 1.0, zeta >= 0.0) / (abs(zeta) + sqrt(1.0 + zeta * zeta));
        let c = 1.0 / sqrt(1.0 + t * t);
        turn = vec2<f32>(c * t, c * t / (1.0 + c));
      }
    }
    turns[pair] = turn;
  }
  ${BARRIER}
}
`;

/**
 * Rotates both sides of every 2×2 block at once: no two blocks share an entry. Blocks below the diagonal are the mirror
 * of those above.
 */
const rotating = ({ first, second }: JacobiLayout): string => `
fn entry(i: i32, j: i32) -> f32 {
  if (max(i, j) >= N) { return 0.0; }
  return ${second('i', 'j')};
}

fn setEntry(i: i32, j: i32, value: f32) {
  if (max(i, j) >= N) { return; }
  ${second('i', 'j')} = value;
  ${second('j', 'i')} = value;
}

fn rotateBlocks(step: i32, thread: i32) {
  for (var e = thread; e < PAIRS * PAIRS; e += THREADS) {
    if (e % PAIRS <= e / PAIRS) { rotateBlock(step, e / PAIRS, e % PAIRS); }
  }
  for (var e = thread; e < PAIRS * N; e += THREADS) {
    let pq = paired(e / N, step);
    let i = e % N;
    let turn = turns[e / N];
    if (pq.y < N) {
      let v = ${first('pq.x', 'i')};
      let w = ${first('pq.y', 'i')};
      ${first('pq.x', 'i')} = turnedFirst(turn, v, w);
      ${first('pq.y', 'i')} = turnedSecond(turn, v, w);
    }
  }
  ${BARRIER}
}

fn rotateBlock(step: i32, rowPair: i32, columnPair: i32) {
  let p = paired(rowPair, step);
  let q = paired(columnPair, step);
  let left = turns[rowPair];
  let right = turns[columnPair];
  if (rowPair == columnPair) {
    if (p.y >= N || left.x == 0.0) { return; }
    let off = entry(p.x, p.y);
    // The tangent, from that of half the angle.
    let shift = 2.0 * left.y / (1.0 - left.y * left.y) * off;
    let a = entry(p.x, p.x) - shift;
    let b = entry(p.y, p.y) + shift;
    setEntry(p.x, p.x, a);
    setEntry(p.y, p.y, b);
    setEntry(p.x, p.y, 0.0);
    return;
  }
  let a = vec2<f32>(entry(p.x, q.x), entry(p.x, q.y));
  let b = vec2<f32>(entry(p.y, q.x), entry(p.y, q.y));
  let c = vec2<f32>(turnedFirst(left, a.x, b.x), turnedFirst(left, a.y, b.y));
  let d = vec2<f32>(turnedSecond(left, a.x, b.x), turnedSecond(left, a.y, b.y));
  setEntry(p.x, q.x, turnedFirst(right, c.x, c.y));
  setEntry(p.x, q.y, turnedSecond(right, c.x, c.y));
  setEntry(p.y, q.x, turnedFirst(right, d.x, d.y));
  setEntry(p.y, q.y, turnedSecond(right, d.x, d.y));
}
`;

/**
 * Writes the result. The eigenvalues, left on the diagonal, are read first, since the matrix may lie where the result
 * goes.
 */
const writing = ({ first, second, stride }: JacobiLayout): string => `
fn write(thread: i32, scale: f32) {
  let bad = nonFinite(scale);
  for (var j = thread; j < N; j += THREADS) {
    let value = ${second('j', 'j')} * scale;
    for (var i = 0; i < N; i++) {
      result[base + j * ${stride} + i] = select(${first('j', 'i')}, uniforms.NAN, bad);
      result[base + j * ${stride} + N + i] = 0.0;
    }
    result[base + (j + 1) * ${stride} - 1] = select(value, uniforms.NAN, bad);
  }
}
`;
