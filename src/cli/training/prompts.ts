/** Prompts of `bures generate`: a flag, the standard input, or a file of several. */
import { FormatError } from '../../core/errors.js';
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

/**
 * Reads the prompts of a command line: `--prompt`, or else `--prompts FILE` (`-` for the standard input), or else the
 * whole standard input, if it is no terminal.
 *
 * @throws UsageError if there is none, or both flags are given; FormatError for a file that holds no prompts.
 */
export async function readPrompts(
  caller: string,
  given: { readonly prompt?: string | undefined; readonly prompts?: string | undefined },
  input: TerminalInput | undefined,
): Promise<Prompts> {
  const { prompt, prompts: file } = given;
  if (prompt !== undefined && file !== undefined)
    throw new UsageError(`bures ${caller}: --prompt and --prompts are both given; give one of them`);
  if (prompt !== undefined) return { prompts: [prompt], several: false };
  if (file !== undefined && file !== '-') return { prompts: await promptsOfFile(caller, file), several: true };
  if (input === undefined || input.isTTY === true)
    throw new UsageError(
      `bures ${caller}: the prompt is missing; add --prompt TEXT or --prompts FILE, or pipe it in: echo TEXT | bures ${caller} …`,
    );
  if (file === '-')
    return { prompts: await textsOf(caller, '-', linesOf(caller, 'the standard input', bytesOf(input), MOST_BYTES)), several: true };
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytesOf(input)) chunks.push(chunk);
  // What a shell pipes in ends with a line end, which is not meant.
  const text = decodeUtf8(caller, 'the standard input', Buffer.concat(chunks)).replace(/\r?\n$/, '');
  if (text === '') throw new UsageError(`bures ${caller}: the standard input holds no prompt; pipe a text in, or add --prompt TEXT`);
  return { prompts: [text], several: false };
}

async function* bytesOf(input: TerminalInput): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of input) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

/** The prompts of a file: one a line, or by the column `prompt` or `messages` in a format of records. */
async function promptsOfFile(caller: string, file: string): Promise<readonly Prompt[]> {
  if (formatOfName(file) === undefined) return textsOf(caller, file, readLines(caller, file, MOST_BYTES));
  const prompts: Prompt[] = [];
  for await (const { value, where } of readRecords(caller, file, MOST_BYTES)) prompts.push(promptOf(caller, value, where));
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

function promptOf(caller: string, value: unknown, where: string): Prompt {
  if (typeof value === 'string' && value !== '') return value;
  const { prompt, messages } = isJsonObject(value) ? value : {};
  if (typeof prompt === 'string' && prompt !== '') return prompt;
  if (Array.isArray(messages) && messages.length > 0 && messages.every((one) => isJsonObject(one) && typeof one.role === 'string')) {
    const turns = messages as readonly ChatMessage[];
    // The answer of a row that was made for training is what is asked for.
    return turns.length > 1 && turns[turns.length - 1].role === 'assistant' ? turns.slice(0, -1) : turns;
  }
  throw new FormatError(
    `${caller}: ${where} must have a text 'prompt', or 'messages' with roles; mend the row, or write one prompt a line in a .txt file`,
  );
}
