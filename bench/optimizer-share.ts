/**
 * The part of a training step that is not the model's: direction, moments and balancing, on math-base-256.
 *
 *     npm run bench:optimizer -- [--ranks 16,64,128] [--steps 32] [--json FILE]
 *
 * Each variant trains for some steps; the time in `lossAndGradient` is the model's, the rest is the optimizer's. Means
 * over the steps, since a method that balances every eighth step pays for it in one of eight. Let nothing else run
 * meanwhile.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { blasStatus } from '../src/linalg/host/blas/blas-library.js';
import { tensorAlgebra } from '../src/linalg/tensor/index.js';
import { balora, createAdapter, type LoraMethod, lora, trainer } from '../src/lora/index.js';
import { type CausalLM, collateRows, loadCausalLM, loadTokenizer } from '../src/models/index.js';
import { readOptions } from './options.js';
import { machineLines, markdownTable } from './report.js';
import { questionsOf, rowOf } from './study/questions.js';

const options = readOptions(
  'npm run bench:optimizer',
  { before: 'The optimizer’s part of a training step of BaLoRA and LoRA, by rank.', after: 'Let nothing else run meanwhile.' },
  {
    ranks: { value: 'LIST', help: 'ranks (default 16,64,128)', fallback: '16,64,128' },
    steps: { value: 'N', help: 'steps of each variant (default 32)', fallback: '32' },
    json: { value: 'FILE', help: 'write the figures there too', fallback: '' },
  },
);

/** The largest part that the default of `balora` may take, by rank. */
const GOALS: Readonly<Record<number, number>> = { 16: 0.03, 64: 0.06, 128: 0.1 };
const DEFAULT = 'balora';

const VARIANTS: Readonly<Record<string, () => LoraMethod>> = {
  lora: () => lora(),
  [DEFAULT]: () => balora(),
  'balora, gauge nearest': () => balora({ gauge: 'nearest' }),
  'balora, matrix moments': () => balora({ secondMoment: 'matrix' }),
  'balora, every 8': () => balora({ every: 8 }),
  'balora, every 16': () => balora({ every: 16 }),
};

/** Seconds of a step: of all of it, and of all but the model. */
interface Share {
  readonly whole: number;
  readonly optimizer: number;
}

/** Steps before the measured ones, in which everything is compiled. */
const WARM_UP = 3;

const directory = path.resolve(import.meta.dirname, '../examples/models/math-base-256');
const algebra = await tensorAlgebra({ backend: 'wasm' });
const [model, tokenizer] = [await loadCausalLM(directory, { algebra }), await loadTokenizer(directory)];
console.log(machineLines(blasStatus(), {}).join('\n'));

const ranks = options.ranks.split(',').map(Number);
const shares = new Map<string, Share>();
for (const rank of ranks) for (const [name, make] of Object.entries(VARIANTS)) shares.set(`${name} ${rank}`, await shareOf(make(), rank));

const rows = Object.keys(VARIANTS).flatMap((name) =>
  ranks.map((rank) => {
    const { whole, optimizer } = shares.get(`${name} ${rank}`) as Share;
    const part = optimizer / whole;
    const goal = name === DEFAULT ? GOALS[rank] : undefined;
    const verdict = goal === undefined ? '' : `≤ ${(100 * goal).toFixed(0)} %: ${part <= goal ? 'reached' : '**missed**'}`;
    return [`${name}, r = ${rank}`, (1000 * whole).toFixed(0), (1000 * optimizer).toFixed(1), `${(100 * part).toFixed(1)} %`, verdict];
  }),
);
console.log(['', ...markdownTable(['16 questions a step', 'ms a step', 'ms of the optimizer', 'part', 'goal'], rows)].join('\n'));
if (options.json !== '') writeFileSync(options.json, `${JSON.stringify(Object.fromEntries(shares), undefined, 2)}\n`);

async function shareOf(method: LoraMethod, rank: number): Promise<Share> {
  let inModel = 0;
  const timed = new Proxy(model, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'lossAndGradient') return value.bind(target);
      return async (...given: Parameters<CausalLM['lossAndGradient']>) => {
        const begun = performance.now();
        try {
          return await target.lossAndGradient(...given);
        } finally {
          inModel += performance.now() - begun;
        }
      };
    },
  });
  const adapter = await createAdapter(timed, { method, rank, targetModules: 'all-linear' });
  const stream = questionsOf('train', 1);
  const steps = Number(options.steps) + WARM_UP;
  // Made before: the data are no part of the optimizer.
  const batches = Array.from({ length: steps }, () =>
    collateRows(
      Array.from({ length: 16 }, () => rowOf(stream.next().value, tokenizer)),
      { padId: 0 },
    ),
  );
  const run = trainer(adapter, { nextBatch: (k) => batches[k], steps, learningRate: 3e-4, clip: 1 });
  const [whole, optimizer]: number[][] = [[], []];
  let begun = performance.now();
  for await (const { step } of run) {
    const seconds = (performance.now() - begun) / 1000;
    if (step > WARM_UP) {
      whole.push(seconds);
      optimizer.push(seconds - inModel / 1000);
    }
    inModel = 0;
    begun = performance.now();
  }
  run.dispose();
  adapter.dispose();
  return { whole: mean(whole), optimizer: mean(optimizer) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
