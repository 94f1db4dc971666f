/**
 * MatrixIRLS and LRGeomCG from their authors' code, run by Octave, for the phase part of `bench:solvers`. The code is
 * not ours to ship: BURES_PEER_MATRIX_IRLS names a clone of the GitHub repository ckuemmerle/MatrixIRLS. What writes
 * into matrices in place there is replaced on a copy, since Octave copies what a compiled function is given.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { SolverProblem } from './solver-problems.js';

/** The solvers, as `octave/complete.m` knows them. */
export const OCTAVE_SOLVERS = ['MatrixIRLS', 'LRGeomCG'] as const;

/** How a solver of Octave fared on a draw. */
export interface OctaveOutcome {
  /** Until the relative error of the whole matrix was 1e-4; `undefined` if it never was. */
  readonly seconds: number | undefined;
  readonly total: number;
  /** Relative error of σ_r at the end; NaN if the solver broke down. */
  readonly smallest: number;
}

/** The authors' solvers in a folder of their own. */
export interface OctavePeers {
  /** Runs a solver on problems, one after another in one process. */
  run(solver: (typeof OCTAVE_SOLVERS)[number], problems: readonly SolverProblem[]): readonly OctaveOutcome[];
}

/** In-place writing, as both families of code call it, with what it writes into and the values. */
const inPlace = /(?:setSval\(|do_updateSval\(prob,)\s*([\w.]+)\s*,\s*([\w.]+)\s*,[^;]*\);/g;

/**
 * Prepares the authors' code for Octave.
 *
 * @param folder - an empty folder of the caller's.
 * @returns the peers, or in words why there are none.
 */
export function octavePeers(folder: string): OctavePeers | string {
  const code = process.env.BURES_PEER_MATRIX_IRLS;
  if (code === undefined) return 'BURES_PEER_MATRIX_IRLS names no clone of ckuemmerle/MatrixIRLS: its solvers are left out';
  if (spawnSync('octave-cli', ['--version']).status !== 0) return 'octave-cli is not there: the solvers of MatrixIRLS are left out';
  const authors = path.join(folder, 'authors');
  for (const part of ['tools', 'algorithms/MatrixIRLS', 'algorithms/LRGeomCG'])
    cpSync(path.join(code, part), path.join(authors, part), { recursive: true, filter: (name) => !/\.mex\w*$/.test(name) });
  for (const name of readdirSync(authors, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.m')) continue;
    const file = path.join(authors, name);
    const text = readFileSync(file, 'latin1');
    writeFileSync(file, text.replace(inPlace, '$1 = with_values($1, $2);'), 'latin1');
  }
  const compile = (...words: string[]): void => {
    execFileSync('mkoctfile', words, { cwd: authors, stdio: 'ignore', env: { ...process.env, CFLAGS: '-O3 -include stddef.h' } });
  };
  compile('--mex', '-o', 'partXY', path.join(authors, 'tools/partXY.c'));
  compile('-o', 'with_values', path.join(import.meta.dirname, 'peers/octave/with_values.cc'));
  let count = 0;
  return {
    run(solver, problems) {
      const place = path.join(folder, String(++count));
      mkdirSync(place);
      for (const [i, problem] of problems.entries()) writeProblem(path.join(place, String(i + 1)), problem);
      const words = ['--no-gui', '--norc', path.join(import.meta.dirname, 'peers/octave/complete.m'), authors, place, solver];
      const lines = execFileSync('octave-cli', words, { encoding: 'utf8', maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'ignore'] }).split(
        '\n',
      );
      return lines.filter((line) => line.startsWith('{')).map(outcomeOf);
    },
  };
}

function outcomeOf(line: string): OctaveOutcome {
  const { seconds, total = Number.NaN, smallest = Number.NaN, failed } = JSON.parse(line);
  if (failed !== undefined) console.error(`octave: ${failed}`);
  return { seconds: seconds ?? undefined, total, smallest };
}

/** Row by row, as the program reads it. */
function writeProblem(folder: string, { m, n, rank, truth, observed }: SolverProblem): void {
  if (observed === undefined) throw new Error('expected a problem of completion');
  mkdirSync(folder);
  const { rowPointers, columnIndices } = observed;
  const rows = new Int32Array(columnIndices.length);
  for (let i = 0; i < m; i++) rows.fill(i, rowPointers[i], rowPointers[i + 1]);
  const write = (name: string, values: Int32Array | Float64Array): void => {
    writeFileSync(path.join(folder, name), new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  };
  write('sizes', Int32Array.of(m, n, rank));
  write('rows', rows);
  write('columns', Int32Array.from(columnIndices));
  write('left', Float64Array.from(truth.left.data));
  write('right', Float64Array.from(truth.right.data));
}
