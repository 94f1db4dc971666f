/** Parts that several WGSL programs share. */

/** Returns true if a number is NaN or infinite; by its bits, since compilers may assume that no number is. */
export const NON_FINITE = `
fn nonFinite(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u;
}
`;

/** Powers of two near a positive number: multiplication by them is exact. */
export const POWER_OF_TWO = `
// 2^e with e as near to the value's exponent as leaves both it and its reciprocal normal.
fn powerOfTwo(value: f32) -> f32 {
  return bitcast<f32>(clamp(bitcast<u32>(value) >> 23u, 1u, 253u) << 23u);
}

// 1 / p for p from powerOfTwo.
fn reciprocalPower(power: f32) -> f32 {
  return bitcast<f32>((254u - (bitcast<u32>(power) >> 23u)) << 23u);
}
`;

/** The larger magnitude over all threads, uniformly. Needs `partial`, an array of one number per thread. */
export const largestOver = (threads: number): string => `
fn largestOver(thread: i32, value: f32) -> f32 {
  partial[thread] = value;
  workgroupBarrier();
  for (var half = ${threads / 2}; half > 0; half = half / 2) {
    if (thread < half) { partial[thread] = max(partial[thread], partial[thread + half]); }
    workgroupBarrier();
  }
  return workgroupUniformLoad(&partial[0]);
}
`;

/** The sum over all threads, uniformly. Needs `partial`, an array of one number per thread. */
export const sumOver = (threads: number): string => `
fn sumOver(thread: i32, value: f32) -> f32 {
  partial[thread] = value;
  workgroupBarrier();
  for (var half = ${threads / 2}; half > 0; half = half / 2) {
    if (thread < half) { partial[thread] = partial[thread] + partial[thread + half]; }
    workgroupBarrier();
  }
  return workgroupUniformLoad(&partial[0]);
}
`;

/** Waits until what this workgroup has written, in either memory, is seen by all of it. */
export const BARRIER = 'storageBarrier(); workgroupBarrier();';

/**
 * Returns the number of threads that share a column or a pair of columns.
 *
 * @param threads - of the workgroup, a power of two.
 * @param tasks - number of columns or pairs at once.
 * @param length - of a column.
 * @returns a power of two.
 */
export function lanesFor(threads: number, tasks: number, length: number): number {
  let lanes = 1;
  while (lanes * 2 * tasks <= threads && lanes * 2 <= length) lanes *= 2;
  return lanes;
}

/** Returns the threads of a workgroup for matrices of n columns; every device allows 256. */
export function threadsFor(n: number): number {
  if (n <= 16) return 64;
  return n <= 48 ? 128 : 256;
}

/**
 * The pair of players `pair` in round `step` of a tournament of `players` (even): player 0 stays, the others move
 * round.
 */
export const tournament = (players: number): string => `
fn seat(place: i32, step: i32) -> i32 {
  if (place == 0) { return 0; }
  return 1 + (place - 1 + step) % ${players - 1};
}

// The smaller first.
fn paired(pair: i32, step: i32) -> vec2<i32> {
  let first = seat(pair, step);
  let second = seat(${players - 1} - pair, step);
  return vec2<i32>(min(first, second), max(first, second));
}
`;

/**
 * A rotation, given by its sine and the tangent of half its angle: the change is added to what is there, so that the
 * many small rotations at the end of the iteration leave lengths as they are. With cosines, rounding drifts.
 */
export const TURN = `
fn turnedFirst(turn: vec2<f32>, a: f32, b: f32) -> f32 {
  return a - turn.x * (b + turn.y * a);
}

fn turnedSecond(turn: vec2<f32>, a: f32, b: f32) -> f32 {
  return b + turn.x * (a - turn.y * b);
}
`;
