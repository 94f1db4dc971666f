/** Results of a sweep: the best validation loss of every combination, with median and quartiles over seeds. */
import { least } from '../../core/extremes.js';
import { quantile } from '../../core/quantile.js';
import { exists } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { shownName } from '../../io/files/portable-name.js';
import { validateConfig } from '../config/validate.js';
import { readYaml } from '../config/yaml.js';
import { short, table } from '../format.js';
import type { HeatMap } from '../report/heat-map.js';
import { type RunRecord, readRun } from '../report/read-run.js';
import { runFiles } from '../run/run-layout.js';
import { type SweepConfig, sweepFile, sweepFolders, sweepSchema } from './sweep-config.js';
import { planTrials, type Trial } from './trials.js';

/** Results of a combination of keys. */
export interface SweepRow {
  readonly varied: Readonly<Record<string, unknown>>;
  /** The least validation loss of the run of each seed; NaN if it diverged. */
  readonly losses: readonly number[];
  readonly median: number;
  readonly quartiles: readonly [number, number];
}

/** A sweep that has been read. */
export interface SweepRecord {
  readonly config: SweepConfig;
  readonly rows: readonly SweepRow[];
  readonly runs: readonly RunRecord[];
}

/** Reads a sweep, which may still be in progress; its rows cover the runs that have ended. */
export async function readSweep(folder: string): Promise<SweepRecord> {
  const config = validateConfig(sweepSchema, [await readYaml('report', path.join(folder, sweepFile))]);
  const groups = new Map<string, { varied: Trial['varied']; runs: RunRecord[] }>();
  const runs: RunRecord[] = [];
  for (const { name, varied } of planTrials(config)) {
    const run = path.join(folder, sweepFolders.runs, name);
    if (!(await exists(path.join(run, runFiles.config)))) continue;
    const record = await readRun(run);
    runs.push(record);
    const key = JSON.stringify(varied);
    groups.set(key, { varied, runs: [...(groups.get(key)?.runs ?? []), record] });
  }
  const rows = [...groups.values()].map(({ varied, runs: own }) => rowOf(varied, own.flatMap(bestLoss)));
  return { config, runs, rows: rows.filter(({ losses }) => losses.length > 0) };
}

/**
 * Returns the least loss of a run: NaN, which counts as worst, if it diverged, and none if it is in progress or has no
 * evaluation.
 */
function bestLoss({ evals, outcome }: RunRecord): readonly number[] {
  if (outcome === undefined) return [];
  if (outcome === 'diverged') return [Number.NaN];
  return evals.length === 0 ? [] : [least(evals.map(({ loss }) => loss))];
}

function rowOf(varied: Trial['varied'], losses: readonly number[]): SweepRow {
  const comparable = losses.map((loss) => (Number.isFinite(loss) ? loss : Number.POSITIVE_INFINITY));
  return { varied, losses, median: quantile(comparable, 0.5), quartiles: [quantile(comparable, 0.25), quantile(comparable, 0.75)] };
}

/** Formats the rows as a text table, best first. */
export function sweepTable(rows: readonly SweepRow[]): string {
  const keys = [...new Set(rows.flatMap(({ varied }) => Object.keys(varied)))];
  const sorted = [...rows].sort((a, b) => a.median - b.median);
  const body = sorted.map(({ varied, losses, median, quartiles }) => [
    ...keys.map((key) => text(varied[key])),
    String(losses.length),
    ...[median, ...quartiles].map(short),
  ]);
  return table([[...keys, 'seeds', 'median validation loss', 'lower quartile', 'upper quartile'], ...body]);
}

/** Makes one map per combination of the other keys: learning rates across, the rank (or the next varying key) down. */
export function sweepMaps({ rows }: SweepRecord): readonly HeatMap[] {
  const keys = [...new Set(rows.flatMap(({ varied }) => Object.keys(varied)))].filter(
    (key) => new Set(rows.map(({ varied }) => text(varied[key]))).size > 1,
  );
  const across = keys.includes('learningRate') ? 'learningRate' : keys[0];
  if (across === undefined) return [];
  const down = keys.includes('rank') && across !== 'rank' ? 'rank' : keys.find((key) => key !== across && key !== 'method');
  const others = keys.filter((key) => key !== across && key !== down);
  const titles = [...new Set(rows.map((row) => titleOf(row, others)))];
  return titles.map((title) =>
    mapOf(
      title,
      rows.filter((row) => titleOf(row, others) === title),
      across,
      down,
    ),
  );
}

function titleOf({ varied }: SweepRow, others: readonly string[]): string {
  return others.length === 0 ? 'Best validation loss, median over seeds' : others.map((key) => `${key} ${text(varied[key])}`).join(', ');
}

function mapOf(title: string, rows: readonly SweepRow[], across: string, down: string | undefined): HeatMap {
  const valuesOf = (key: string): readonly string[] =>
    [...new Set(rows.map(({ varied }) => text(varied[key])))].sort((a, b) => Number(a) - Number(b));
  const columns = valuesOf(across);
  const lines = down === undefined ? [''] : valuesOf(down);
  const find = (line: string, column: string) =>
    rows.find(({ varied }) => text(varied[across]) === column && (down === undefined || text(varied[down]) === line));
  return {
    title,
    rowLabel: down ?? '',
    rows: lines,
    columnLabel: across,
    columns,
    values: lines.map((line) => columns.map((column) => find(line, column)?.median)),
    notes: lines.map((line) => columns.map((column) => spread(find(line, column)))),
  };
}

function spread(row: SweepRow | undefined): string {
  return row === undefined || row.losses.length < 2 || !Number.isFinite(row.quartiles[1]) ? '' : row.quartiles.map(short).join(' – ');
}

function text(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value ?? null);
  return path.isAbsolute(value) ? shownName(value) : value;
}
