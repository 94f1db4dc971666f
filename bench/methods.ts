/**
 * LoRA methods compared on a small language model and questions that it has not seen.
 *
 *     npm run bench:methods -- [--out DIR] [--parallel N] [--ranks 16,4,64]
 *
 * Stage 1 tries learning rates and scales s = α/r at rank 16; stage 2 trains each method's two best settings longer, at
 * several ranks, on the same three seeds; stage 3 tries the other gauge of BaLoRA. Predicts the hours first. Called
 * again, it goes on where it ended; tables show what is finished.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { drawQuestions, taskNames } from '../examples/questions/questions.js';
import { catchInterrupt } from '../src/cli/interruption.js';
import { runFiles } from '../src/cli/run/run-layout.js';
import { runSweep } from '../src/cli/sweep/run-sweep.js';
import { sweepFolders } from '../src/cli/sweep/sweep-layout.js';
import { processTerminal } from '../src/cli/terminal.js';
import {
  bestSettings,
  CONTESTANTS,
  type Contestant,
  finalTrials,
  GAUGES,
  gridTrials,
  type MethodTrial,
  planSize,
  type Setting,
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
const model = path.resolve(import.meta.dirname, '../examples/models/tiny-math-base');
const data = path.join(out, 'questions');
const held = path.join(data, 'valid.jsonl');
const runs = path.join(out, sweepFolders.runs);
const terminal = processTerminal();
const interruption = catchInterrupt(terminal, 'interrupted: what runs saves first');

writeQuestions();
const grid = gridTrials(data, model);
await predictHours();

const gridScores = await runStage(grid);
print(gridTable(gridScores));
const chosen = CONTESTANTS.map((contestant) => ({ contestant, settings: bestSettings(gridScores, contestant.name) }));
const finals: [MethodTrial, Score][] = [];
for (const rank of ranks) finals.push(...(await runStage(finalTrials(chosen, rank, data, model))));
finals.push(...(await runStage(finalTrials(gaugesAt(chosen), ranks[0], data, model))));
print(finalTable(finals));
print(taskTable(finals, ranks[0]));

/** The other gauges at the settings of stage 2. */
function gaugesAt(settings: readonly { readonly contestant: Contestant; readonly settings: readonly Setting[] }[]): typeof settings {
  return GAUGES.map((contestant) => {
    const twin = settings.find((one) => one.contestant.name === contestant.name.replace('nearest', 'svd'));
    return { contestant, settings: twin?.settings ?? [] };
  });
}

/** The same questions whenever it is called; those held out are not trained on. */
function writeQuestions(): void {
  mkdirSync(data, { recursive: true });
  const { train, held: questions } = drawQuestions({ tasks: taskNames, seed: 1, train: 9600, held: 200 });
  for (const [name, rows] of Object.entries({ train, valid: questions }))
    writeFileSync(path.join(data, `${name}.jsonl`), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

/** From the time of a short run, begun anew each time: the machine may be another. */
async function predictHours(): Promise<void> {
  const steps = 10;
  const folder = path.join(out, 'probe');
  rmSync(folder, { recursive: true, force: true });
  const probe = { ...grid[0], name: 'probe', values: { ...grid[0].values, steps } };
  const begun = performance.now();
  const { failed, interrupted } = await runSweep([probe], {
    out: folder,
    parallel: Number(options.parallel),
    terminal,
    signal: interruption.signal,
  });
  if (interrupted || failed.length > 0) {
    terminal.notice(failed.map(({ message }) => `the probe failed: ${message}`).join('\n'));
    process.exit(1);
  }
  const wall = (performance.now() - begun) / 1000;
  const outcome = readFileSync(path.join(folder, sweepFolders.runs, probe.name, runFiles.outcome), 'utf8');
  const { seconds } = JSON.parse(outcome) as { readonly seconds: number };
  const plan = planSize(ranks.length);
  const hours = ((plan.steps * seconds) / steps + plan.runs * (wall - seconds)) / Number(options.parallel) / 3600;
  terminal.notice(`${plan.runs} runs, ${plan.steps} steps: about ${hours.toFixed(1)} hours in all, what is finished included`);
}

/** Runs what has not ended, and scores what has. Interrupted, it ends the program. */
async function runStage(trials: readonly MethodTrial[]): Promise<readonly [MethodTrial, Score][]> {
  const { failed } = await runSweep(trials, {
    out,
    parallel: Number(options.parallel),
    terminal,
    signal: interruption.signal,
  });
  for (const { name, message } of failed) terminal.notice(`${name} failed: ${message}`);
  const scores = [...(await scoreRuns(trials, { runs, held, model }))];
  if (interruption.signal.aborted || failed.length > 0) process.exit(1);
  return scores;
}

function print(lines: readonly string[]): void {
  console.log(['', ...lines].join('\n'));
}
