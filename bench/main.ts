/**
 * Speed of the host engine, with and without BLAS, beside NumPy and PyTorch in float64, in one run.
 *
 *     npm run bench -- [--rounds 15] [--only TEXT] [--json FILE]
 *
 * BURES_PEER_PYTHON names a Python with NumPy, and PyTorch if wanted; without it only our own times are printed. Let
 * nothing else run meanwhile.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { blasStatus } from '../src/linalg/host/blas/blas-library.js';
import { type HostAlgebra, type HostArray, hostAlgebra } from '../src/linalg/host/host-algebra.js';
import { type BenchCase, benchCases, type ProjectionErrors, projectionErrors } from './cases.js';
import { SLEEPING_THREADS } from './line-process.js';
import { type Contestant, measure, timeHere } from './measure.js';
import { readOptions } from './options.js';
import { PeerProcess } from './peer-process.js';
import { accuracyTable, type CaseResult, ENGINE_NAMES, machineLines, timingTable, verdictLines, verdicts } from './report.js';

const options = readOptions(
  'npm run bench',
  {
    before: 'Speed of the host engine beside NumPy and PyTorch, in one run.',
    after: 'BURES_PEER_PYTHON names a Python with NumPy, and PyTorch if wanted; without it only our own times are measured.',
  },
  {
    rounds: { value: 'N', help: 'measurements of each contestant (default 15)', fallback: '15' },
    only: { value: 'TEXT', help: 'cases whose name contains TEXT', fallback: '' },
    json: { value: 'FILE', help: 'write the times there too', fallback: '' },
  },
);

// Read by OpenBLAS when it is loaded, which is when the first engine is made.
Object.assign(process.env, SLEEPING_THREADS);

const peer = PeerProcess.start();
const folder = await mkdtemp(path.join(tmpdir(), 'bures-bench-'));
try {
  await main();
} finally {
  peer?.stop();
  await rm(folder, { recursive: true });
}

async function main(): Promise<void> {
  const status = blasStatus();
  const engines = new Map<string, HostAlgebra>();
  if (status.available) engines.set(ENGINE_NAMES.blas, hostAlgebra());
  engines.set(ENGINE_NAMES.typescript, hostAlgebra({ blas: 'off' }));
  const libraries = (await peer?.about()) ?? {};
  print(machineLines(status, libraries));

  const results: CaseResult[] = [];
  for (const benchCase of benchCases(hostAlgebra())) {
    if (!benchCase.name.includes(options.only)) continue;
    results.push(await compare(benchCase, engines));
  }
  const reached = verdicts(results);
  print(timingTable(results, Object.keys(libraries)));
  print([
    peer === undefined
      ? 'No peers: set BURES_PEER_PYTHON to a Python with NumPy, and PyTorch if wanted, to measure them in the same run.'
      : 'A ratio above 1 means that we are faster: the median over the rounds of the ratio within a round.',
  ]);
  if (results.some(({ errors }) => errors.size > 0)) print(accuracyTable(results));
  print(verdictLines(reached));
  if (options.json !== '') await writeJson(options.json, machineLines(status, libraries), results, reached);
}

async function compare(benchCase: BenchCase, engines: ReadonlyMap<string, HostAlgebra>): Promise<CaseResult> {
  const contestants: Contestant[] = [...engines].map(([name, la]) => ({ name, time: timeHere(() => benchCase.compute(la)) }));
  const errors = new Map<string, ProjectionErrors>();
  const reference = hostAlgebra();
  if (benchCase.kind === 'projection') {
    for (const [name, la] of engines) errors.set(name, projectionErrors(reference, benchCase.inputs, benchCase.compute(la)));
  }
  if (peer !== undefined) {
    const files = await Promise.all(benchCase.inputs.map(writeInput));
    for (const library of await peer.prepare(benchCase.name, benchCase.kind, files)) {
      contestants.push({ name: library, time: (repeat) => peer.run(benchCase.name, library, repeat) });
      if (benchCase.kind === 'projection') {
        const theirs = await peerResults(peer, benchCase, library);
        errors.set(library, projectionErrors(reference, benchCase.inputs, theirs));
      }
    }
  }
  return { benchCase, timings: await measure(contestants, Number(options.rounds)), errors };
}

async function writeInput(input: HostArray, index: number): Promise<{ file: string; shape: readonly number[] }> {
  const file = path.join(folder, `input-${index}`);
  await writeFile(file, hostAlgebra().toArray(input));
  return { file, shape: input.shape };
}

/** A projection's factors, which have the shapes of its inputs. */
async function peerResults(from: PeerProcess, { name, inputs }: BenchCase, library: string): Promise<readonly HostArray[]> {
  const files = inputs.map((_, index) => path.join(folder, `result-${index}`));
  await from.results(name, library, files);
  return Promise.all(
    files.map(async (file, index) => {
      const bytes = await readFile(file);
      return hostAlgebra().fromArray(new Float64Array(new Uint8Array(bytes).buffer), inputs[index].shape);
    }),
  );
}

async function writeJson(file: string, machine: readonly string[], results: readonly CaseResult[], reached: unknown): Promise<void> {
  const cases = results.map(({ benchCase, timings, errors }) => ({
    name: benchCase.name,
    seconds: Object.fromEntries(timings),
    errors: Object.fromEntries(errors),
  }));
  await writeFile(file, `${JSON.stringify({ machine, cases, goals: reached }, undefined, 2)}\n`);
}

function print(lines: readonly string[]): void {
  console.log(`${lines.join('\n')}\n`);
}
