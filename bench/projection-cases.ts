/** The adapters of `bench:projection`, and their numbers: the same in every process, from one small table. */

/** Adapters of one shape: one batch. */
export interface AdapterGroup {
  readonly modules: readonly string[];
  /** Rows of A: the modules' outputs. */
  readonly m: number;
  /** Columns of B: their inputs. */
  readonly n: number;
}

/** Layers of Qwen2.5-3B, each with seven modules: 252 adapters. */
export const QWEN_LAYERS = 36;

/** The shapes of Qwen2.5-3B's modules. */
export const adapterGroups: readonly AdapterGroup[] = [
  { modules: ['q', 'o'], m: 2048, n: 2048 },
  { modules: ['k', 'v'], m: 256, n: 2048 },
  { modules: ['gate', 'up'], m: 11008, n: 2048 },
  { modules: ['down'], m: 2048, n: 11008 },
];

/** A group at a rank, as the processes are told about it. */
export interface ProjectionTask {
  readonly m: number;
  readonly n: number;
  readonly rank: number;
  /** Adapters in the batch. */
  readonly members: number;
}

/** Numbers in the table: prime, so that rows of any length differ as long as the table lasts. */
export const TABLE_LENGTH = 1_000_003;
/** Where in the table a member begins: the next one this much later. */
const MEMBER_STRIDE = 7919;
/** B begins here, for A to be independent of it. */
const SECOND_FACTOR = 500_009;
/** By how much the columns of A shrink from the first to the last: factors in training are graded, not white. */
const GRADING = 100;

/**
 * Float32 factors, A [members, m, r] and B [members, r, n]. Keep in step with `factors` in bench/peers/projection.py.
 */
export function projectionInputs(table: Float32Array, { m, n, rank, members }: ProjectionTask): { A: Float32Array; B: Float32Array } {
  const [A, B] = [new Float32Array(members * m * rank), new Float32Array(members * rank * n)];
  const grades = Float32Array.from({ length: rank }, (_, column) => GRADING ** (-column / Math.max(1, rank - 1)));
  for (let member = 0; member < members; member++) {
    fill(table, MEMBER_STRIDE * member, A.subarray(member * m * rank, (member + 1) * m * rank));
    fill(table, SECOND_FACTOR + MEMBER_STRIDE * member, B.subarray(member * rank * n, (member + 1) * rank * n));
  }
  for (let row = 0; row < A.length; row += rank) for (let column = 0; column < rank; column++) A[row + column] *= grades[column];
  return { A, B };
}

function fill(table: Float32Array, start: number, out: Float32Array): void {
  let from = start % table.length;
  for (let to = 0; to < out.length; ) {
    const run = Math.min(table.length - from, out.length - to);
    out.set(table.subarray(from, from + run), to);
    to += run;
    from = 0;
  }
}

/** What a process answers for a task. */
export interface ProjectionAnswer {
  /** Seconds from float32 arrays of the caller to float32 arrays of the caller, transfers included: `balanceStored`. */
  readonly seconds: number;
  /** Seconds from arrays of the engine to new arrays of the engine: `balancedProjection` of the whole batch. */
  readonly computing: number;
  /** Processor seconds of all threads for `seconds`: what a busy machine disturbs least. */
  readonly processor: number;
  /** Largest resident memory of the process so far, in bytes. */
  readonly peakMemory: number;
}
