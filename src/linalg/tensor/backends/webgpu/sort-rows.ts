import type { Tensor } from '@tensorflow/tfjs-core';
import { runProgram, type WebgpuBackend } from './run-program.js';

const THREADS = 64;

/**
 * Sorts the rows of matrices by their last entries, with a WGSL program; equal ones keep their order, and NaN counts as
 * largest.
 *
 * @param x - [members, rows, columns].
 * @returns a new tensor of that shape. rows² comparisons per member.
 */
export function sortRows(backend: WebgpuBackend, x: Tensor, order: 'ascending' | 'descending'): Tensor {
  const [members, rows, columns] = x.shape;
  return runProgram(backend, {
    key: `sort_${order}`,
    code: code(order === 'ascending' ? '<' : '>'),
    threads: THREADS,
    groups: Math.ceil((members * rows) / THREADS),
    inputs: { x },
    numbers: { members, rows, columns },
    shape: x.shape,
  });
}

const code = (before: '<' | '>'): string => `
// Bits whose order as integers is that of the numbers, so that every row has a place of its own whatever the numbers are.
fn key(row: i32) -> u32 {
  let bits = bitcast<u32>(x[(row + 1) * uniforms.columns - 1]);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

fn compute(group: i32, thread: i32) {
  let row = group * ${THREADS} + thread;
  if (row >= uniforms.members * uniforms.rows) { return; }
  let first = row - row % uniforms.rows;
  let own = key(row);
  var place = first;
  for (var other = first; other < first + uniforms.rows; other++) {
    let theirs = key(other);
    if (theirs ${before} own || (theirs == own && other < row)) { place++; }
  }
  for (var e = 0; e < uniforms.columns; e++) { result[place * uniforms.columns + e] = x[row * uniforms.columns + e]; }
}
`;
