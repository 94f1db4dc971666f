/** Our side of `bench:projection` on one backend: `projection-worker.ts host|wasm|webgpu|tensorflow TABLE`, commands on standard input. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Tensor } from '@tensorflow/tfjs-core';
import { BackendError } from '../src/core/errors.js';
import { blasStatus } from '../src/linalg/host/blas/blas-library.js';
import { type HostArray, hostAlgebra } from '../src/linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../src/linalg/linear-algebra.js';
import { tensorAlgebra } from '../src/linalg/tensor/tensor-algebra.js';
import { balancedProjection } from '../src/retractions/balanced-projection.js';
import { type ProjectionAnswer, type ProjectionTask, projectionInputs } from './projection-cases.js';
import type { ContestantReport } from './projection-process.js';

/** An engine with its way back to float32. */
interface Engine<M> {
  readonly la: LinearAlgebra<M>;
  readonly description: string;
  download(x: M): Float32Array | Promise<Float32Array>;
}

interface Runner {
  readonly report: ContestantReport;
  run(task: ProjectionTask, inputs: { A: Float32Array; B: Float32Array }): Promise<{ A: Float32Array; B: Float32Array; computing: number }>;
}

const [backend, tableFile] = process.argv.slice(2);
const bytes = readFileSync(tableFile);
const table = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);

function runner<M>({ la, description, download }: Engine<M>): Runner {
  return {
    report: { description },
    async run({ m, n, rank, members }, { A, B }) {
      const pair = { A: la.fromArray(A, [members, m, rank]), B: la.fromArray(B, [members, rank, n]) };
      const start = performance.now();
      const projected = balancedProjection(la, pair);
      const computing = (performance.now() - start) / 1000;
      const result = { A: await download(projected.A), B: await download(projected.B), computing };
      for (const array of [pair.A, pair.B, ...Object.values(projected)]) la.dispose(array);
      return result;
    },
  };
}

function absent(reason: string): Runner {
  return { report: { reason }, run: () => Promise.reject(new Error(reason)) };
}

async function open(): Promise<Runner> {
  if (backend === 'host') {
    const { available, library, reason, threads } = blasStatus();
    if (!available) return absent(reason ?? 'no BLAS library was found');
    const la = hostAlgebra();
    return runner<HostArray>({ la, description: `${library}, ${threads} threads`, download: (x) => new Float32Array(la.peek(x)) });
  }
  try {
    const la = await tensorAlgebra({ backend: backend as 'wasm' });
    const download = async (x: Tensor): Promise<Float32Array> => Float32Array.from(await x.data());
    return runner<Tensor>({
      la,
      description: JSON.stringify(la.report),
      download: la.name === 'tensor:wasm' ? (x) => x.dataSync<'float32'>() : download,
    });
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    return absent(error.message);
  }
}

const contestant = await open();
let task: ProjectionTask | undefined;
let inputs: { A: Float32Array; B: Float32Array } = { A: new Float32Array(0), B: new Float32Array(0) };
let results: { A: Float32Array; B: Float32Array } = inputs;

/** Arrays of the garbage collector's are not to be mistaken for the computation's. */
function collect(): void {
  (globalThis as { gc?: () => void }).gc?.();
}

async function run(): Promise<ProjectionAnswer> {
  if (task === undefined) throw new Error('run: prepare a task first');
  results = { A: new Float32Array(0), B: new Float32Array(0) };
  collect();
  const cpu = process.cpuUsage();
  const start = performance.now();
  const { A, B, computing } = await contestant.run(task, inputs);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  results = { A, B };
  return { seconds, computing, processor: (user + system) / 1e6, peakMemory: process.resourceUsage().maxRSS * 1024 };
}

async function answer(command: { do: string; task?: ProjectionTask; files?: readonly [string, string] }): Promise<object> {
  if (command.do === 'about') return contestant.report;
  if (command.do === 'run') return run();
  if (command.do === 'prepare' && command.task !== undefined) {
    task = command.task;
    inputs = projectionInputs(table, task);
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
