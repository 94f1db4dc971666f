/**
 * LoRA methods compared on a small language model and questions that it has not seen.
 *
 *     npm run bench:methods -- [--out DIR] [--parallel N] [--ranks 16,4,64]
 *
 * Stage 1 tries learning rates and scales s = α/r at rank 16; stage 2 trains each method's two best settings longer, at
 * several ranks, on the same three seeds; stage 3 tries the other gauge of BaLoRA. Predicts the hours first. Called
 * again, it goes on where it ended; tables show what is finished.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { drawQuestions, taskNames } from '../examples/questions/questions.js';
import { bures } from './methods-command.js';
import {
  bestSettings,
  CONTESTANTS,
  type Contestant,
  finalTrials,
  GAUGES,
  gridTrials,
  planSize,
  type Setting,
  sweepKeys,
  type Trial,
  trialName,
} from './methods-plan.js';
import { type Score, scoreRuns } from './methods-score.js';
import { finalTable, gridTable, taskTable } from './methods-tables.js';
import { readOptions } from './options.js';

const options = readOptions(
  'npm run bench:methods',
  { before: 'Compares LoRA methods on a small language model, in hours.', after: 'Called again, it goes on where it ended.' },
  {
    out: { value: 'DIR', help: 'folder of the runs (default bench-methods)', fallback: 'bench-methods' },
    parallel: { value: 'N', help: 'runs at a time (default 2)', fallback: '2' },
    ranks: { value: 'R,R', help: 'ranks of stage 2, in this order (default 16,4,64)', fallback: '16,4,64' },
  },
);
const out = path.resolve(options.out);
const ranks = options.ranks.split(',').map(Number);
if (!ranks.every((rank) => Number.isInteger(rank) && rank > 0))
  throw new Error(`bench:methods: --ranks takes positive integers such as 16,4,64, got '${options.ranks}'`);
const parallel = Number(options.parallel);
const threads = Math.max(1, Math.floor(availableParallelism() / parallel));
const model = path.resolve(import.meta.dirname, '../examples/models/tiny-math-base');
const data = path.join(out, 'questions');

let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (!interrupted) console.error('interrupted: what runs saves first');
    interrupted = true;
  });
}

const held = writeQuestions();
const grid = gridTrials();
await predictHours();

const gridScores = await runStage(grid);
print(gridTable(gridScores));
const chosen = CONTESTANTS.map((contestant) => ({ contestant, settings: bestSettings(gridScores, contestant) }));
const finals: [Trial, Score][] = [];
for (const rank of ranks) finals.push(...(await runStage(finalTrials(chosen, rank))));
finals.push(...(await runStage(finalTrials(gaugesAt(chosen), ranks[0]))));
print(finalTable(finals));
print(taskTable(finals, ranks[0]));

/** The other gauges at the settings of stage 2. */
function gaugesAt(settings: readonly { readonly contestant: Contestant; readonly settings: readonly Setting[] }[]): typeof settings {
  return GAUGES.map((contestant) => {
    const twin = settings.find((one) => one.contestant.name === contestant.name.replace('nearest', 'svd'));
    return { contestant, settings: twin?.settings ?? [] };
  });
}

/**
 * The same questions whenever it is called; those held out are not trained on.
 *
 * @returns the file of those held out of each task.
 */
function writeQuestions(): ReadonlyMap<string, string> {
  mkdirSync(data, { recursive: true });
  const { train, held: questions } = drawQuestions({ tasks: taskNames, seed: 1, train: 9600, held: 200 });
  const byTask = taskNames.map((task) => [`held-${task}`, questions.filter((row) => row.task === task)] as const);
  for (const [name, rows] of [['train', train], ['valid', questions], ...byTask] as const)
    writeFileSync(path.join(data, `${name}.jsonl`), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return new Map(taskNames.map((task) => [task, path.join(data, `held-${task}.jsonl`)]));
}

/** From the time of a short run, begun anew each time: the machine may be another. */
async function predictHours(): Promise<void> {
  const steps = 10;
  const folder = path.join(out, 'probe');
  rmSync(folder, { recursive: true, force: true });
  const begun = performance.now();
  const probe = { ...grid[0], steps };
  const trouble = await runTrial(probe, folder);
  if (trouble !== undefined) {
    console.error(`the probe failed: ${trouble}`);
    process.exit(1);
  }
  await score(probe, folder);
  if (interrupted) process.exit(1);
  const wall = (performance.now() - begun) / 1000;
  const [run] = readdirSync(path.join(folder, 'runs'));
  const { seconds } = JSON.parse(readFileSync(path.join(folder, 'runs', run, 'outcome.json'), 'utf8')) as { readonly seconds: number };
  const plan = planSize(ranks.length);
  const hours = ((plan.steps * seconds) / steps + plan.runs * (wall - seconds)) / parallel / 3600;
  console.error(`${plan.runs} runs, ${plan.steps} steps: about ${hours.toFixed(1)} hours in all, what is finished included`);
}

/** Runs what has not ended, and scores what has, a number of trials at a time. Interrupted, it ends the program. */
async function runStage(trials: readonly Trial[]): Promise<readonly [Trial, Score][]> {
  const waiting = [...trials];
  const scores = new Map<Trial, readonly Score[]>();
  let failed = false;
  const work = async (): Promise<void> => {
    for (let trial = waiting.shift(); trial !== undefined && !interrupted; trial = waiting.shift()) {
      const name = trialName(trial);
      const folder = path.join(out, name);
      const trouble = await runTrial(trial, folder);
      if (interrupted) return;
      if (trouble !== undefined) failed = true;
      console.error(`${name}: ${trouble ?? 'finished'}; ${waiting.length} to go`);
      scores.set(trial, await score(trial, folder));
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  if (interrupted || failed) process.exit(1);
  return trials.flatMap((trial) => (scores.get(trial) ?? []).map((score): [Trial, Score] => [trial, score]));
}

/** Scores a trial; what an interruption leaves without a score gets it when the program is called again. */
function score(trial: Trial, folder: string): Promise<readonly Score[]> {
  return scoreRuns(trial, folder, held, threads).catch((error: unknown) => {
    if (interrupted) return [];
    throw error;
  });
}

/** Runs what is left of a trial as a sweep. @returns what went wrong; `undefined` if nothing did. */
async function runTrial(trial: Trial, folder: string): Promise<string | undefined> {
  const file = `${folder}.yaml`;
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(sweepKeys(trial, data, model, folder), null, 2));
  const { status, messages } = await bures(['sweep', file], threads);
  return status === 0 ? undefined : (messages.split('\n').at(-1) ?? `exit status ${status}`);
}

function print(lines: readonly string[]): void {
  console.log(['', ...lines].join('\n'));
}
