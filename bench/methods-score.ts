/** What the adapters of `bench:methods` are worth on the held-out questions, task by task. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Question } from '../examples/questions/questions.js';
import { checkpointFolder, runFiles } from '../src/cli/run/run-layout.js';
import { meanLoss } from '../src/cli/training/evaluate.js';
import { exactMatches } from '../src/cli/training/exact-match.js';
import { readRows } from '../src/cli/training/load-data.js';
import { padIdOf } from '../src/cli/training/session.js';
import { writeAtomic } from '../src/io/files/write-atomic.js';
import { tensorAlgebra } from '../src/linalg/tensor/index.js';
import { loadAdapter } from '../src/lora/index.js';
import { loadCausalLM, loadTokenizer } from '../src/models/index.js';
import type { MethodTrial } from './methods-plan.js';

/** Loss in nats a token and the part of the questions answered exactly. */
export interface TaskScore {
  readonly loss: number;
  readonly exact: number;
}

/** Of the last step of a run, over all questions and by task. */
export interface Score extends TaskScore {
  readonly tasks: Readonly<Record<string, TaskScore>>;
}

/** A run that diverged: worse than any other. */
const diverged: Score = { loss: Number.POSITIVE_INFINITY, exact: 0, tasks: {} };

/**
 * Scores the runs that have ended, once each: `score.json` in a run's folder keeps it. Those that have not are missing
 * from the result.
 */
export async function scoreRuns(
  trials: readonly MethodTrial[],
  { runs, held, model: directory }: { readonly runs: string; readonly held: string; readonly model: string },
): Promise<ReadonlyMap<MethodTrial, Score>> {
  const scores = new Map<MethodTrial, Score>();
  const waiting: MethodTrial[] = [];
  for (const trial of trials) {
    const end = (await json<{ readonly end: string }>(path.join(runs, trial.name, runFiles.outcome)))?.end;
    const score = end === 'diverged' ? diverged : await json<Score>(path.join(runs, trial.name, 'score.json'));
    if (score !== undefined) scores.set(trial, score);
    else if (end !== undefined) waiting.push(trial);
  }
  if (waiting.length === 0) return scores;
  const tokenizer = await loadTokenizer(directory);
  const model = await loadCausalLM(directory, { algebra: await tensorAlgebra({ backend: 'wasm' }) });
  const rows = await readRows(held, { maskPrompt: true, maxLength: undefined }, tokenizer, model.config.maxPositions, []);
  const questions = (await readFile(held, 'utf8')).trim().split('\n');
  const tasks = questions.map((line) => (JSON.parse(line) as Question).task);
  if (rows.length !== tasks.length)
    throw new Error(`bench:methods: ${held} has ${tasks.length} questions, of which only ${rows.length} could be read`);
  const padId = padIdOf(tokenizer);
  for (const trial of waiting) {
    const folder = path.join(runs, trial.name);
    const adapter = await loadAdapter(model, checkpointFolder(folder, trial.steps));
    const score = async (chosen: typeof rows): Promise<TaskScore> =>
      model.algebra.tidy(async () => {
        const overlay = adapter.overlay();
        const { loss } = await meanLoss(model, chosen, 32, padId, overlay);
        const matches = await exactMatches(model, chosen, padId, overlay);
        return { loss, exact: matches.filter(Boolean).length / matches.length };
      });
    const byTask: Record<string, TaskScore> = {};
    for (const task of new Set(tasks)) byTask[task] = await score(rows.filter((_, i) => tasks[i] === task));
    const whole = { ...(await score(rows)), tasks: byTask };
    adapter.dispose();
    await writeAtomic(path.join(folder, 'score.json'), `${JSON.stringify(whole, null, 2)}\n`);
    scores.set(trial, whole);
  }
  model.dispose();
  return scores;
}

async function json<T>(file: string): Promise<T | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as T);
}
