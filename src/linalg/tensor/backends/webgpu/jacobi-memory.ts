/** Places of a Jacobi program's two n×n arrays: in the workgroup's memory if they fit, else in the result's buffer. */
import { NotImplementedError } from '../../../../core/errors.js';
import type { WebgpuBackend } from './run-program.js';
import { lanesFor, largestOver, NON_FINITE, POWER_OF_TWO, TURN, threadsFor, tournament } from './wgsl.js';

/** Sizes and places of a Jacobi program for n×n matrices. */
export interface JacobiLayout {
  readonly n: number;
  readonly threads: number;
  /** Number of columns in the tournament of pairs: n, made even by one that does not exist. */
  readonly players: number;
  /** Number of pairs that are rotated at once. */
  readonly pairs: number;
  /** Number of threads that share a pair. */
  readonly lanes: number;
  /** Length of a row of the result: a column of either array, and one value. */
  readonly stride: number;
  /**
   * Beginning of every such program: sizes, the two arrays, memory for `largestOver`, counters of rotations, and the
   * functions of wgsl.ts that it calls.
   */
  readonly preamble: string;
  /**
   * Returns an entry of the first array, by expressions for its column and its row. Needs `base`, the start of the
   * matrix's part of the result.
   */
  first(column: string, row: string): string;
  /** Returns an entry of the second array. */
  second(column: string, row: string): string;
  /** Key that tells programs for different places apart. */
  readonly key: string;
}

/**
 * Computes the layout for a size.
 *
 * @param caller - the operation, for errors.
 * @param numbersAPair - how many numbers the threads of a pair exchange.
 * @throws NotImplementedError if not even the exchange fits the workgroup's memory.
 */
export function jacobiLayout(caller: string, backend: WebgpuBackend, n: number, numbersAPair: number): JacobiLayout {
  const threads = threadsFor(n);
  const players = n + (n % 2);
  const pairs = players / 2;
  const lanes = lanesFor(threads, pairs, n);
  const available = backend.device.limits.maxComputeWorkgroupStorageSize;
  // Exchange, one number per thread for reductions, one per column, and some single numbers.
  const needed = 4 * (numbersAPair * pairs * lanes + threads + 2 * n + 64);
  if (needed > available) {
    throw new NotImplementedError(
      `${caller}: expected matrices small enough for the ${available} bytes of a workgroup on this device, got ${n} columns; factor them on the host`,
    );
  }
  const local = needed + 8 * n * n <= available;
  const stride = 2 * n + 1;
  const at = (array: string, offset: number) => (column: string, row: string) =>
    local ? `${array}[(${column}) * ${n} + (${row})]` : `result[base + (${column}) * ${stride} + ${offset} + (${row})]`;
  return {
    n,
    threads,
    players,
    pairs,
    lanes,
    stride,
    preamble: preamble({ n, threads, players, pairs }, local),
    first: at('firstArray', 0),
    second: at('secondArray', n),
    key: `${n}_${local ? 'local' : 'buffer'}`,
  };
}

function preamble({ n, threads, players, pairs }: Pick<JacobiLayout, 'n' | 'threads' | 'players' | 'pairs'>, local: boolean): string {
  const arrays = `var<workgroup> firstArray: array<f32, ${n * n}>;\nvar<workgroup> secondArray: array<f32, ${n * n}>;`;
  return `
const N = ${n};
const THREADS = ${threads};
const PAIRS = ${pairs};
${local ? arrays : ''}
var<workgroup> partial: array<f32, THREADS>;
// Rotations in the sweep so far, and in the whole of it.
var<workgroup> rotations: atomic<u32>;
var<workgroup> rotated: u32;
// Where the matrix's part of the result starts.
var<private> base: i32;
${NON_FINITE}
${POWER_OF_TWO}
${largestOver(threads)}
${tournament(players)}
${TURN}
`;
}
