/** Prompts of `bures generate`: a flag, the standard input, or a file of several. */
import { FormatError } from '../../core/errors.js';
import { WholeFloat } from '../../io/exact-numbers.js';
import { decodeUtf8, isJsonObject } from '../../io/parse-json.js';
import { readRecords } from '../../io/records/read-records.js';
import { formatOfName } from '../../io/records/record-files.js';
import { linesOf, readLines } from '../../io/text/read-lines.js';
import type { ChatMessage } from '../../models/index.js';
import { UsageError } from '../command.js';
import type { TerminalInput } from '../terminal.js';

/** A prompt: a text, or a conversation to be answered. */
export type Prompt = string | readonly ChatMessage[];

/** The prompts of a command, and whether it was given one or a file of them. */
export interface Prompts {
  readonly prompts: readonly Prompt[];
  readonly several: boolean;
}

/** Bytes of the longest prompt in a file. */
const MOST_BYTES = 2 ** 24;

/** What a command line says of prompts. */
export interface GivenPrompts {
  /** Texts of `--prompt`. */
  readonly prompt?: readonly string[] | undefined;
  /** File of `--prompts`. */
  readonly prompts?: string | undefined;
  /** True if prompts are messages. */
  readonly chat: boolean;
  readonly promptColumn?: string | undefined;
  readonly messagesColumn?: string | undefined;
}

/**
 * Reads the prompts of a command line: `--prompt`, or else `--prompts FILE` (`-` for the standard input), or else the
 * whole standard input, if it is no terminal. What is piped in is the prompt as it is, since a model may need its last
 * line end; of a message that line end is left out, as in a conversation.
 *
 * @throws UsageError if there is none, both flags are given, or columns are named without a file; FormatError for a
 * file that holds no prompts.
 */
export async function readPrompts(caller: string, given: GivenPrompts, input: TerminalInput | undefined): Promise<Prompts> {
  const { prompt, prompts: file, chat, promptColumn, messagesColumn } = given;
  if (prompt !== undefined && file !== undefined)
    throw new UsageError(`bures ${caller}: --prompt and --prompts are both given; give one of them`);
  checkColumns(caller, given);
  if (prompt !== undefined) return { prompts: prompt, several: prompt.length > 1 };
  if (file !== undefined && file !== '-')
    return { prompts: await promptsOfFile(caller, file, { promptColumn, messagesColumn }), several: true };
  if (input === undefined || input.isTTY === true)
    throw new UsageError(
      `bures ${caller}: the prompt is missing; add --prompt TEXT or --prompts FILE, or pipe it in: echo TEXT | bures ${caller} …`,
    );
  if (file === '-')
    return { prompts: await textsOf(caller, '-', linesOf(caller, 'the standard input', bytesOf(input), MOST_BYTES)), several: true };
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytesOf(input)) chunks.push(chunk);
  const piped = decodeUtf8(caller, 'the standard input', Buffer.concat(chunks));
  // An empty variable that is echoed is a line end.
  if (/^[\r\n]*$/.test(piped))
    throw new UsageError(`bures ${caller}: the standard input holds no prompt; pipe a text in, or add --prompt TEXT`);
  return { prompts: [chat ? piped.replace(/\r?\n$/, '') : piped], several: false };
}

/** The columns of the prompts, if they are named. */
type PromptColumns = Pick<GivenPrompts, 'promptColumn' | 'messagesColumn'>;

/** Requires a file with columns where one is named. */
function checkColumns(caller: string, { prompts: file, promptColumn, messagesColumn }: GivenPrompts): void {
  const flag = promptColumn !== undefined ? '--prompt-column' : messagesColumn !== undefined ? '--messages-column' : undefined;
  if (flag === undefined) return;
  if (promptColumn !== undefined && messagesColumn !== undefined)
    throw new UsageError(`bures ${caller}: --prompt-column and --messages-column are both given; give one of them`);
  if (file === undefined || file === '-' || formatOfName(file) === undefined)
    throw new UsageError(
      `bures ${caller}: ${flag} names a column of --prompts FILE, a file of records (.jsonl, .json, .csv, .tsv, .parquet), got ${file === undefined ? 'no --prompts' : file}; give such a file, or leave ${flag} out`,
    );
}

async function* bytesOf(input: TerminalInput): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of input) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

/** The prompts of a file: one a line, or by the column `prompt` or `messages` in a format of records. */
async function promptsOfFile(caller: string, file: string, columns: PromptColumns): Promise<readonly Prompt[]> {
  if (formatOfName(file) === undefined) return textsOf(caller, file, readLines(caller, file, MOST_BYTES));
  const prompts: Prompt[] = [];
  for await (const { value, where } of readRecords(caller, file, MOST_BYTES)) prompts.push(promptOf(caller, value, where, columns));
  return notEmpty(caller, file, prompts);
}

async function textsOf(caller: string, file: string, lines: AsyncIterable<{ readonly text: string }>): Promise<readonly string[]> {
  const prompts: string[] = [];
  for await (const { text } of lines) if (text !== '') prompts.push(text);
  return notEmpty(caller, file, prompts);
}

function notEmpty<One>(caller: string, file: string, prompts: readonly One[]): readonly One[] {
  if (prompts.length > 0) return prompts;
  throw new FormatError(`${caller}: ${file === '-' ? 'the standard input' : file} holds no prompt; write one on each line`);
}

function promptOf(caller: string, value: unknown, where: string, { promptColumn, messagesColumn }: PromptColumns): Prompt {
  const isNamed = promptColumn !== undefined || messagesColumn !== undefined;
  if (typeof value === 'string' && value !== '' && !isNamed) return value;
  const row = isJsonObject(value) ? value : {};
  const prompt = messagesColumn === undefined ? row[promptColumn ?? 'prompt'] : undefined;
  const messages = promptColumn === undefined ? row[messagesColumn ?? 'messages'] : undefined;
  if (typeof prompt === 'string' && prompt !== '') return prompt;
  // A column that was named is meant: a number in it is its text.
  if (promptColumn !== undefined && (typeof prompt === 'number' || prompt instanceof WholeFloat)) return String(prompt);
  if (Array.isArray(messages) && messages.length > 0 && messages.every((one) => isJsonObject(one) && typeof one.role === 'string')) {
    const turns = messages as readonly ChatMessage[];
    // The answer of a row that was made for training is what is asked for.
    return turns.length > 1 && turns[turns.length - 1].role === 'assistant' ? turns.slice(0, -1) : turns;
  }
  const expected = isNamed
    ? promptColumn === undefined
      ? `'${messagesColumn}', messages with roles`
      : `a text '${promptColumn}'`
    : "a text 'prompt', or 'messages' with roles";
  const columns = Object.keys(row).slice(0, 20);
  const there = columns.length === 0 ? '' : `; its columns are ${columns.map((name) => `'${name.slice(0, 40)}'`).join(', ')}`;
  throw new FormatError(
    `${caller}: ${where} must have ${expected}${there}; name the column with --prompt-column or --messages-column, mend the row, or write one prompt a line in a .txt file`,
  );
}
