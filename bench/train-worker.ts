/**
 * Our side of `bench:train`: `train-worker.ts default|on|off DIRECTORY METHOD RANK [keep|int8|nf4]`, commands on
 * standard input; the peer is bench/peers/train.py.
 */
import { createInterface } from 'node:readline';
import { tensorAlgebra } from '../src/linalg/tensor/index.js';
import { createAdapter, kaimingStart, type LoraMethod, loraMethods, type TrainingStep, trainer } from '../src/lora/index.js';
import { loadCausalLM } from '../src/models/index.js';
import { ADAPTER } from './train-cases.js';

/** A step. */
export interface TrainAnswer {
  readonly seconds: number;
  readonly loss: number;
  /** Of the process so far, in bytes. */
  readonly peakMemory: number;
}

const [recompute, directory, name, rank, weights] = process.argv.slice(2);
const algebra = await tensorAlgebra({ backend: 'wasm' });
const how = weights === 'keep' ? ({ weights } as const) : weights === 'int8' || weights === 'nf4' ? ({ quantize: weights } as const) : {};
const model = await loadCausalLM(directory, { algebra, ...how });
// A start is no part of a step, and some take minutes for a factorization of each weight.
const own = loraMethods[name]();
const trainsWeights = own.geometry.trains === 'weights';
const method: LoraMethod = trainsWeights ? own : { ...own, start: kaimingStart };
const adapter = await createAdapter(model, {
  method,
  rank: Number(rank),
  ...(trainsWeights ? {} : { alpha: ADAPTER.scale * Number(rank) }),
  targetModules: 'all-linear',
});
let steps: AsyncIterator<TrainingStep> | undefined;

function begin(tokens: readonly number[]): void {
  const ids = Int32Array.from(tokens);
  const batch = { batch: 1, length: ids.length, inputIds: ids, labels: ids };
  const choice = recompute === 'default' ? {} : { recompute: recompute === 'on' };
  steps = trainer(adapter, { method, learningRate: 1e-3, nextBatch: () => batch, ...choice })[Symbol.asyncIterator]();
}

/** One step. The first evaluates the loss where it begins as well. */
async function run(): Promise<TrainAnswer> {
  const start = performance.now();
  const step = await steps?.next();
  const seconds = (performance.now() - start) / 1000;
  return { seconds, loss: step?.value?.loss ?? Number.NaN, peakMemory: process.resourceUsage().maxRSS * 1024 };
}

async function answer(command: { do: string; tokens?: readonly number[] }): Promise<object> {
  if (command.do === 'about') return { description: `wasm, ${algebra.report.matmul}` };
  if (command.do === 'run') return run();
  if (command.do !== 'begin' || command.tokens === undefined) throw new Error(`unknown command ${command.do}`);
  begin(command.tokens);
  return {};
}

for await (const line of createInterface({ input: process.stdin })) {
  const reply = await answer(JSON.parse(line)).catch((error: unknown) => ({ error: String(error) }));
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
