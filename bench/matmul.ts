/**
 * Speed of float32 matrix products per backend of TensorFlow.js, with the library's wasm kernels and without, beside
 * PyTorch in one run.
 *
 *     npm run bench:matmul -- [--rounds 5] [--only TEXT]
 *
 * BURES_PEER_PYTHON names a Python with PyTorch; without it only our own times are printed. Let nothing else run
 * meanwhile.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { engine } from '@tensorflow/tfjs-core';
import { seededRandom } from '../src/core/random.js';
import { SLEEPING_THREADS } from './line-process.js';
import { type Engine, type MatmulCase, openEngines, operandShapes, WASM } from './matmul-contestants.js';
import { measure, type Timing } from './measure.js';
import { readOptions } from './options.js';
import { type PeerInput, PeerProcess } from './peer-process.js';
import { machineLines, markdownTable } from './report.js';

const options = readOptions(
  'npm run bench:matmul',
  {
    before: 'Speed of float32 matrix products per backend of TensorFlow.js, beside PyTorch, in one run.',
    after: 'BURES_PEER_PYTHON names a Python with PyTorch; without it only our own times are measured.',
  },
  {
    rounds: { value: 'N', help: 'measurements of each contestant (default 5)', fallback: '5' },
    only: { value: 'TEXT', help: 'cases whose name contains TEXT', fallback: '' },
  },
);

/** What the wasm kernels are to reach at 512³ without a BLAS, for every transpose flag. */
const GOAL = { case: '512³', engine: WASM.plain, gflops: 10 } as const;
const FLAGS = ['nn', 'tn', 'nt', 'tt'];
const SHAPES: readonly Omit<MatmulCase, 'flags'>[] = [
  { name: '512³', batch: 1, m: 512, n: 512, k: 512 },
  { name: '1024³', batch: 1, m: 1024, n: 1024, k: 1024 },
  { name: '2048×2048·2048×16', batch: 1, m: 2048, n: 16, k: 2048 },
  { name: '40 × 16×2048·2048×16', batch: 40, m: 16, n: 16, k: 2048 },
  { name: '128³', batch: 1, m: 128, n: 128, k: 128 },
];

/** Timings of one case, by contestant. */
interface Result {
  readonly given: MatmulCase;
  readonly timings: ReadonlyMap<string, Timing>;
}

// Read by OpenBLAS when it is loaded.
Object.assign(process.env, SLEEPING_THREADS);
const peer = PeerProcess.start();
const folder = await mkdtemp(path.join(tmpdir(), 'bures-bench-'));
try {
  await main();
} finally {
  peer?.stop();
  await rm(folder, { recursive: true });
}

async function main(): Promise<void> {
  const libraries = (await peer?.about()) ?? {};
  const torch = Object.keys(libraries).filter((name) => name.startsWith('torch'));
  const { present, missing, wasm } = await openEngines();
  print([...machineLines(wasm.blas, libraries), ...missing.map((reason) => `- not measured: ${reason}`)]);
  const results: Result[] = [];
  for (const shape of SHAPES) {
    if (!shape.name.includes(options.only)) continue;
    for (const flags of FLAGS) results.push(await compare({ ...shape, flags }, present));
  }
  const names = [...present.map(({ name }) => name), ...torch];
  const rows = results.map(({ given, timings }) => [
    `${given.name} ${given.flags}`,
    ...names.map((name) => (timings.has(name) ? rate(given, timings.get(name)).toPrecision(3) : '–')),
  ]);
  print(markdownTable(['GFLOP/s', ...names], rows));
  print(['n and t say which operands are stored transposed. A dash: not there, or too slow to wait for.']);
  print(results.flatMap(verdict));
}

async function compare(given: MatmulCase, engines: readonly Engine[]): Promise<Result> {
  const [shapeA, shapeB] = operandShapes(given);
  const random = seededRandom(7);
  const [a, b] = [shapeA, shapeB].map((shape) =>
    Float32Array.from({ length: shape.reduce((product, axis) => product * axis, 1) }, () => random.normal()),
  );
  // Tensors stay from round to round, and are freed with the scope.
  engine().startScope();
  try {
    const contestants = engines.flatMap((each) => each.contestant(given, a, b) ?? []);
    if (peer !== undefined) {
      const name = `${given.name} ${given.flags}`;
      const inputs = await Promise.all([writeInput('a', a, shapeA), writeInput('b', b, shapeB)]);
      for (const library of await peer.prepare(name, `matmul-${given.flags}`, inputs)) {
        contestants.push({ name: library, time: (repeat) => peer.run(name, library, repeat) });
      }
    }
    return { given, timings: await measure(contestants, Number(options.rounds)) };
  } finally {
    engine().endScope();
  }
}

async function writeInput(name: string, values: Float32Array, shape: readonly number[]): Promise<PeerInput> {
  const file = path.join(folder, name);
  await writeFile(file, values);
  return { file, shape, dtype: 'float32' };
}

function rate({ batch, m, n, k }: MatmulCase, timing: Timing | undefined): number {
  return timing === undefined ? Number.NaN : (2 * batch * m * n * k) / timing.median / 1e9;
}

/** Whether the goal was reached, for the cases it is about. */
function verdict({ given, timings }: Result): string[] {
  if (given.name !== GOAL.case) return [];
  const reached = rate(given, timings.get(GOAL.engine));
  const outcome = `${reached.toPrecision(3)}: ${reached >= GOAL.gflops ? 'reached' : '**missed**'}`;
  return [`- ${given.name} ${given.flags}: ${GOAL.engine} ≥ ${GOAL.gflops} GFLOP/s: ${outcome}`];
}

function print(lines: readonly string[]): void {
  console.log(`${lines.join('\n')}\n`);
}
