/**
 * A 100,000 × 50,000 matrix of rank 10 completed from 20 million entries: time, error on places that were not observed,
 * peak memory, and one cost with gradient beside C.
 *
 *     npm run bench:completion -- [--rows 100000] [--columns 50000] [--entries 20000000] [--rank 10]
 *
 * The data are made row by row, into the arrays that the engine reads. Where gcc is found, bench/peers/completion.c
 * computes the same cost and products from the same data. Let nothing else run meanwhile.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type CsrMatrix, type FactoredMatrix, type HostArray, hostAlgebra, type Random, type SparsePasses, seededRandom } from 'bures';
import { completeMatrix } from 'bures/problems';
import ndarray from 'ndarray';
import { blasStatus } from '../src/linalg/host/blas/blas-library.js';
import { machineLines } from './report.js';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    columns: { type: 'string', default: '50000' },
    entries: { type: 'string', default: '20000000' },
    rank: { type: 'string', default: '10' },
  },
});
const [m, n, entries, rank] = [options.rows, options.columns, options.entries, options.rank].map(Number);

/**
 * What is to be reached: relative error where nothing was observed, peak memory as a multiple of the data's, time as a
 * multiple of C's.
 */
const GOALS = { testError: 1e-3, memory: 3, time: 3 } as const;
const PASSES = 5;
const TEST_PLACES = 200_000;

const la = hostAlgebra();
const emptyNode = peakMemory(execFileSync(process.execPath, ['-p', 'process.resourceUsage().maxRSS'], { encoding: 'utf8' }));
const random = seededRandom(3);
const truth: FactoredMatrix<HostArray> = {
  left: la.scale(1 / Math.sqrt(rank), la.randomNormal([m, rank], random)),
  right: la.randomNormal([n, rank], random),
};
const observed = observe(truth, random);
print([`# ${m} × ${n}, rank ${rank}, ${entries} entries`, '', ...machineLines(blasStatus(), {}), '']);
await complete();
await compareWithC();

/** The same number of entries in each row, at random columns. */
function observe({ left, right }: FactoredMatrix<HostArray>, stream: Random): CsrMatrix<HostArray> {
  const rowPointers = Int32Array.from({ length: m + 1 }, (_, i) => Math.floor((i * entries) / m));
  const columnIndices = new Int32Array(entries);
  const values = new Float64Array(entries);
  for (let i = 0; i < m; i++) {
    for (let e = rowPointers[i]; e < rowPointers[i + 1]; e++) {
      columnIndices[e] = Math.floor(stream.uniform() * n);
      values[e] = entryOf(left, i, right, columnIndices[e]);
    }
  }
  return { kind: 'csr', rows: m, columns: n, rowPointers, columnIndices, values: ndarray(values, [entries]) };
}

/** Row i of one factor times row j of the other; both contiguous. */
function entryOf(left: HostArray, i: number, right: HostArray, j: number): number {
  let sum = 0;
  for (let l = 0; l < rank; l++) sum += left.data[i * rank + l] * right.data[j * rank + l];
  return sum;
}

/** Completes the matrix, and judges it where nothing was observed. */
async function complete(): Promise<void> {
  const result = await completeMatrix(la, observed, {
    rank,
    initialRank: rank,
    relativeResidual: 2e-4,
    onProgress: ({ iteration, trainRmse, seconds }) =>
      console.log(`iteration ${iteration}: ${seconds.toFixed(1)} s, RMSE ${trainRmse.toExponential(2)}`),
  });
  const found = { left: la.scaleColumns(result.x.U, result.x.S), right: result.x.V };
  const stream = seededRandom(4);
  let [errors, squares] = [0, 0];
  for (let place = 0; place < TEST_PLACES; place++) {
    const [i, j] = [Math.floor(stream.uniform() * m), Math.floor(stream.uniform() * n)];
    const expected = entryOf(truth.left, i, truth.right, j);
    errors += (entryOf(found.left, i, found.right, j) - expected) ** 2;
    squares += expected ** 2;
  }
  const memory = process.resourceUsage().maxRSS * 1024 - emptyNode;
  print([
    '',
    `- ${result.seconds.toFixed(1)} s, ${result.iteration} iterations, ${result.stopReason}`,
    verdict('relative RMSE on 200,000 other places', Math.sqrt(errors / squares), GOALS.testError),
    verdict(
      `peak memory less an empty Node's, in units of 12 bytes an entry (${(memory / 2 ** 20).toFixed(0)} MB)`,
      memory / (12 * entries),
      GOALS.memory,
    ),
  ]);
}

