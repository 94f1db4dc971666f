/** The adapters of `bench:projection`, and their numbers: the same in every process, from one small table. */

/** All adapters of one module of the network, one a layer. */
export interface AdapterGroup {
  readonly name: string;
  /** Rows of A: the module's outputs. */
  readonly m: number;
  /** Columns of B: its inputs. */
  readonly n: number;
}

/** Layers of Qwen2.5-3B, each with the modules of {@link adapterGroups}: 252 adapters. */
export const QWEN_LAYERS = 36;

/** The modules of a layer of Qwen2.5-3B. */
export const adapterGroups: readonly AdapterGroup[] = [
  { name: 'q', m: 2048, n: 2048 },
  { name: 'k', m: 256, n: 2048 },
  { name: 'v', m: 256, n: 2048 },
  { name: 'o', m: 2048, n: 2048 },
  { name: 'gate', m: 11008, n: 2048 },
  { name: 'up', m: 11008, n: 2048 },
  { name: 'down', m: 2048, n: 11008 },
];

/** A group at a rank, as the processes are told about it. */
export interface ProjectionTask {
  readonly m: number;
  readonly n: number;
  readonly rank: number;
  readonly layers: number;
}

/** Numbers in the table: prime, so that rows of any length differ as long as the table lasts. */
export const TABLE_LENGTH = 1_000_003;
/** Where in the table a member begins: the next one this much later. */
const MEMBER_STRIDE = 7919;
/** B begins here, for A to be independent of it. */
const SECOND_FACTOR = 500_009;
/** By how much the columns of A shrink from the first to the last: factors in training are graded, not white. */
const GRADING = 100;

/** Float32 factors, A [layers, m, r] and B [layers, r, n]. Keep in step with `factors` in bench/peers/projection.py. */
export function projectionInputs(table: Float32Array, { m, n, rank, layers }: ProjectionTask): { A: Float32Array; B: Float32Array } {
  const [A, B] = [new Float32Array(layers * m * rank), new Float32Array(layers * rank * n)];
  const grades = Float32Array.from({ length: rank }, (_, column) => GRADING ** (-column / Math.max(1, rank - 1)));
  for (let layer = 0; layer < layers; layer++) {
    fill(table, MEMBER_STRIDE * layer, A.subarray(layer * m * rank, (layer + 1) * m * rank));
    fill(table, SECOND_FACTOR + MEMBER_STRIDE * layer, B.subarray(layer * rank * n, (layer + 1) * rank * n));
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
  /** Seconds from float32 arrays of the caller to float32 arrays of the caller. */
  readonly seconds: number;
  /** Of these, the projection itself. */
  readonly computing: number;
  /** Largest resident memory of the process so far, in bytes. */
  readonly peakMemory: number;
}
