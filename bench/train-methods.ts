/**
 * A step of every LoRA method beside LoRA's, in time and in peak memory of the process, at two ranks on a small Llama.
 *
 *     npm run bench:train-methods -- [--rounds 5] [--ranks 16,128] [--only TEXT] [--json FILE]
 *
 * A few methods at a time step in turns with LoRA, each in a process of its own, and ratios are medians over the rounds
 * of the ratio within a round. Methods that differ from another one in their start or in α alone take the same steps
 * and are not run. Let nothing else run meanwhile.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { type LoraMethod, loraMethods } from '../src/lora/index.js';
import { LineProcess } from './line-process.js';
import { median } from './measure.js';
import { readOptions } from './options.js';
import { markdownTable } from './report.js';
import { TRAIN_CASES, tokensOf, writeModel } from './train-cases.js';
import { race, WARM_UPS, warmedUp } from './train-race.js';

const options = readOptions(
  'npm run bench:train-methods',
  { before: 'A training step of every LoRA method beside LoRA’s: time and peak memory.', after: '' },
  {
    rounds: { value: 'N', help: 'steps of each contestant (default 5)', fallback: '5' },
    ranks: { value: 'LIST', help: 'ranks (default 16,128)', fallback: '16,128' },
    only: { value: 'TEXT', help: 'methods whose name has it (default all)', fallback: '' },
    json: { value: 'FILE', help: 'write the results there as well', fallback: '' },
  },
);

const REFERENCE = 'lora';
/** So many methods live at a time beside LoRA, each with a copy of the model. */
const GROUP = 4;
const [CASE] = TRAIN_CASES;

/** A method's figures relative to LoRA's. */
interface Ratio {
  readonly time: number;
  readonly memory: number;
}

const ranks = options.ranks.split(',').map(Number);
if (!ranks.every((rank) => Number.isInteger(rank) && rank > 0)) {
  console.error(`npm run bench:train-methods: --ranks must be positive integers with commas, got '${options.ranks}'`);
  process.exit(2);
}
const folder = await mkdtemp(path.join(tmpdir(), 'bures-train-methods-'));
try {
  await writeModel(folder, CASE);
  await main();
} finally {
  await rm(folder, { recursive: true });
}

async function main(): Promise<void> {
  console.log(`- processor: ${cpus()[0].model}, ${cpus().length} cores; load over the last minute ${loadavg()[0].toFixed(2)}`);
  const twins = twinsOf();
  const names = Object.keys(loraMethods).filter((name) => name !== REFERENCE && !twins.has(name) && name.includes(options.only));
  const results = new Map<number, ReadonlyMap<string, Ratio>>();
  for (const rank of ranks) results.set(rank, await atRank(rank, names));
  const header = [`${CASE.name}, ${CASE.tokens} tokens`, ...ranks.flatMap((rank) => [`time, r = ${rank}`, `memory, r = ${rank}`])];
  const cells = (name: string): string[] =>
    ranks.flatMap((rank) => {
      const ratio = results.get(rank)?.get(name);
      return ratio === undefined ? ['not measured', 'not measured'] : [ratio.time.toFixed(2), ratio.memory.toFixed(2)];
    });
  console.log(
    [
      '',
      ...markdownTable(
        header,
        names.map((name) => [name, ...cells(name)]),
      ),
      '',
    ].join('\n'),
  );
  for (const [name, twin] of twins) console.log(`- ${name}: takes the steps of ${twin}`);
  if (options.json === '') return;
  const record = Object.fromEntries([...results].map(([rank, ratios]) => [rank, Object.fromEntries(ratios)]));
  await writeFile(options.json, `${JSON.stringify({ load: loadavg(), results: record }, undefined, 2)}\n`);
}

/** Methods whose steps are those of a method before them in the list, with that one's name. */
function twinsOf(): ReadonlyMap<string, string> {
  const step = ({ geometry, direction, magnitudes, rates }: LoraMethod): string =>
    JSON.stringify([geometry.name, direction.name, magnitudes, rates ?? null]);
  const first = new Map<string, string>();
  const twins = new Map<string, string>();
  for (const [name, make] of Object.entries(loraMethods)) {
    const earlier = first.get(step(make()));
    if (earlier === undefined) first.set(step(make()), name);
    else twins.set(name, earlier);
  }
  return twins;
}

async function atRank(rank: number, names: readonly string[]): Promise<Map<string, Ratio>> {
  const worker = path.join(import.meta.dirname, 'train-worker.ts');
  const begin = (name: string): LineProcess =>
    new LineProcess(name, process.execPath, ['--import', 'tsx', worker, 'default', folder, name, String(rank)]);
  const tokens = tokensOf(CASE);
  const print = (line: string): void => console.log(`${line}, r = ${rank}`);
  const ratios = new Map<string, Ratio>();
  const reference = begin(REFERENCE);
  try {
    if (!(await warmedUp(reference, tokens, WARM_UPS, print))) return ratios;
    for (let from = 0; from < names.length; from += GROUP) {
      const group = names.slice(from, from + GROUP).map(begin);
      try {
        const entrants: LineProcess[] = [];
        for (const entrant of group) if (await warmedUp(entrant, tokens, WARM_UPS, print)) entrants.push(entrant);
        const scores = await race([reference, ...entrants], Number(options.rounds));
        const lora = scores.get(REFERENCE);
        for (const { name } of entrants) {
          const score = scores.get(name);
          if (lora === undefined || score === undefined) continue;
          const time = median(score.seconds.map((seconds, round) => seconds / lora.seconds[round]));
          ratios.set(name, { time, memory: score.peakMemory / lora.peakMemory });
        }
      } finally {
        for (const entrant of group) entrant.stop();
      }
    }
  } finally {
    reference.stop();
  }
  return ratios;
}
