/** What the adapters of `bench:methods` are worth on the held-out questions, task by task. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bures } from './methods-command.js';
import type { Trial } from './methods-plan.js';

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
 * Scores the runs of a trial that have ended, once each: `score.json` in a run's folder keeps it.
 *
 * @param folder - of the trial's sweep.
 * @param held - the file of held-out questions of each task.
 */
export async function scoreRuns(
  { steps }: Trial,
  folder: string,
  held: ReadonlyMap<string, string>,
  threads: number,
): Promise<readonly Score[]> {
  const runs = path.join(folder, 'runs');
  const scores: Score[] = [];
  for (const name of existsSync(runs) ? readdirSync(runs).sort() : []) {
    const outcome = path.join(runs, name, 'outcome.json');
    if (!existsSync(outcome)) continue;
    const file = path.join(runs, name, 'score.json');
    if (readJson<{ readonly end: string }>(outcome).end === 'diverged') scores.push(diverged);
    else if (existsSync(file)) scores.push(readJson(file));
    else {
      const score = await scoreOf(path.join(runs, name, 'checkpoints', `step-${steps}`), held, threads);
      writeFileSync(file, `${JSON.stringify(score, null, 2)}\n`);
      scores.push(score);
    }
  }
  return scores;
}

/** The score of an adapter: by task, and over all tokens and questions together. */
async function scoreOf(adapter: string, held: ReadonlyMap<string, string>, threads: number): Promise<Score> {
  const tasks: Record<string, TaskScore> = {};
  const sum = { rows: 0, tokens: 0, loss: 0, exact: 0 };
  for (const [task, file] of held) {
    const { result, messages } = await bures(['eval', adapter, '--data', file, '--batch-size', '32', '--backend', 'wasm'], threads);
    if (result === undefined) throw new Error(`bench:methods: ${adapter} could not be evaluated: ${messages}`);
    const { rows, tokens, loss, exactMatch } = result as Readonly<Record<'rows' | 'tokens' | 'loss' | 'exactMatch', number>>;
    tasks[task] = { loss, exact: exactMatch };
    sum.rows += rows;
    sum.tokens += tokens;
    sum.loss += tokens * loss;
    sum.exact += rows * exactMatch;
  }
  return { loss: sum.loss / sum.tokens, exact: sum.exact / sum.rows, tasks };
}

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T;
}
