import { BuresError, ConfigError, FormatError } from '../../core/errors.js';
import { checkNumber, choice, declareOptions, describeValue, flag, number, option } from '../../core/options.js';
import type { Files } from '../../io/files/files.js';
import { filesOption } from '../../io/files/files-option.js';
import { readRecords } from '../../io/records/read-records.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import type { TrainOn } from './chat-parts.js';
import { encodeRecord } from './encode-record.js';
import { checkColumns, parseRecord } from './parse-record.js';
import { ignoredLabel, type TokenRow } from './token-row.js';

/** Options of {@link readDataset}. */
export interface ReadDatasetOptions {
  /**
   * What carries labels. `answers`: completions and all turns of the assistant; `last-answer`: completions and the last
   * turn of the assistant in each conversation; `everything`: prompts and the other turns as well. A `text` is always
   * trained on as a whole, and a message of weight 0 never. Default: `'answers'`.
   */
  readonly trainOn?: TrainOn;
  /** If false, the same as `trainOn: 'everything'`. Default: true. */
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
  /** Most bytes of a line, of an entry of a JSON list, or of a row of a table. Default: 2²³. */
  readonly maxLineBytes?: number;
  /** Column of the prompts; then only prompts and completions are read. Default: `'prompt'`, where the keys tell it. */
  readonly promptColumn?: string;
  /** Column of the completions. Default: `'completion'`, where the keys tell it. */
  readonly completionColumn?: string;
  /** Column of the conversations, each a list of messages. Default: `'messages'`, where the keys tell it. */
  readonly messagesColumn?: string;
  /** Column of the texts. Default: `'text'`, where the keys tell it. */
  readonly textColumn?: string;
  /** Where the file lies. Default: `nodeFiles`, the files of this machine. */
  readonly files?: Files;
  /** Signal that stops the reading. Default: none. */
  readonly signal?: AbortSignal;
}

const readDatasetOptions = declareOptions<ReadDatasetOptions>()({
  trainOn: choice(['answers', 'last-answer', 'everything'], { optional: true }),
  maskPrompt: flag({ default: true }),
  appendEnd: flag({ default: true }),
  maxLength: option({ default: Number.POSITIVE_INFINITY }, (caller, name, value) => {
    if (value !== Number.POSITIVE_INFINITY) checkNumber(caller, name, value, { min: 2 });
  }),
  overflow: choice(['truncate', 'drop', 'error'], { default: 'truncate' }),
  maxLineBytes: number({ default: 2 ** 23, min: 2 }),
  promptColumn: option({ optional: true }, checkColumnName),
  completionColumn: option({ optional: true }, checkColumnName),
  messagesColumn: option({ optional: true }, checkColumnName),
  textColumn: option({ optional: true }, checkColumnName),
  files: filesOption,
  signal: option({ optional: true }),
});

/** Defaults of {@link readDataset}. */
export const readDatasetDefaults: Required<
  Omit<ReadDatasetOptions, 'signal' | 'trainOn' | 'promptColumn' | 'completionColumn' | 'messagesColumn' | 'textColumn'>
> = readDatasetOptions.defaults;

/** A data set as tokens. */
export interface Dataset {
  /** One row per record, in the order of the file. */
  readonly rows: readonly TokenRow[];
  /** Number of rows whose end was cut off. */
  readonly truncated: number;
  /**
   * Number of records that gave no row: too long, if those are dropped, or without a label that counts (cut off with
   * the answer, or empty).
   */
  readonly dropped: number;
  /**
   * Number of the dropped records whose prompt has `maxLength` tokens or more, so that nothing of the answer is left.
   */
  readonly promptsTooLong: number;
  /**
   * Number of rows that are trained on the last answer only, since the chat template changes earlier turns of a
   * conversation when others follow, or ends the request for an answer with words that the conversation lacks.
   */
  readonly lastAnswerOnly: number;
}

