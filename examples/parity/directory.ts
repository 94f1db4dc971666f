/** Finding the golden files in a directory, and running what they hold. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { BuresError, ConfigError } from 'bures';
import type { ParityFormat, ParityLine, ParityRuns } from './format.js';
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
 * @throws ConfigError if the directory cannot be read or holds no file of a known format; FormatError, naming file and key, if one is
 * malformed.
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

const usage = 'usage: npm run parity -- DIR';

const help = `${usage}

Repeats the golden runs in the JSON files of a directory, and compares. Standard output: one line of JSON a run, with the largest relative
deviations of losses and products. Exit status: 0 if all runs pass, 1 if one fails, 2 on misuse.`;

/**
 * `npm run parity -- DIR`.
 *
 * @returns the exit status: 0 if all runs pass (or help was asked for), 1 if one fails, 2 on misuse.
 */
export async function parityMain(argv: readonly string[], streams: ParityStreams): Promise<0 | 1 | 2> {
  const [directory] = argv;
  if (argv.includes('--help') || argv.includes('-h')) {
    streams.line(help);
    return 0;
  }
  if (directory === undefined || argv.length > 1 || directory.startsWith('-')) {
    streams.note(`parity: expected one directory, got ${argv.length === 0 ? 'nothing' : argv.join(' ')}; ${usage}`);
    return 2;
  }
  try {
    const { runs, skipped, formats } = readDirectory(directory);
    for (const file of skipped) streams.note(`parity: ${file}: skipped, of no known format`);
    const results: ParityLine[] = [];
    for (const run of runs) {
      const result = await run();
      streams.line(JSON.stringify(result));
      results.push(result);
    }
    const passed = results.filter(({ pass }) => pass).length;
    const rules = formats.map(({ name, tolerance }) => `${name}: ${tolerance}`).join('; ');
    streams.note(`parity: ${passed} of ${results.length} runs within tolerance (${rules})`);
    return passed === results.length ? 0 : 1;
  } catch (error) {
    if (!(error instanceof BuresError)) throw error;
    streams.note(error.message);
    return 2;
  }
}
