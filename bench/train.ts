/**
 * A LoRA training step beside PyTorch with PEFT, on the processor, in one run: seconds, tokens per second, and each
 * process's peak memory.
 *
 *     npm run bench:train -- [--rounds 5] [--only TEXT] [--json FILE]
 *
 * BURES_PEER_PYTHON names a Python with torch, transformers and peft; without it only our own times are printed. Models
 * have random weights and are made in a temporary folder (1 GB; 6 GB for 3B). Each contestant is a process of its own;
 * they step in turns, and threads sleep in between. Those of a large model run one after another, two steps each after
 * one to warm up. Let nothing else run meanwhile.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { LineProcess } from './line-process.js';
import { median } from './measure.js';
import { readOptions } from './options.js';
import { markdownTable } from './report.js';
import { ADAPTER, TRAIN_CASES, type TrainCase, tokensOf, writeModel } from './train-cases.js';
import { race, type TrainScore, WARM_UPS, warmedUp } from './train-race.js';

const options = readOptions(
  'npm run bench:train',
  {
    before: 'A LoRA training step beside PyTorch with PEFT: seconds, tokens per second, peak memory.',
    after: 'BURES_PEER_PYTHON names a Python with torch, transformers and peft.',
  },
  {
    rounds: { value: 'N', help: 'steps of each contestant (default 5)', fallback: '5' },
    only: { value: 'TEXT', help: 'cases whose name has it (default all)', fallback: '' },
    contestant: { value: 'TEXT', help: 'contestants whose name has it (default all)', fallback: '' },
    json: { value: 'FILE', help: 'write the results there as well', fallback: '' },
  },
);

/**
 * Our step takes at most this many times PyTorch's quicker one, and that of a large model; at most this part of its
 * memory; BaLoRA's at most this many times LoRA's.
 */
const GOALS = { step: 1, large: 1.2, memory: 0.6, balora: 1.03 } as const;
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
    print(verdicts(each, scores));
  }
  if (options.json !== '') await writeFile(options.json, `${JSON.stringify({ load: loadavg(), results }, undefined, 2)}\n`);
}

/** A contestant: a name, and how its process is started, if it can be. */
interface Contestant {
  readonly name: string;
  readonly start: () => LineProcess | undefined;
}

function contestants(directory: string, { large = false }: TrainCase): readonly Contestant[] {
  const worker = path.join(import.meta.dirname, 'train-worker.ts');
  const ours = (name: string, recompute: string, method: string, ...weights: readonly string[]): Contestant => {
    const words = ['--import', 'tsx', worker, recompute, directory, method, String(ADAPTER.rank), ...weights];
    return { name, start: () => new LineProcess(name, process.execPath, words) };
  };
  const script = path.join(import.meta.dirname, 'peers/train.py');
  const peer = (name: string, recompute: string, dtype: string): Contestant => {
    const words = [recompute, directory, String(ADAPTER.rank), String(ADAPTER.scale * ADAPTER.rank), dtype];
    return { name, start: () => LineProcess.python(name, script, words) };
  };
  if (large) {
    return [
      ...['keep', 'nf4'].flatMap((weights) => [
        ours(`${OURS}, ${weights}`, 'default', 'lora', weights),
        ours(`${BALORA}, ${weights}`, 'default', 'balora', weights),
      ]),
      peer(`${PEER}, BF16, checkpointing`, 'on', 'bfloat16'),
      peer(`${PEER}, checkpointing`, 'on', 'float32'),
    ];
  }
  return [
    ours(OURS, 'default', 'lora'),
    ours(`${OURS}, recompute on`, 'on', 'lora'),
    ours(`${OURS}, recompute off`, 'off', 'lora'),
    ours(BALORA, 'default', 'balora'),
    peer(PEER, 'off', 'float32'),
    peer(`${PEER}, checkpointing`, 'on', 'float32'),
  ];
}