/**
 * Reads a data set from a file of JSON lines, a JSON list, CSV or TSV with a header, or Parquet, each also compressed
 * by gzip. A record is one of the following by its keys, or by the columns that are named; other keys and empty lines
 * are ignored:
 *
 * - `{"text"}`;
 * - `{"prompt", "completion"}`;
 * - `{"messages": [{"role", "content"}, …]}`;
 * - Alpaca's `{"instruction", "input", "output"}`, whose prompt is Alpaca's template, with or without an input;
 * - ShareGPT's `{"conversations": [{"from", "value"}, …]}` with turns from `system`, `human` (or `user`) and `gpt` (or
 *   `assistant`).
 *
 * Contents of messages are texts or lists of text parts, which are joined. `"weight": 0` on a message leaves it out of
 * the training. A row's `tools`, `documents` and `chat_template_kwargs` go to the chat template, which writes the
 * conversation. A prompt with its completion gets the special tokens that the tokenizer puts around texts.
 *
 * The tokens of a row are those of its whole text. Only where a token would span the beginning of an answer is the text
 * cut there, so that the answer has the same tokens before it as in generation: see {@link Tokenizer.encodeParts}.
 *
 * @param file - the path. Its name tells CSV (`.csv`) and TSV (`.tsv`); its first bytes tell the others.
 * @param tokenizer - the model's.
 * @param options - see {@link ReadDatasetOptions}.
 * @returns all rows. Cost: one encoding per record, and eight bytes per token; the file is never in memory as a whole,
 * of Parquet a row group is.
 * @throws FormatError, naming file and line (or row), if the file cannot be read or is empty, or a record is no UTF-8,
 * too long, malformed, none of the forms, or lacks a column that is named, or, with `overflow: 'error'`, a row is too
 * long; ConfigError if columns of different forms are named, or end tokens are wanted and the tokenizer has none. Then
 * no rows are returned, not even a part of them.
 */
export async function readDataset(file: string, tokenizer: Tokenizer, options: ReadDatasetOptions = {}): Promise<Dataset> {
  const caller = 'readDataset';
  const settings = checkOptions(caller, tokenizer, options);
  const rows: TokenRow[] = [];
  let [records, truncated, dropped, promptsTooLong, lastAnswerOnly] = [0, 0, 0, 0, 0];
  for await (const source of readRecords(caller, file, settings.maxLineBytes, settings.files)) {
    settings.signal?.throwIfAborted();
    records += 1;
    const record = parseRecord(caller, source, settings);
    const { row, lastOnly } = inLine(caller, source.where, () => encodeRecord(tokenizer, record, settings));
    const isTooLong = row.inputIds.length > settings.maxLength;
    if (isTooLong && settings.overflow === 'error') {
      throw new FormatError(
        `${caller}: ${source.where}: expected at most ${settings.maxLength} tokens, got ${row.inputIds.length}; shorten it, or pass overflow: 'truncate' or 'drop'`,
      );
    }
    const kept = isTooLong ? cut(row, settings.overflow === 'drop' ? 0 : settings.maxLength) : row;
    if (!hasTarget(kept)) {
      dropped += 1;
      if (isTooLong && settings.overflow !== 'drop' && hasTarget(row)) promptsTooLong += 1;
    } else {
      rows.push(kept);
      if (lastOnly) lastAnswerOnly += 1;
      truncated += isTooLong ? 1 : 0;
    }
  }
  if (records === 0) throw new FormatError(`${caller}: ${file} must hold a record at least, got an empty file; check the path`);
  return { rows, truncated, dropped, promptsTooLong, lastAnswerOnly };
}

function checkOptions(caller: string, tokenizer: Tokenizer, options: ReadDatasetOptions) {
  const { maskPrompt, trainOn, ...settings } = readDatasetOptions.read(caller, options);
  checkColumns(caller, settings);
  if (!maskPrompt && trainOn !== undefined && trainOn !== 'everything') {
    throw new ConfigError(`${caller}: maskPrompt: false trains on prompts as well, and trainOn: '${trainOn}' does not; pass trainOn alone`);
  }
  if (settings.appendEnd && tokenizer.specials.eos === undefined) {
    throw new ConfigError(
      `${caller}: expected a tokenizer with an eos_token, got one without; add it to tokenizer_config.json, or pass appendEnd: false`,
    );
  }
  return { ...settings, trainOn: trainOn ?? (maskPrompt ? ('answers' as const) : ('everything' as const)) };
}

/** Requires the name of a column. */
function checkColumnName(caller: string, name: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') return;
  throw new ConfigError(`${caller}: ${name} must be the name of a column, got ${describeValue(value)}; pass it`);
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
