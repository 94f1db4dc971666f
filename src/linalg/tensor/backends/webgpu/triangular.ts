/**
 * WGSL programs for triangles: Cholesky factors, one workgroup per matrix, and triangular systems, one thread per
 * right-hand side.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { TriangularOptions } from '../../../linear-algebra-types.js';
import { runProgram, type WebgpuBackend } from './run-program.js';
import { BARRIER, NON_FINITE, threadsFor } from './wgsl.js';

/**
 * Computes lower Cholesky factors; only the lower triangles are read. A matrix that is not positive definite to
 * rounding, or not finite, gives NaN throughout.
 *
 * @param x - [members, n, n].
 * @returns a new tensor of that shape. n³/3 flops per member.
 */
export function choleskyFactor(backend: WebgpuBackend, x: Tensor): Tensor {
  const [members, n] = x.shape;
  const threads = threadsFor(n);
  return runProgram(backend, {
    key: 'cholesky',
    code: cholesky(threads),
    threads,
    groups: members,
    inputs: { x },
    numbers: { n },
    shape: x.shape,
  });
}

/** Factors column by column; a thread keeps to its rows, and reads of others only the row of the pivot. */
const cholesky = (threads: number): string => `
var<workgroup> failed: atomic<u32>;
${NON_FINITE}
fn compute(group: i32, thread: i32) {
  let n = uniforms.n;
  let base = group * n * n;
  for (var i = thread; i < n; i += ${threads}) {
    for (var j = 0; j < n; j++) { result[base + i * n + j] = select(0.0, x[base + i * n + j], j <= i); }
  }
  ${BARRIER}
  for (var j = 0; j < n; j++) {
    for (var i = thread; i < n; i += ${threads}) {
      if (i >= j) {
        var sum = result[base + i * n + j];
        for (var k = 0; k < j; k++) { sum -= result[base + i * n + k] * result[base + j * n + k]; }
        result[base + i * n + j] = sum;
        if (nonFinite(sum)) { atomicStore(&failed, 1u); }
      }
    }
    ${BARRIER}
    let pivot = result[base + j * n + j];
    ${BARRIER}
    if (thread == 0 && !(pivot > 0.0)) { atomicStore(&failed, 1u); }
    let root = sqrt(max(pivot, 1e-38));
    for (var i = thread; i < n; i += ${threads}) {
      if (i >= j) { result[base + i * n + j] = select(result[base + i * n + j] / root, root, i == j); }
    }
    ${BARRIER}
  }
  if (atomicLoad(&failed) == 0u) { return; }
  for (var e = thread; e < n * n; e += ${threads}) { result[base + e] = uniforms.NAN; }
}
`;

const SOLVE_THREADS = 64;

/**
 * Solves triangular systems. A zero on the diagonal gives infinities or NaN.
 *
 * @param triangle - [members, n, n]; the other triangle is not read.
 * @param b - [members, n, k], or [members, k, n] if the triangle is on the right.
 * @returns a new tensor of b's shape. n²·k flops per member.
 */
export function solveTriangle(backend: WebgpuBackend, triangle: Tensor, b: Tensor, options: TriangularOptions = {}): Tensor {
  const { lower = true, transpose = false, side = 'left' } = options;
  const right = side === 'right';
  const [members, n] = triangle.shape;
  const [, rows, columns] = b.shape;
  const k = right ? rows : columns;
  return runProgram(backend, {
    key: `solve_${lower}_${transpose}_${right}`,
    code: solve(lower, transpose, right),
    threads: SOLVE_THREADS,
    groups: Math.ceil((members * k) / SOLVE_THREADS),
    inputs: { triangle, b },
    numbers: { members, n, k },
    shape: b.shape,
  });
}

/**
 * Solves for one right-hand side by substitution. X T = B is Tᵀ Xᵀ = Bᵀ: the right-hand sides are then the rows of B,
 * and the triangle is read transposed.
 */
function solve(lower: boolean, transpose: boolean, right: boolean): string {
  const swapped = transpose !== right;
  // The first unknown to be found is that of the row with one entry.
  const forward = lower !== swapped;
  const entry = swapped ? 'triangle[base + col * n + row]' : 'triangle[base + row * n + col]';
  return `
fn compute(group: i32, thread: i32) {
  let item = group * ${SOLVE_THREADS} + thread;
  if (item >= uniforms.members * uniforms.k) { return; }
  let n = uniforms.n;
  let member = item / uniforms.k;
  let which = item % uniforms.k;
  let base = member * n * n;
  let start = ${right ? 'item * n' : 'member * n * uniforms.k + which'};
  let step = ${right ? '1' : 'uniforms.k'};
  for (var done = 0; done < n; done++) {
    let row = ${forward ? 'done' : 'n - 1 - done'};
    var sum = b[start + row * step];
    for (var known = 0; known < done; known++) {
      let col = ${forward ? 'known' : 'n - 1 - known'};
      sum -= ${entry} * result[start + col * step];
    }
    let col = row;
    result[start + row * step] = sum / ${entry};
  }
}
`;
}