async function compare(each: TrainCase): Promise<Map<string, TrainScore>> {
  const directory = path.join(folder, each.name.replaceAll(' ', '-'));
  await writeModel(directory, each);
  const all = contestants(directory, each).filter(({ name }) => name.includes(options.contestant));
  const say = (line: string): void => print([line]);
  const tokens = tokensOf(each);
  const scores = new Map<string, TrainScore>();
  // At once, so that they can take turns; or each by itself.
  for (const group of each.large ? all.map((one) => [one]) : [all]) {
    const started = group.map(({ start }) => start()).filter((process) => process !== undefined);
    try {
      const entrants: LineProcess[] = [];
      for (const entrant of started) {
        if (await warmedUp(entrant, tokens, each.large ? 1 : WARM_UPS, say)) entrants.push(entrant);
        else entrant.stop();
      }
      const rounds = each.large ? Math.min(2, Number(options.rounds)) : Number(options.rounds);
      for (const [name, score] of await race(entrants, rounds)) scores.set(name, score);
    } finally {
      for (const entrant of started) entrant.stop();
      // The next one needs their memory.
      await Promise.all(started.map((entrant) => entrant.ended));
    }
  }
  await rm(directory, { recursive: true });
  return scores;
}

function table({ name, tokens }: TrainCase, scores: ReadonlyMap<string, TrainScore>): string[] {
  const rows = [...scores].map(([contestant, { seconds, losses, peakMemory }]) => {
    const step = median(seconds);
    return [contestant, step.toFixed(3), (tokens / step).toFixed(0), (peakMemory / 2 ** 20).toFixed(0), losses[0].toFixed(3)];
  });
  return [...markdownTable([`${name}, ${tokens} tokens`, 's a step', 'tokens/s', 'peak MiB', 'loss'], rows)];
}

/** Ratios are medians over the rounds of the ratio within a round. */
function verdicts({ large = false }: TrainCase, scores: ReadonlyMap<string, TrainScore>): string[] {
  const ratio = (above: string, below: string): number | undefined => {
    const [ours, theirs] = [scores.get(above), scores.get(below)];
    return ours && theirs && median(ours.seconds.map((seconds, round) => seconds / theirs.seconds[round]));
  };
  if (large) {
    const peak = (name: string): number | undefined => scores.get(name) && (scores.get(name) as TrainScore).peakMemory / 1e9;
    return ['keep', 'nf4'].flatMap((weights) => [
      verdict(`${weights}: step / quicker PyTorch`, ratio(`${OURS}, ${weights}`, quickerPeer(scores)), GOALS.large),
      verdict(`${weights}: BaLoRA / LoRA`, ratio(`${BALORA}, ${weights}`, `${OURS}, ${weights}`), GOALS.balora),
      verdict(`${weights}: peak of BaLoRA in GB`, peak(`${BALORA}, ${weights}`), weights === 'keep' ? 10 : 4),
    ]);
  }
  const lines = [
    verdict('step / quicker PyTorch', ratio(OURS, quickerPeer(scores)), GOALS.step),
    verdict('BaLoRA / LoRA', ratio(BALORA, OURS), GOALS.balora),
  ];
  const [ours, theirs] = [scores.get(OURS), scores.get(PEER)];
  if (ours && theirs) lines.push(verdict(`peak memory / ${PEER}`, ours.peakMemory / theirs.peakMemory, GOALS.memory));
  return lines;
}

/** The name of the quicker one of PyTorch's settings. */
function quickerPeer(scores: ReadonlyMap<string, TrainScore>): string {
  const peers = [...scores]
    .filter(([name]) => name.startsWith(PEER))
    .sort(([, one], [, other]) => median(one.seconds) - median(other.seconds));
  return peers[0]?.[0] ?? PEER;
}

function verdict(what: string, reached: number | undefined, goal: number): string {
  if (reached === undefined) return `- ${what}: not measured`;
  return `- ${what} ≤ ${goal}: ${reached.toPrecision(3)}: ${reached <= goal ? 'reached' : '**missed**'}`;
}

function print(lines: readonly string[]): void {
  console.log(`${lines.join('\n')}\n`);
}
