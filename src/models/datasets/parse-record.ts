import { ConfigError, FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { WholeFloat } from '../../io/exact-numbers.js';
import { isJsonObject, type JsonObject } from '../../io/parse-json.js';
import type { SourceRecord } from '../../io/records/record-files.js';
import type { ChatMessage } from '../tokenizer/tokenizer.js';
import { alpacaPrompt } from './known-shapes.js';
import { type Fail, isAbsent, readMessages, readVariables, readWeights } from './read-messages.js';

/** Content of a record, in one of three forms. */
export type DataRecord =
  | { readonly form: 'text'; readonly text: string }
  | { readonly form: 'completion'; readonly prompt: string; readonly completion: string }
  | Conversation;

/** A conversation with what its row says beside the messages. */
export interface Conversation {
  readonly form: 'messages';
  readonly messages: readonly ChatMessage[];
  /** Variables for the chat template, such as the row's tools. */
  readonly variables: JsonObject;
  /** Whether each message may be trained on. */
  readonly weights: readonly boolean[];
  /** Number of messages at the beginning that are the prompt of the others; 0 where the roles tell it. */
  readonly promptMessages: number;
}

/** Names of the columns, where they are not to be told by the keys. */
export interface ColumnNames {
  readonly promptColumn?: string;
  readonly completionColumn?: string;
  readonly messagesColumn?: string;
  readonly textColumn?: string;
}

/** The forms by their keys, and how messages name them. */
const forms = [
  { name: 'text', keys: ['text'], needs: ['text'] },
  { name: 'completion', keys: ['prompt', 'completion'], needs: ['prompt', 'completion'] },
  { name: 'messages', keys: ['messages'], needs: ['messages'] },
  { name: 'alpaca', keys: ['instruction', 'output'], needs: ['instruction', 'output'] },
  { name: 'sharegpt', keys: ['conversations'], needs: ['conversations'] },
] as const;

/** Number and length of the names that a message shows. */
const [mostNames, longestName] = [20, 40];

/** Requires that the named columns make one form. @throws ConfigError otherwise. */
export function checkColumns(caller: string, { promptColumn, completionColumn, messagesColumn, textColumn }: ColumnNames): void {
  const named = [
    (promptColumn ?? completionColumn) ? 'promptColumn and completionColumn' : undefined,
    messagesColumn === undefined ? undefined : 'messagesColumn',
    textColumn === undefined ? undefined : 'textColumn',
  ].filter((one) => one !== undefined);
  if (named.length < 2) return;
  throw new ConfigError(
    `${caller}: expected columns of one form, got ${named.join(' and ')}; name prompts and completions, or conversations, or texts`,
  );
}

/**
 * Parses a record of a data set. Keys that belong to no form are ignored.
 *
 * @throws FormatError naming file and record if it is no object, lacks a key or a named column, has keys of two forms,
 * or a value of another type.
 */
export function parseRecord(caller: string, { value: record, where }: SourceRecord, columns: ColumnNames = {}): DataRecord {
  const fail = (problem: string, remedy: string): never => {
    throw new FormatError(`${caller}: ${where}: ${problem}; ${remedy}`);
  };
  if (!isJsonObject(record)) return fail(`expected a JSON object, got ${describeValue(record)}`, known);
  const { promptColumn, completionColumn, messagesColumn, textColumn } = columns;
  const cell = (column: string, option: keyof ColumnNames): unknown => {
    if (Object.hasOwn(record, column)) return record[column];
    return fail(
      `has no column ${describeValue(column)}; its columns are ${namesOf(Object.keys(record))}`,
      `name the right one: ${option}, as a flag --${option.replace('Column', '-column')}`,
    );
  };
  // A column that was named is meant: a number in it is its text.
  const text = (column: string, option: keyof ColumnNames): string => {
    const value = cell(column, option);
    if (typeof value === 'number' && !Number.isFinite(value))
      return fail(`'${column}' is a number beyond the range of numbers`, 'write it as a text, in quotes');
    const isPlain = ['number', 'boolean', 'bigint'].includes(typeof value) || value instanceof WholeFloat;
    return isPlain ? String(value) : string(value, column, fail);
  };
  if (textColumn !== undefined) return { form: 'text', text: text(textColumn, 'textColumn') };
  if (messagesColumn !== undefined) return conversation(record, cell(messagesColumn, 'messagesColumn'), messagesColumn, fail);
  if (promptColumn !== undefined || completionColumn !== undefined)
    return {
      form: 'completion',
      prompt: text(promptColumn ?? 'prompt', 'promptColumn'),
      completion: text(completionColumn ?? 'completion', 'completionColumn'),
    };
  return byKeys(record, fail);
}

const known = 'write {"text"}, {"prompt", "completion"} or {"messages"}';

/** Parses a record whose keys tell its form. */
function byKeys(record: JsonObject, fail: Fail): DataRecord {
  // Tables have every column in every row, null where there is nothing.
  const isThere = (key: string): boolean => Object.hasOwn(record, key) && !isAbsent(record[key]);
  const has = forms.some(({ keys }) => keys.some(isThere)) ? isThere : (key: string): boolean => Object.hasOwn(record, key);
  let found = forms.filter(({ keys }) => keys.some(has));
  // Alpaca's own file has the whole text beside its parts.
  if (found.length === 2 && found.some(({ name }) => name === 'alpaca')) found = found.filter(({ name }) => name !== 'text');
  if (found.length !== 1) {
    const names = namesOf(found.length === 0 ? Object.keys(record) : found.flatMap(({ keys }) => keys.filter(has)));
    return fail(
      `expected the keys of one form, got ${names || 'an object without keys'}`,
      `${known} (or {"instruction", "output"} or {"conversations"}), or name the columns: --prompt-column and --completion-column, --messages-column, or --text-column (promptColumn … of the function)`,
    );
  }
  const [{ name, needs }] = found;
  const missing = needs.find((key) => !Object.hasOwn(record, key));
  if (missing !== undefined) return fail(`expected the key '${missing}', got none`, known);
  const value = (key: string): string => string(record[key], key, fail);
  if (name === 'text') return { form: 'text', text: value('text') };
  if (name === 'completion') {
    if (Array.isArray(record.prompt) && Array.isArray(record.completion)) return promptAndCompletion(record, fail);
    return { form: 'completion', prompt: value('prompt'), completion: value('completion') };
  }
  if (name === 'messages') return conversation(record, record.messages, 'messages', fail);
  if (name === 'sharegpt') return conversation(record, record.conversations, 'conversations', fail);
  for (const key of ['system', 'history']) {
    const said: unknown = record[key];
    if (isAbsent(said) || said === '' || (Array.isArray(said) && said.length === 0)) continue;
    return fail(
      `'${key}' must be empty beside 'instruction', since Alpaca's prompt has no place for it, got ${describeValue(said)}`,
      known,
    );
  }
  const input = record.input === undefined || record.input === null ? '' : value('input');
  return { form: 'completion', prompt: alpacaPrompt(value('instruction'), input), completion: value('output') };
}

function namesOf(keys: readonly string[]): string {
  return keys
    .slice(0, mostNames)
    .map((key) => `'${key.slice(0, longestName)}'`)
    .join(', ');
}

function string(value: unknown, key: string, fail: Fail): string {
  if (typeof value === 'string') return value;
  return fail(`'${key}' must be a string, got ${describeValue(value)}`, known);
}

/** Reads a conversation, and what its row says beside it. A system prompt of its own goes before the messages. */
function conversation(record: JsonObject, list: unknown, key: string, fail: Fail): Conversation {
  const messages = readMessages(list, key, fail);
  const weights = readWeights(messages, key, fail);
  const variables = readVariables(record, fail);
  if (isAbsent(record.system) || record.system === '') return { form: 'messages', messages, variables, weights, promptMessages: 0 };
  const system = string(record.system, 'system', fail);
  if (messages[0].role === 'system') {
    return fail(`expected one system prompt, got 'system' and '${key}[0]'`, 'leave one of them out');
  }
  const all = [{ role: 'system', content: system }, ...messages];
  return { form: 'messages', messages: all, variables, weights: [true, ...weights], promptMessages: 0 };
}

/** Reads a prompt and a completion that are lists of messages. */
function promptAndCompletion(record: JsonObject, fail: Fail): Conversation {
  const prompt = conversation(record, record.prompt, 'prompt', fail);
  const answer = readMessages(record.completion, 'completion', fail);
  return {
    ...prompt,
    messages: [...prompt.messages, ...answer],
    weights: [...prompt.weights, ...readWeights(answer, 'completion', fail)],
    promptMessages: prompt.messages.length,
  };
}
