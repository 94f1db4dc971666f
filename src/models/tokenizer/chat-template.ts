/** Chat templates: Jinja programs that come with a checkpoint. */

import { BuresError, DomainError, FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { type Files, readAll } from '../../io/files/files.js';
import { decodeUtf8, isJsonObject, type JsonObject } from '../../io/parse-json.js';
import { renderBounded } from './jinja/bounded-interpreter.js';
import { type Program, parseTemplate } from './jinja/program.js';

/** Renders a conversation with the variables that a template sees. */
export type ChatTemplate = (variables: Readonly<Record<string, unknown>>) => string;

/** What a template is read with. */
export interface TemplateReading {
  readonly files: Files;
  /** The time that it is told; the clock's if undefined. */
  readonly now: Date | undefined;
  /** Source of a template that takes the place of the directory's. */
  readonly given?: string | undefined;
}

/**
 * Finds the chat template of a directory, unless one is given: `chat_template.jinja` or, failing that, `chat_template`
 * in tokenizer_config.json; if that lists several, the one named `default`.
 *
 * @returns the template, or undefined if there is none.
 * @throws FormatError if it cannot be parsed as Jinja.
 */
export async function readChatTemplate(
  caller: string,
  directory: string,
  config: JsonObject,
  { files, now, given }: TemplateReading,
): Promise<ChatTemplate | undefined> {
  if (given !== undefined) return compile(caller, 'the chat template that was given', given, now);
  const file = files.join(directory, 'chat_template.jinja');
  const found = await files.describe(file).catch(() => ({}));
  const bytes =
    found &&
    (await readAll(files, file).catch((cause: Error) => {
      throw new FormatError(`${caller}: cannot read ${file} (${cause.message}); check the file`, { cause });
    }));
  if (bytes !== undefined) return compile(caller, file, decodeUtf8(caller, file, bytes), now);
  const where = `chat_template in ${files.join(directory, 'tokenizer_config.json')}`;
  const source = defaultTemplate(config.chat_template);
  if (source === undefined || source === null) return undefined;
  if (typeof source === 'string') return compile(caller, where, source, now);
  throw new FormatError(`${caller}: ${where} must be a template or a list of them with one named 'default', got ${describeValue(source)}`);
}

/** Returns what is written by a template; undefined where it refuses the conversation, or a part of one. */
export function unlessRefused(write: () => string): string | undefined {
  try {
    return write();
  } catch (cause) {
    if (cause instanceof BuresError && cause.code === 'BURES_DOMAIN') return undefined;
    throw cause;
  }
}

function defaultTemplate(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const named: unknown = value.find((entry) => isJsonObject(entry) && entry.name === 'default');
  return isJsonObject(named) ? named.template : value;
}

/** Most characters of a template's source. Those of real checkpoints have some twenty thousand. */
const MOST_SOURCE = 2 ** 20;
/** Most steps of the lexer in runs of white space, which it searches for tags from each of their characters. */
const MOST_SPACE_STEPS = 2e8;

/**
 * Units of evaluation (some tenths of a microsecond each) that a template may spend: at once, per rendering and per
 * character of the conversation. Real templates spend up to three thousand, and one per character. What a rendering
 * does not need refills the units at once, so that one may be slow, but not each row of a data set.
 */
const UNITS = { atOnce: 1_000_000, aRendering: 20_000, aCharacter: 50 } as const;

function compile(caller: string, where: string, source: string, now: Date | undefined): ChatTemplate {
  checkSource(caller, where, source);
  let program: Program;
  try {
    program = parseTemplate(source);
  } catch (cause) {
    throw new FormatError(`${caller}: ${where} must be a Jinja template, got: ${parseProblem(cause)}; check the file`, { cause });
  }
  let left: number = UNITS.atOnce;
  return (variables) => {
    const characters = measure(variables, where);
    const budget = { units: left + UNITS.aRendering + UNITS.aCharacter * characters, mostSize: 2 ** 24 + 16 * characters };
    try {
      return renderBounded(program, variables, budget, now);
    } catch (cause) {
      const problem = renderProblem(cause);
      throw new DomainError(
        `applyChatTemplate: ${where} refuses the conversation: ${problem}; give the messages as it expects them, or take another template`,
        { cause },
      );
    } finally {
      left = Math.min(UNITS.atOnce, Math.max(0, budget.units));
    }
  };
}

/**
 * Returns true for errors of the engine, with which the library fails if a program breaks off or a value is of an
 * unexpected kind; its own are `Error` and `SyntaxError`.
 */
function isInternal(cause: unknown): boolean {
  return !(cause instanceof Error) || [TypeError, ReferenceError, RangeError].some((kind) => cause instanceof kind);
}

function isOverflow(cause: unknown): boolean {
  return cause instanceof RangeError && /call stack/.test(cause.message);
}

/** Quotes the words of the template or of the library. */
const quoted = (cause: unknown): string => JSON.stringify((cause as Error).message);

function parseProblem(cause: unknown): string {
  if (isOverflow(cause)) return 'brackets or blocks too deep in one another';
  return isInternal(cause) ? 'the template is malformed: a tag or an expression breaks off' : quoted(cause);
}

function renderProblem(cause: unknown): string {
  if (isOverflow(cause)) return 'it nests values or calls too deep';
  return isInternal(cause) ? 'the template is malformed: it uses a value in a way that its kind does not have' : quoted(cause);
}

/** @throws FormatError for a source whose reading alone would take too long. */
function checkSource(caller: string, where: string, source: string): void {
  if (source.length > MOST_SOURCE) {
    throw new FormatError(
      `${caller}: ${where} must be a template of at most ${MOST_SOURCE} characters, got ${source.length}; check the file`,
    );
  }
  let steps = 0;
  for (const { 0: run } of source.matchAll(/\s{64,}/g)) steps += run.length ** 2 / 2;
  if (steps <= MOST_SPACE_STEPS) return;
  throw new FormatError(`${caller}: ${where} must be a template without such long runs of white space; shorten them`);
}

/** Counts the characters of the variables. @throws DomainError if they nest deeper than the stack is. */
function measure(variables: Readonly<Record<string, unknown>>, where: string): number {
  try {
    return charactersOf(variables);
  } catch (cause) {
    throw new DomainError(`applyChatTemplate: ${where} cannot be given variables that nest so deep, or hold themselves; flatten them`, {
      cause,
    });
  }
}

/** Counts the characters in all texts of the variables, and one for any other value. */
function charactersOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 1;
  return Object.entries(value).reduce((sum, [key, inner]) => sum + key.length + charactersOf(inner), 1);
}
