/**
 * A LoRA training step beside PyTorch with PEFT, on the processor, in one run: seconds, tokens per second, and each
 * process's peak memory.
 *
 *     npm run bench:train -- [--rounds 5] [--only TEXT] [--json FILE]
 *
 * BURES_PEER_PYTHON names a Python with torch, transformers and peft; without it only our own times are printed. Models
 * have random weights and are made in a temporary folder (1 GB). Each contestant is a process of its own; they step in
 * turns, and threads sleep in between. Let nothing else run meanwhile.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { LineProcess } from './line-process.js';
import { median } from './measure.js';
import { readOptions } from './options.js';
import { markdownTable } from './report.js';
import { ADAPTER, TRAIN_CASES, type TrainCase, tokensOf, writeModel } from './train-cases.js';
import { race, type TrainScore, warmedUp } from './train-race.js';

const options = readOptions(
  'npm run bench:train',
  {
    before: 'A LoRA training step beside PyTorch with PEFT: seconds, tokens per second, peak memory.',
    after: 'BURES_PEER_PYTHON names a Python with torch, transformers and peft.',
  },
  {
    rounds: { value: 'N', help: 'steps of each contestant (default 5)', fallback: '5' },
    only: { value: 'TEXT', help: 'cases whose name has it (default all)', fallback: '' },
    json: { value: 'FILE', help: 'write the results there as well', fallback: '' },
  },
);

/** Our step takes at most this many times PyTorch's, in at most its memory; BaLoRA's at most this many times LoRA's. */
const GOALS = { step: 2, balora: 1.03 } as const;
const OURS = 'bures';
const BALORA = 'bures, BaLoRA';
const PEER = 'PyTorch + PEFT';

const folder = await mkdtemp(path.join(tmpdir(), 'bures-train-'));
try {
  await main();
} finally {
  await rm(folder, { recursive: true });
}

async function main(): Promise<void> {
  print([
    `- processor: ${cpus()[0].model}, ${cpus().length} cores; load over the last minute ${loadavg()[0].toFixed(2)}; Node ${process.version}`,
  ]);
  const results: Record<string, Record<string, TrainScore>> = {};
  for (const each of TRAIN_CASES) {
    if (!each.name.includes(options.only)) continue;
    const scores = await compare(each);
    results[each.name] = Object.fromEntries(scores);
    print(table(each, scores));
    print(verdicts(scores));
  }
  if (options.json !== '') await writeFile(options.json, `${JSON.stringify({ load: loadavg(), results }, undefined, 2)}\n`);
}

function contestants(directory: string): LineProcess[] {
  const worker = path.join(import.meta.dirname, 'train-worker.ts');
  const ours = (name: string, recompute: string, method: string): LineProcess =>
    new LineProcess(name, process.execPath, ['--import', 'tsx', worker, recompute, directory, method, String(ADAPTER.rank)]);
  const script = path.join(import.meta.dirname, 'peers/train.py');
  const peer = (name: string, recompute: string): LineProcess | undefined =>
    LineProcess.python(name, script, [recompute, directory, String(ADAPTER.rank), String(ADAPTER.scale * ADAPTER.rank)]);
  return [
    ours(OURS, 'default', 'lora'),
    ours(`${OURS}, recompute on`, 'on', 'lora'),
    ours(`${OURS}, recompute off`, 'off', 'lora'),
    ours(BALORA, 'default', 'balora'),
    peer(PEER, 'off'),
    peer(`${PEER}, checkpointing`, 'on'),
  ].filter((each) => each !== undefined);
}

async function compare(each: TrainCase): Promise<Map<string, TrainScore>> {
  const directory = path.join(folder, each.config.model_type);
  await writeModel(directory, each);
  const all = contestants(directory);
  const tokens = tokensOf(each);
  try {
    const entrants: LineProcess[] = [];
    for (const entrant of all) {
      if (await warmedUp(entrant, tokens, (line) => print([line]))) entrants.push(entrant);
      else entrant.stop();
    }
    return await race(entrants, Number(options.rounds));
  } finally {
    for (const entrant of all) entrant.stop();
    await rm(directory, { recursive: true });
  }
}

function table({ name, tokens }: TrainCase, scores: ReadonlyMap<string, TrainScore>): string[] {
  const rows = [...scores].map(([contestant, { seconds, losses, peakMemory }]) => {
    const step = median(seconds);
    return [contestant, step.toFixed(3), (tokens / step).toFixed(0), (peakMemory / 2 ** 20).toFixed(0), losses[0].toFixed(3)];
  });
  return [...markdownTable([`${name}, ${tokens} tokens`, 's a step', 'tokens/s', 'peak MiB', 'loss'], rows)];
}

/** Ratios are medians over the rounds of the ratio within a round. */
function verdicts(scores: ReadonlyMap<string, TrainScore>): string[] {
  const ratio = (above: string, below: string): number | undefined => {
    const [ours, theirs] = [scores.get(above), scores.get(below)];
    return ours && theirs && median(ours.seconds.map((seconds, round) => seconds / theirs.seconds[round]));
  };
  const lines = [verdict(`step / ${PEER}`, ratio(OURS, PEER), GOALS.step), verdict('BaLoRA / LoRA', ratio(BALORA, OURS), GOALS.balora)];
  const [ours, theirs] = [scores.get(OURS), scores.get(PEER)];
  if (ours && theirs) lines.push(verdict(`peak memory / ${PEER}`, ours.peakMemory / theirs.peakMemory, 1));
  return lines;
}

function verdict(what: string, reached: number | undefined, goal: number): string {
  if (reached === undefined) return `- ${what}: not measured`;
  return `- ${what} ≤ ${goal}: ${reached.toPrecision(3)}: ${reached <= goal ? 'reached' : '**missed**'}`;
}

function print(lines: readonly string[]): void {
  console.log(`${lines.join('\n')}\n`);
}
