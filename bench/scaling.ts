/**
 * What several processes send in a step, and how long a step takes on 2 to 64 machines: bytes by the shapes of models,
 * a model of the time, and the model's check against the sums of two processes of this machine.
 *
 *     npm run bench:scaling -- [--launcher mpirun] [--tokens-per-second 51] [--rows 64] [--length 512]
 *
 * Let nothing else run meanwhile. Without a launcher the check is left out, and the output says so.
 */
import { execFileSync } from 'node:child_process';
import { loadavg } from 'node:os';
import path from 'node:path';
import { readOptions } from './options.js';
import { markdownTable } from './report.js';
import type { SumTimes } from './scaling-worker.js';

const options = readOptions(
  'npm run bench:scaling',
  { before: 'Bytes and time of a step that several machines share.', after: 'Let nothing else run meanwhile.' },
  {
    launcher: { value: 'PROGRAM', help: 'mpirun of the check (default mpirun)', fallback: 'mpirun' },
    'tokens-per-second': { value: 'N', help: 'of one machine on the model of 0.5B (default 51, of docs/benchmarks.md)', fallback: '51' },
    rows: { value: 'N', help: 'rows of a step (default 64)', fallback: '64' },
    length: { value: 'N', help: 'tokens of a row (default 512)', fallback: '512' },
  },
);

/** Shapes as the models' configurations have them, and all their parameters. */
const models = [
  { name: 'Qwen2.5-0.5B', hidden: 896, layers: 24, heads: 14, keyValueHeads: 2, intermediate: 4864, parameters: 0.494e9 },
  { name: 'Qwen2.5-3B', hidden: 2048, layers: 36, heads: 16, keyValueHeads: 2, intermediate: 11008, parameters: 3.09e9 },
  { name: 'Qwen2.5-7B', hidden: 3584, layers: 28, heads: 28, keyValueHeads: 4, intermediate: 18944, parameters: 7.62e9 },
] as const;
const rank = 16;
const networks = [
  { name: '1 Gbit/s', bytesPerSecond: 1e9 / 8 },
  { name: '10 Gbit/s', bytesPerSecond: 1e10 / 8 },
] as const;
/** Seconds of a message between two machines of an Ethernet, as an assumption. */
const messageSeconds = 50e-6;
/** Seconds for which a process that waits sleeps between two questions (src/distributed/mpi-world.ts). */
const sleepSeconds = 1e-3;
/** Calls of a step: data, news with the loss, meeting, gradient, stop. */
const calls = 5;

/** Numbers that are trained: rank·(m + n) over all linear modules of all layers. */
function trainedNumbers({ hidden, layers, heads, keyValueHeads, intermediate }: (typeof models)[number]): number {
  const narrow = (hidden / heads) * keyValueHeads;
  const sides = 2 * (hidden + hidden) + 2 * (hidden + narrow) + 3 * (hidden + intermediate);
  return rank * sides * layers;
}

/**
 * Seconds for the sums of a step among N machines: a ring or a tree of halves sends 2(N − 1)/N of the bytes each way.
 */
function communication(bytes: number, machines: number, bytesPerSecond: number): number {
  const latency = calls * (sleepSeconds + 2 * Math.ceil(Math.log2(machines)) * messageSeconds);
  return latency + ((2 * (machines - 1)) / machines) * (bytes / bytesPerSecond);
}

const tokens = Number(options.rows) * Number(options.length);
const print = (lines: readonly string[]): void => console.log(`${lines.join('\n')}\n`);

print([
  ...markdownTable(
    ['model', 'numbers', 'bytes a step'],
    models.map((model) => [model.name, String(trainedNumbers(model)), `${((4 * trainedNumbers(model)) / 1e6).toFixed(1)} MB`]),
  ),
]);

for (const model of models) {
  const speed = (Number(options['tokens-per-second']) * models[0].parameters) / model.parameters;
  const alone = tokens / speed;
  const rows = [1, 2, 4, 8, 16, 32, 64].map((machines) => {
    const cells = networks.flatMap(({ bytesPerSecond }) => {
      const seconds = alone / machines + (machines === 1 ? 0 : communication(4 * trainedNumbers(model), machines, bytesPerSecond));
      return [seconds.toPrecision(4), `${(alone / machines / seconds).toFixed(3)}`];
    });
    return [String(machines), ...cells];
  });
  const heads = networks.flatMap(({ name }) => [`s a step, ${name}`, 'efficiency']);
  print([
    `${model.name}, ${tokens} tokens a step, ${speed.toPrecision(3)} tokens/s a machine:`,
    '',
    ...markdownTable(['machines', ...heads], rows),
  ]);
}
print(check());

/** Compares measured sums of two processes with the model, whose latency and bandwidth are those of two other sizes. */
function check(): readonly string[] {
  const worker = path.join(import.meta.dirname, 'scaling-worker.ts');
  const sizes = [1, 2 ** 18, 2 ** 21, ...models.map(trainedNumbers)];
  let times: SumTimes;
  try {
    const output = execFileSync(options.launcher, ['-n', '2', process.execPath, '--import', 'tsx', worker, sizes.join()], {
      encoding: 'utf8',
    });
    times = JSON.parse(output) as SumTimes;
  } catch (error) {
    return [`The check is left out, since ${options.launcher} did not start two processes: ${(error as Error).message.split('\n', 1)[0]}`];
  }
  const [latency, , large] = times.seconds;
  // Of two processes each sends its vector and receives the other's: 2 (N − 1)/N = 1 times the bytes.
  const bytesPerSecond = (4 * sizes[2]) / (large - latency);
  const rows = sizes.map((numbers, i) => {
    const predicted = latency + (4 * numbers) / bytesPerSecond;
    return [
      `${((4 * numbers) / 1e6).toPrecision(3)} MB`,
      `${(1000 * times.seconds[i]).toPrecision(3)} ms`,
      `${(1000 * predicted).toPrecision(3)} ms`,
      (times.seconds[i] / predicted).toFixed(2),
    ];
  });
  return [
    `Two processes of this machine, ${times.version}; load ${loadavg()[0].toFixed(1)}; ${(1e6 * latency).toFixed(0)} µs a call and ${(bytesPerSecond / 1e9).toPrecision(3)} GB/s, of the first and third line:`,
    '',
    ...markdownTable(['sum of', 'measured', 'model', 'ratio'], rows),
  ];
}
