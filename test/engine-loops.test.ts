/**
 * There is one loop over iterations, that of `iterate`, and no number stands for the end of a run. Both are read off
 * the sources, so that a second loop or an end mark has to be argued for here.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.join(import.meta.dirname, '..', 'src');
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file: file.replaceAll(path.sep, '/'), text: readFileSync(path.join(root, file), 'utf8') }));
/** The source without comments and text in quotes. */
const code = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').replace(/'[^'\n]*'|`(?:[^`\\]|\\.)*`/g, "''");

const withMatch = (files: typeof sources, pattern: RegExp): string[] =>
  files.filter(({ text }) => pattern.test(code(text))).map(({ file }) => file);

describe('the engine', () => {
  it('is the only place where steps of a solver are taken', () => {
    expect(withMatch(sources, /\b\w*[sS]olver\w*\.step\(/)).toEqual(['solvers/run.ts']);
    expect(withMatch(sources, /\brunSteps\(/)).toEqual(['solvers/iterate.ts', 'solvers/minimize.ts']);
  });

  it('has no rival: loops without an end, and loops that wait for each turn up to a limit, are known by name', () => {
    // `for (;;)`, `while (true)`, and `for (…; k < limit; …)` over a count whose name ends in iterations, sweeps, epochs or steps.
    const endless = /for \(\s*(?:let [^;]*)?;\s*;[^)]*\)|while \(true\)/;
    const counting = /for \([^)]*\b\w*(?:[iI]terations|[sS]weeps|[eE]pochs|[sS]teps)\b[^)]*;[^)]*\)/;
    const isLoop = (source: string): boolean => endless.test(source) || counting.test(source);
    const allowed: Readonly<Record<string, string>> = {
      'solvers/run.ts': 'the loop itself',
      'cli/commands/chat.ts': 'asks for the next message',
      'cli/run/outside-runs.ts': 'goes up from folder to folder',
      'cli/commands/generate.ts': 'takes pieces of a text until it ends',
      'solvers/iterate.ts': 'asks that loop for steps',
      'solvers/minimize.ts': 'asks that loop for steps',
      'solvers/svrg.ts': 'the small steps of an epoch, which is one step of the loop',
      'solvers/trust-regions/truncated-cg.ts': 'conjugate gradients within a step',
      'solvers/directions/lbfgs.ts': 'reads pairs out of a memory',
      'retractions/balance-by-matmul.ts': 'an iteration for a matrix function',
      'retractions/balance-by-newton.ts': 'an iteration for a matrix function',
      'metrics/stiefel-geodesics.ts': 'an iteration for a logarithm',
      'metrics/stiefel-shooting.ts': 'an iteration for a logarithm',
      'solvers/constraints/augmented-lagrangian.ts': 'goes from multipliers to multipliers; each is a run of minimize',
      'distributed/mpi-world.node.ts': 'asks whether an operation between processes is done',
      'problems/climb-ranks.ts': 'goes from rank to rank; each is a run of minimize',
      'io/text/split-lines.ts': 'reads a file',
      'io/files/files.ts': 'reads a file',
      'io/records/gunzip.web.ts': 'reads a file',
      'io/triplets/label-table.ts': 'probes a hash table',
      'io/files/checksums.node.ts': 'reads a file',
      'io/hub/hub-client.node.ts': 'tries a request again',
      'io/hub/download-blob.node.ts': 'tries a download again, and waits for a lock',
      'io/text/delimited-fields.ts': 'goes from field to field of a line',
      'core/event-loop.ts': 'goes from part to part of a computation',
      'core/random.ts': 'draws until a draw is accepted',
      'io/parse-json.ts': 'goes from quote to quote of a text',
      'diagnostics/lanczos.ts': 'an iteration for eigenvalues',
      'diagnostics/taylor.ts': 'goes through a list of step sizes',
      'linalg/host/kernels/householder.ts': 'goes from column to column',
      'linalg/block-krylov.ts': 'restarts a Krylov space until it holds the triples',
    };
    const found = sources.filter(({ text }) => isLoop(code(text))).map(({ file }) => file);
    expect(found.sort()).toEqual(Object.keys(allowed).sort());
    for (const rival of [
      'let k = 0; k < mostSweeps; k++',
      'let sweep = 0; biases && sweep < additiveSweeps; sweep++',
      'let k = 0; ; k++',
      ';;',
    ]) {
      expect(isLoop(`for (${rival}) {`), rival).toBe(true);
    }
  });

  it('marks no end with NaN: what is not known is left out', () => {
    // A NaN in a record or an assignment is a value that somebody will read. A ratio of NaN, which fails every comparison, marks a rejected trial.
    const marks = /\b(?:cost|loss|gradientNorm|stepSize|state|gradient)\s*[:=]\s*(?:Number\.)?NaN\b/;
    expect(withMatch(sources, marks)).toEqual([]);
  });
});