/** One cost and gradient, here and in C, in turn. */
async function compareWithC(): Promise<void> {
  const point: FactoredMatrix<HostArray> = { left: la.randomNormal([m, rank], random), right: la.randomNormal([n, rank], random) };
  const passes = la.sparsePasses as SparsePasses<HostArray>;
  const ours: number[] = [];
  let squaredNorm = 0;
  for (let turn = 0; turn < PASSES; turn++) {
    const start = performance.now();
    ({ squaredNorm } = passes.residual(observed, point, point));
    ours.push((performance.now() - start) / 1000);
  }
  print([`- cost and gradient: ${Math.min(...ours).toFixed(2)} s, the least of ${PASSES}`]);
  const folder = mkdtempSync(path.join(tmpdir(), 'bures-completion-'));
  try {
    const program = compile(folder);
    if (program === undefined) return;
    const data = path.join(folder, 'data');
    await writeData(data, point);
    const lines = execFileSync(program, [data, String(PASSES)], { encoding: 'utf8' })
      .trim()
      .split('\n');
    const theirs = lines.map((line) => line.split(' ').map(Number));
    const difference = Math.abs(theirs[0][1] - squaredNorm) / squaredNorm;
    if (!(difference < 1e-10)) throw new Error(`large-completion: C finds the cost ${theirs[0][1]}, not ${squaredNorm}`);
    const least = Math.min(...theirs.map(([seconds]) => seconds));
    print([
      `- the same in C (gcc -O2, one thread): ${least.toFixed(2)} s`,
      verdict('time in units of C’s', Math.min(...ours) / least, GOALS.time),
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function compile(folder: string): string | undefined {
  const program = path.join(folder, 'completion');
  try {
    execFileSync('gcc', ['-O2', '-o', program, path.join(import.meta.dirname, 'peers/completion.c')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return program;
  } catch (error) {
    print([`- not compared with C: ${(error as Error).message.split('\n')[0]}`]);
    return undefined;
  }
}

/** As bench/peers/completion.c reads it. */
async function writeData(file: string, { left, right }: FactoredMatrix<HostArray>): Promise<void> {
  const stream = createWriteStream(file);
  const write = async (array: Int32Array | BigInt64Array | Float64Array): Promise<void> => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    const mostAtOnce = 2 ** 24;
    for (let first = 0; first < bytes.length; first += mostAtOnce) {
      if (!stream.write(bytes.subarray(first, first + mostAtOnce))) await once(stream, 'drain');
    }
    if (bytes.length % 8 !== 0) stream.write(new Uint8Array(8 - (bytes.length % 8)));
  };
  await write(Int32Array.of(m, n, rank, 0));
  await write(BigInt64Array.of(BigInt(entries)));
  await write(observed.rowPointers);
  await write(observed.columnIndices);
  for (const { data } of [observed.values, left, right]) await write(data);
  stream.end();
  await once(stream, 'finish');
}

function peakMemory(kilobytes: string): number {
  return Number(kilobytes) * 1024;
}

function verdict(what: string, reached: number, goal: number): string {
  return `- ${what}: ${reached.toPrecision(3)}, goal ${goal}: ${reached <= goal ? 'reached' : '**missed**'}`;
}

function print(lines: readonly string[]): void {
  console.log(lines.join('\n'));
}
