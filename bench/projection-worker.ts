/**
 * Our side of `bench:projection` on one backend: `projection-worker.ts host|wasm|webgpu|tensorflow TABLE`, commands on
 * standard input.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { BackendError } from '../src/core/errors.js';
import { blasStatus } from '../src/linalg/host/blas/blas-library.js';
import { hostAlgebra } from '../src/linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../src/linalg/linear-algebra.js';
import { tensorAlgebra } from '../src/linalg/tensor/tensor-algebra.js';
import { balanceStored } from '../src/retractions/balance-stored.js';
import { balancedProjection } from '../src/retractions/balanced-projection.js';
import { type ProjectionAnswer, type ProjectionTask, projectionInputs } from './projection-cases.js';
import type { ContestantReport } from './projection-process.js';

interface Runner {
  readonly report: ContestantReport;
  /**
   * Projects the inputs in place, and tells how long the same takes from arrays of the engine to arrays of the engine.
   */
  run(task: ProjectionTask, inputs: { A: Float32Array; B: Float32Array }): Promise<void>;
  compute(task: ProjectionTask, inputs: { A: Float32Array; B: Float32Array }): Promise<number>;
}

const [backend, tableFile] = process.argv.slice(2);
const bytes = readFileSync(tableFile);
const table = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);

function runner<M>(la: LinearAlgebra<M>, description: string): Runner {
  return {
    report: { description },
    run: ({ m, n, rank, members }, { A, B }) => balanceStored(la, { A, B, m, n, rank, members }),
    async compute({ m, n, rank, members }, { A, B }) {
      const pair = { A: la.fromArray(A, [members, m, rank]), B: la.fromArray(B, [members, rank, n]) };
      const start = performance.now();
      const projected = balancedProjection(la, pair);
      // One number read back: until then a device may not have begun.
      await la.norm(projected.T);
      const seconds = (performance.now() - start) / 1000;
      for (const array of [pair.A, pair.B, ...Object.values(projected)]) la.dispose(array);
      return seconds;
    },
  };
}

function absent(reason: string): Runner {
  const run = () => Promise.reject(new Error(reason));
  return { report: { reason }, run, compute: run };
}

async function open(): Promise<Runner> {
  if (backend === 'host') {
    const { available, library, core, reason, threads } = blasStatus();
    if (!available) return absent(reason ?? 'no BLAS library was found');
    return runner(hostAlgebra(), `${library}${core === undefined ? '' : `, ${core} kernels`}, ${threads} threads`);
  }
  try {
    const la = await tensorAlgebra({ backend: backend as 'wasm' });
    return runner(la, JSON.stringify(la.report));
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    return absent(error.message);
  }
}

const contestant = await open();
let task: ProjectionTask | undefined;
type Factors = { readonly A: Float32Array; readonly B: Float32Array };
const nothing: Factors = { A: new Float32Array(0), B: new Float32Array(0) };
let inputs = nothing;
/** The caller's own arrays: the projection replaces their contents. */
let results = nothing;

/** Arrays of the garbage collector's are not to be mistaken for the computation's. */
function collect(): void {
  (globalThis as { gc?: () => void }).gc?.();
}

async function run(): Promise<ProjectionAnswer> {
  if (task === undefined) throw new Error('run: prepare a task first');
  results.A.set(inputs.A);
  results.B.set(inputs.B);
  collect();
  const cpu = process.cpuUsage();
  const start = performance.now();
  await contestant.run(task, results);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  collect();
  const computing = await contestant.compute(task, inputs);
  return { seconds, computing, processor: (user + system) / 1e6, peakMemory: process.resourceUsage().maxRSS * 1024 };
}

async function answer(command: { do: string; task?: ProjectionTask; files?: readonly [string, string] }): Promise<object> {
  if (command.do === 'about') return contestant.report;
  if (command.do === 'run') return run();
  if (command.do === 'prepare' && command.task !== undefined) {
    task = command.task;
    inputs = nothing;
    results = nothing;
    collect();
    inputs = projectionInputs(table, task);
    results = { A: inputs.A.slice(), B: inputs.B.slice() };
    return {};
  }
  if (command.do === 'results' && command.files !== undefined && task !== undefined) {
    writeFileSync(command.files[0], results.A.slice(0, task.m * task.rank));
    writeFileSync(command.files[1], results.B.slice(0, task.rank * task.n));
    return {};
  }
  throw new Error(`unknown command ${command.do}`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const reply = await answer(JSON.parse(line)).catch((error: unknown) => ({ error: String(error) }));
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
