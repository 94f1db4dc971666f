/** The results as text. */
import { cpus, loadavg, release } from 'node:os';
import type { BlasStatus } from '../src/linalg/host/blas/blas-library.js';
import type { BenchCase, Goal, ProjectionErrors } from './cases.js';
import { speedup, type Timing } from './measure.js';
import type { PeerLibrary } from './peer-process.js';

/** The results of one case. */
export interface CaseResult {
  readonly benchCase: BenchCase;
  /** By contestant. */
  readonly timings: ReadonlyMap<string, Timing>;
  /** By contestant, for projections. */
  readonly errors: ReadonlyMap<string, ProjectionErrors>;
}

/** A goal, and what was reached; `undefined` where the peer or the engine is missing. */
export interface Verdict {
  readonly case: string;
  readonly goal: string;
  readonly reached?: number;
  readonly met?: boolean;
}

/** The names our engines compete under. */
export const ENGINE_NAMES = { blas: 'bures + BLAS', typescript: 'bures' } as const;

/** What the numbers were taken on. */
export function machineLines(blas: BlasStatus, peers: Readonly<Record<string, PeerLibrary>>): readonly string[] {
  const native = blas.available ? `${blas.library}${blas.core === undefined ? '' : `, ${blas.core} kernels`}` : `none: ${blas.reason}`;
  return [
    `- processor: ${cpus()[0].model}, ${cpus().length} cores; load over the last minute ${loadavg()[0].toFixed(2)}${busy()}`,
    `- system: ${process.platform} ${release()} ${process.arch}; Node ${process.version}`,
    `- BLAS: ${native}${blas.threads === undefined ? '' : `, ${blas.threads} threads`}`,
    ...Object.entries(peers).map(([name, { version, threads }]) => `- ${name} ${version}${threads === null ? '' : `, ${threads} threads`}`),
  ];
}

/** Absolute times on a busy machine mean little, and the ratios less than on a quiet one. */
function busy(): string {
  return loadavg()[0] > cpus().length / 2 ? ' (**busy: do not quote these numbers**)' : '';
}

/** One row a case: our times, the peers' times, and how many times faster we are with and without BLAS. */
export function timingTable(results: readonly CaseResult[], peers: readonly string[]): readonly string[] {
  const engines = Object.values(ENGINE_NAMES);
  const header = ['milliseconds', ...engines, ...peers, ...peers.flatMap((peer) => engines.map((engine) => `${engine} / ${peer}`))];
  const rows = results.map(({ benchCase, timings }) => [
    benchCase.name,
    ...[...engines, ...peers].map((name) => milliseconds(timings.get(name), benchCase.flops)),
    ...peers.flatMap((peer) => engines.map((engine) => times(timings.get(engine), timings.get(peer)))),
  ]);
  return markdownTable(header, rows);
}

/** Product error and imbalance of each contestant's projection. */
export function accuracyTable(results: readonly CaseResult[]): readonly string[] {
  const rows = results.flatMap(({ benchCase, errors }) =>
    [...errors].map(([name, { product, imbalance }]) => [benchCase.name, name, product.toExponential(1), imbalance.toExponential(1)]),
  );
  return markdownTable(['relative errors', 'by', "‖A'B' − AB‖ / ‖AB‖", "‖A'ᵀA' − B'B'ᵀ‖ / ‖A'ᵀA'‖"], rows);
}

/** Whether the goals were reached. */
export function verdicts(results: readonly CaseResult[]): readonly Verdict[] {
  return results.flatMap(({ benchCase, timings }) => benchCase.goals.map((goal) => verdict(benchCase, timings, goal)));
}

function verdict({ name, flops }: BenchCase, timings: ReadonlyMap<string, Timing>, { engine, atLeast, of }: Goal): Verdict {
  const ours = timings.get(ENGINE_NAMES[engine]);
  const theirs = timings.get(of);
  const goal = `${ENGINE_NAMES[engine]} ≥ ${atLeast}${of === 'GFLOP/s' ? ' GFLOP/s' : ` × the speed of ${of}`}`;
  if (ours === undefined || (of !== 'GFLOP/s' && theirs === undefined)) return { case: name, goal };
  const reached = theirs === undefined ? (flops ?? Number.NaN) / ours.median / 1e9 : speedup(ours, theirs);
  return { case: name, goal, reached, met: reached >= atLeast };
}

/** A line a goal. */
export function verdictLines(reached: readonly Verdict[]): readonly string[] {
  return reached.map((item) => {
    const outcome = item.reached === undefined ? 'not measured' : `${item.reached.toFixed(2)}: ${item.met ? 'reached' : '**missed**'}`;
    return `- ${item.case}: ${item.goal}: ${outcome}`;
  });
}

function milliseconds(timing: Timing | undefined, flops: number | undefined): string {
  if (timing === undefined) return '–';
  const rate = flops === undefined ? '' : ` (${(flops / timing.median / 1e9).toPrecision(3)} GFLOP/s)`;
  return `${(timing.median * 1000).toPrecision(3)}${rate}`;
}

function times(ours: Timing | undefined, theirs: Timing | undefined): string {
  return ours === undefined || theirs === undefined ? '–' : `${speedup(ours, theirs).toFixed(2)}×`;
}

/** A table as Markdown, the first column to the left and the others to the right. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  // A rule needs a dash beside its colon.
  const widths = header.map((title, column) => Math.max(2, title.length, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(' | ')} |`;
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(header), line(rule), ...rows.map(line)];
}
