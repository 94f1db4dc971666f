import { BuresError, ConfigError, FormatError } from '../../core/errors.js';
import { checkNumber, choice, declareOptions, flag, number, option } from '../../core/options.js';
import { readLines } from '../../io/text/read-lines.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { encodeRecord } from './encode-record.js';
import { parseRecord } from './parse-record.js';
import { ignoredLabel, type TokenRow } from './token-row.js';

/** Options of {@link readDataset}. */
export interface ReadDatasetOptions {
  /**
   * If true, prompts and all turns of a conversation but the assistant's carry no labels; `text` is always trained on
   * as a whole. Default: true.
   */
  readonly maskPrompt?: boolean;
  /**
   * If true, rows end with the tokenizer's end token, so that the model learns to stop. A conversation whose template
   * ends the last turn with such a token keeps its own. Default: true.
   */
  readonly appendEnd?: boolean;
  /** Most tokens of a row. Default: unlimited. */
  readonly maxLength?: number;
  /**
   * Treatment of longer rows: cut off the end (no end token: the text goes on), drop or throw. Default: `'truncate'`.
   */
  readonly overflow?: 'truncate' | 'drop' | 'error';
  /** Most bytes of a line. Default: 2²³. */
  readonly maxLineBytes?: number;
  /** Signal that stops the reading. Default: none. */
  readonly signal?: AbortSignal;
}

const readDatasetOptions = declareOptions<ReadDatasetOptions>()({
  maskPrompt: flag({ default: true }),
  appendEnd: flag({ default: true }),
  maxLength: option({ default: Number.POSITIVE_INFINITY }, (caller, name, value) => {
    if (value !== Number.POSITIVE_INFINITY) checkNumber(caller, name, value, { min: 2 });
  }),
  overflow: choice(['truncate', 'drop', 'error'], { default: 'truncate' }),
  maxLineBytes: number({ default: 2 ** 23, min: 2 }),
  signal: option({ optional: true }),
});

/** Defaults of {@link readDataset}. */
export const readDatasetDefaults: Required<Omit<ReadDatasetOptions, 'signal'>> = readDatasetOptions.defaults;

/** A data set as tokens. */
export interface Dataset {
  /** One row per line, in the order of the file. */
  readonly rows: readonly TokenRow[];
  /** Number of rows whose end was cut off. */
  readonly truncated: number;
  /**
   * Number of lines that gave no row: too long, if those are dropped, or without a label that counts (cut off with the
   * answer, or empty).
   */
  readonly dropped: number;
}

/**
 * Reads a file of JSON lines: each `{"text"}`, `{"prompt", "completion"}` or `{"messages": [{"role", "content"}, …]}`;
 * other keys and empty lines are ignored. A prompt gets the special tokens that the tokenizer puts around texts, a
 * completion only the end token; a conversation is written by the chat template.
 *
 * @param file - the path.
 * @param tokenizer - the model's.
 * @param options - see {@link ReadDatasetOptions}.
 * @returns all rows. Cost: one encoding per line, and eight bytes per token; the file is never in memory as a whole.
 * @throws FormatError, naming file and line, if the file cannot be read or is empty, or a line is no UTF-8, too long,
 * no JSON, none of the three forms, or, with `overflow: 'error'`, a row is too long; ConfigError if end tokens are
 * wanted and the tokenizer has none. Then no rows are returned, not even a part of them.
 */
export async function readDataset(file: string, tokenizer: Tokenizer, options: ReadDatasetOptions = {}): Promise<Dataset> {
  const caller = 'readDataset';
  const settings = checkOptions(caller, tokenizer, options);
  const rows: TokenRow[] = [];
  let [lines, truncated, dropped] = [0, 0, 0];
  for await (const line of readLines(caller, file, settings.maxLineBytes)) {
    settings.signal?.throwIfAborted();
    if (line.text.trim() === '') continue;
    lines += 1;
    const record = parseRecord(caller, line);
    const row = inLine(caller, line.where, () => encodeRecord(tokenizer, record, settings));
    const isTooLong = row.inputIds.length > settings.maxLength;
    if (isTooLong && settings.overflow === 'error') {
      throw new FormatError(
        `${caller}: ${line.where}: expected at most ${settings.maxLength} tokens, got ${row.inputIds.length}; shorten it, or pass overflow: 'truncate' or 'drop'`,
      );
    }
    const kept = isTooLong ? cut(row, settings.overflow === 'drop' ? 0 : settings.maxLength) : row;
    if (!hasTarget(kept)) dropped += 1;
    else {
      rows.push(kept);
      truncated += isTooLong ? 1 : 0;
    }
  }
  if (lines === 0) throw new FormatError(`${caller}: ${file} must hold a line of JSON at least, got an empty file; check the path`);
  return { rows, truncated, dropped };
}

function checkOptions(caller: string, tokenizer: Tokenizer, options: ReadDatasetOptions) {
  const settings = readDatasetOptions.read(caller, options);
  if (settings.appendEnd && tokenizer.specials.eos === undefined) {
    throw new ConfigError(
      `${caller}: expected a tokenizer with an eos_token, got one without; add it to tokenizer_config.json, or pass appendEnd: false`,
    );
  }
  return settings;
}

/** Adds file and line to an error of the encoding. */
function inLine<T>(caller: string, where: string, encode: () => T): T {
  try {
    return encode();
  } catch (cause) {
    if (!(cause instanceof FormatError || (cause instanceof BuresError && cause.code === 'BURES_DOMAIN'))) throw cause;
    throw new FormatError(`${caller}: ${where}: ${cause.message}`, { cause });
  }
}

function cut({ inputIds, labels }: TokenRow, length: number): TokenRow {
  return { inputIds: inputIds.slice(0, length), labels: labels.slice(0, length) };
}

/** Returns true if any label counts; the first never does, since nothing comes before it. */
function hasTarget({ labels }: TokenRow): boolean {
  return labels.some((label, position) => position > 0 && label !== ignoredLabel);
}
