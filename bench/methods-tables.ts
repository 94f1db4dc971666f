/** The results of `bench:methods` as tables. */
import { quantile } from '../src/core/quantile.js';
import type { Trial } from './methods-plan.js';
import type { Score } from './methods-score.js';
import { markdownTable } from './report.js';

type Scored = readonly (readonly [Trial, Score])[];

/** Stage 1: a row a method and scale, a column a learning rate; then how much of the grid is near the best of it. */
export function gridTable(scores: Scored): readonly string[] {
  const rates = distinct(scores.map(([{ setting }]) => setting.learningRate));
  const cells = scores.map(([{ contestant, setting }]) => ({ contestant: contestant.name, scale: setting.scale }));
  const rows = distinct(cells.map((cell) => JSON.stringify(cell))).map((key) => {
    const { contestant, scale } = JSON.parse(key) as { readonly contestant: string; readonly scale: number };
    const at = (rate: number) =>
      scores.find(([one]) => one.contestant.name === contestant && one.setting.scale === scale && one.setting.learningRate === rate)?.[1];
    return [`${contestant}, s = ${scale}`, ...rates.map((rate) => lossText(at(rate)?.loss))];
  });
  return [...markdownTable(['loss after 100 steps, rank 16', ...rates.map(String)], rows), '', ...robustness(scores)];
}

/**
 * How forgiving a method is of its settings: quartiles of the loss over the grid, and the part of it within a tenth of
 * the method's best.
 */
function robustness(scores: Scored): readonly string[] {
  const rows = distinct(scores.map(([{ contestant }]) => contestant.name)).map((contestant) => {
    const losses = scores.filter(([one]) => one.contestant.name === contestant).map(([, { loss }]) => loss);
    const best = Math.min(...losses);
    const near = losses.filter((loss) => loss <= 1.1 * best).length;
    return [
      contestant,
      lossText(best),
      ...[0.25, 0.5, 0.75].map((part) => lossText(quantile(losses, part))),
      `${near} of ${losses.length}`,
      String(losses.filter((loss) => !Number.isFinite(loss)).length),
    ];
  });
  return markdownTable(['over the grid', 'best', 'lower quartile', 'median', 'upper quartile', 'within 10 %', 'diverged'], rows);
}

/** Stage 2: median and quartiles over the seeds. */
export function finalTable(scores: Scored): readonly string[] {
  const rows = groups(scores).map(({ trial, own }) => [
    `${trial.contestant.name}, rank ${trial.rank}`,
    String(trial.setting.scale),
    String(trial.setting.learningRate),
    String(own.length),
    ...[0.5, 0.25, 0.75].map((part) =>
      lossText(
        quantile(
          own.map(({ loss }) => loss),
          part,
        ),
      ),
    ),
    ...[0.5, 0.25, 0.75].map((part) =>
      percent(
        quantile(
          own.map(({ exact }) => exact),
          part,
        ),
      ),
    ),
  ]);
  const header = ['after 300 steps', 's', 'rate', 'seeds', 'loss', 'lower', 'upper', 'exact', 'lower', 'upper'];
  return markdownTable(header, rows);
}

/** By task: medians over the seeds, of each method's better setting at one rank. */
export function taskTable(scores: Scored, rank: number): readonly string[] {
  const all = groups(scores.filter(([trial]) => trial.rank === rank));
  const tasks = distinct(scores.flatMap(([, score]) => Object.keys(score.tasks)));
  const lossOf = ({ own }: { readonly own: readonly Score[] }): number =>
    quantile(
      own.map(({ loss }) => loss),
      0.5,
    );
  const rows = distinct(all.map(({ trial }) => trial.contestant.name)).map((contestant) => {
    const [{ own }] = all.filter(({ trial }) => trial.contestant.name === contestant).sort((a, b) => lossOf(a) - lossOf(b));
    const cell = (task: string, of: 'loss' | 'exact'): number =>
      quantile(
        own.map((score) => score.tasks[task]?.[of] ?? (of === 'loss' ? Number.POSITIVE_INFINITY : 0)),
        0.5,
      );
    return [contestant, ...tasks.flatMap((task) => [lossText(cell(task, 'loss')), percent(cell(task, 'exact'))])];
  });
  return markdownTable([`by task, rank ${rank}`, ...tasks.flatMap((task) => [task, 'exact'])], rows);
}

/** Runs that differ in their seed only. */
function groups(scores: Scored): readonly { readonly trial: Trial; readonly own: readonly Score[] }[] {
  return distinct(scores.map(([trial]) => trial)).map((trial) => ({
    trial,
    own: scores.filter(([one]) => one === trial).map(([, score]) => score),
  }));
}

function distinct<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}

function lossText(loss: number | undefined): string {
  if (loss === undefined) return '–';
  return Number.isFinite(loss) ? loss.toFixed(3) : 'diverged';
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}
