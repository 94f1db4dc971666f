/** Finding the golden files in a directory, and running what they hold. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { BuresError, ConfigError } from 'bures';
import { type LoadCausalLMOptions, loadCausalLM } from 'bures/models';
import { type BackendRequest, tensorAlgebra } from 'bures/tensor';
import { type CheckpointLine, checkDirectory, checkpointTolerances, isCheckpointDirectory } from './checkpoint-directory.js';
import type { ParityFormat, ParityRuns } from './format.js';
import { parityFormats } from './formats.js';
import { parseJson } from './reader.js';

/** What a directory holds. */
export interface GoldenDirectory {
  /** Every run of every file of a known format, by file name. */
  readonly runs: ParityRuns;
  /** JSON files of no known format. */
  readonly skipped: readonly string[];
  /** The formats found. */
  readonly formats: readonly ParityFormat[];
}

/**
 * Reads and checks every golden file in a directory (not in those below it) before anything runs.
 *
 * @throws ConfigError if the directory cannot be read or holds no file of a known format; FormatError, naming file and
 * key, if one is malformed.
 */
export function readDirectory(directory: string): GoldenDirectory {
  const files = listJson(directory);
  const skipped: string[] = [];
  const formats = new Set<ParityFormat>();
  const runs = files.flatMap((file) => {
    const content = parseJson(file, readText(path.join(directory, file)));
    const format = parityFormats.find(({ recognizes }) => recognizes(content));
    if (format === undefined) skipped.push(file);
    else formats.add(format);
    return format?.read(file, content) ?? [];
  });
  if (runs.length === 0) {
    const names = parityFormats.map(({ name }) => name).join(', ');
    throw new ConfigError(
      `parity: ${directory} holds no file of a known format (${names}), among ${files.length} JSON files; pass the folder of the golden files itself`,
    );
  }
  return { runs, skipped, formats: [...formats] };
}

function listJson(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && entry.name.endsWith('.json'))
      .map(({ name }) => name)
      .sort();
  } catch (cause) {
    throw new ConfigError(`parity: expected a directory, but ${directory} cannot be read (${(cause as Error).message}); check the path`, {
      cause,
    });
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ConfigError(`parity: expected a readable file, but ${(cause as Error).message}; check its permissions`, { cause });
  }
}

/** Where the command line writes, so that tests can read along. */
export interface ParityStreams {
  /** One line of results. */
  line(text: string): void;
  /** One line for the person watching. */
  note(text: string): void;
}

const usage = 'usage: npm run parity -- DIR [--backend NAME] [--weights f32|keep]';

const help = `${usage}

Repeats the golden runs in a directory, and compares. Standard output: one line of JSON a check, with the largest deviations. Exit status: 0 if all pass, 1 if one fails, 2 on misuse.

A directory with JSON files of the synthetic experiment runs in float64 on the host. One with a language model in base/, logits.json, batches.json and a folder a training run is
computed on a backend of TensorFlow.js: --backend tensorflow, webgpu, wasm or cpu; the fastest there is, if left out. With --weights keep, on wasm, the frozen weights stay in the
number format of the file.`;

/**
 * `npm run parity -- DIR [--backend NAME] [--weights f32|keep]`.
 *
 * @returns the exit status: 0 if all checks pass (or help was asked for), 1 if one fails, 2 on misuse.
 */
export async function parityMain(argv: readonly string[], streams: ParityStreams): Promise<0 | 1 | 2> {
  const asked = readArguments(argv);
  if (asked === 'help') {
    streams.line(help);
    return 0;
  }
  if (asked === undefined) {
    streams.note(`parity: expected one directory, got ${argv.length === 0 ? 'nothing' : argv.join(' ')}; ${usage}`);
    return 2;
  }
  try {
    return isCheckpointDirectory(asked.directory) ? await checkModel(asked, streams) : await checkFiles(asked.directory, streams);
  } catch (error) {
    if (!(error instanceof BuresError)) throw error;
    streams.note(error.message);
    return 2;
  }
}

/** What the command line asks for. */
interface Asked {
  readonly directory: string;
  readonly backend: BackendRequest;
  readonly weights: LoadCausalLMOptions['weights'] | undefined;
}

function readArguments(argv: readonly string[]): Asked | 'help' | undefined {
  try {
    const options = { help: { type: 'boolean', short: 'h' }, backend: { type: 'string' }, weights: { type: 'string' } } as const;
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
    if (values.help === true) return 'help';
    const [directory, ...more] = positionals;
    if (directory === undefined || more.length > 0) return undefined;
    // Whether there is such a backend, or such a way to keep weights, is for the library to say. Weights are kept
    // beside the heap of one backend only.
    const usual = values.weights === 'keep' ? 'wasm' : 'auto';
    const [backend, weights] = [values.backend ?? usual, values.weights] as [BackendRequest, LoadCausalLMOptions['weights']];
    return { directory, backend, weights };
  } catch {
    return undefined;
  }
}

/** The JSON files of a directory, each with runs of its own. */
async function checkFiles(directory: string, streams: ParityStreams): Promise<0 | 1> {
  const { runs, skipped, formats } = readDirectory(directory);
  for (const file of skipped) streams.note(`parity: ${file}: skipped, of no known format`);
  const passed: boolean[] = [];
  for (const run of runs) {
    const result = await run();
    streams.line(JSON.stringify(result));
    passed.push(result.pass);
  }
  return summarize(passed, 'runs', formats.map(({ name, tolerance }) => `${name}: ${tolerance}`).join('; '), streams);
}

/** A language model with runs of its adapters. */
async function checkModel({ directory, backend, weights }: Asked, streams: ParityStreams): Promise<0 | 1> {
  const algebra = await tensorAlgebra({ backend });
  streams.note(`parity: on ${algebra.name}`);
  const model = await loadCausalLM(path.join(directory, 'base'), { algebra, ...(weights === undefined ? {} : { weights }) });
  const lines: CheckpointLine[] = [];
  try {
    for await (const line of checkDirectory(directory, { model, note: (text) => streams.note(text) })) {
      streams.line(JSON.stringify(line));
      lines.push(line);
    }
  } finally {
    model.dispose();
  }
  const { logits, losses, lastLoss } = checkpointTolerances;
  const rules =
    `logits to ${logits}, losses to ${losses}; where the signs of singular vectors matter, ` +
    `losses up to the first projection to ${losses} and the last to ${100 * lastLoss} %`;
  return summarize(
    lines.map(({ pass }) => pass),
    'checks',
    rules,
    streams,
  );
}

function summarize(passed: readonly boolean[], what: string, rules: string, streams: ParityStreams): 0 | 1 {
  const count = passed.filter((pass) => pass).length;
  streams.note(`parity: ${count} of ${passed.length} ${what} within tolerance (${rules})`);
  return count === passed.length ? 0 : 1;
}
