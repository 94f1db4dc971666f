import { FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { isJsonObject, type JsonObject, parseJson } from '../../io/parse-json.js';
import type { Line } from '../../io/text/read-lines.js';
import type { ChatMessage } from '../tokenizer/tokenizer.js';

/** Content of a line, in one of three forms. */
export type DataRecord =
  | { readonly form: 'text'; readonly text: string }
  | { readonly form: 'completion'; readonly prompt: string; readonly completion: string }
  | { readonly form: 'messages'; readonly messages: readonly ChatMessage[] };

/**
 * Parses a line of a data set. Other keys are ignored.
 *
 * @throws FormatError naming file and line if it is no object, lacks a key, has keys of two forms, or a value of
 * another type.
 */
export function parseRecord(caller: string, { text: source, where }: Line): DataRecord {
  const record = parseJson(caller, where, source);
  const fail = (problem: string): never => {
    throw new FormatError(`${caller}: ${where}: ${problem}; write {"text"}, {"prompt", "completion"} or {"messages"}`);
  };
  if (!isJsonObject(record)) return fail(`expected a JSON object, got ${describeValue(record)}`);
  const forms = [['text'], ['prompt', 'completion'], ['messages']].filter((keys) => keys.some((key) => Object.hasOwn(record, key)));
  if (forms.length !== 1) {
    const keys = (forms.length === 0 ? Object.keys(record) : forms.flat()).slice(0, 20).map((key) => `'${key.slice(0, 40)}'`);
    return fail(`expected the keys of one form, got ${keys.join(', ') || 'an object without keys'}`);
  }
  const string = (key: string): string => {
    const value = record[key];
    if (typeof value === 'string') return value;
    return fail(value === undefined ? `expected the key '${key}', got none` : `'${key}' must be a string, got ${describeValue(value)}`);
  };
  if (forms[0].includes('text')) return { form: 'text', text: string('text') };
  if (forms[0].includes('prompt')) return { form: 'completion', prompt: string('prompt'), completion: string('completion') };
  return { form: 'messages', messages: parseMessages(record, fail) };
}

function parseMessages({ messages }: JsonObject, fail: (problem: string) => never): readonly ChatMessage[] {
  if (!Array.isArray(messages) || messages.length === 0)
    return fail(`'messages' must be a list of messages, got ${describeValue(messages)}`);
  for (const [position, message] of messages.entries()) {
    const path = `messages[${position}]`;
    if (!isJsonObject(message)) return fail(`'${path}' must be an object, got ${describeValue(message)}`);
    if (typeof message.role !== 'string') fail(`'${path}.role' must be a string, got ${describeValue(message.role)}`);
    const isSaid = typeof message.content === 'string' || Array.isArray(message.content);
    if (!isSaid && message.tool_calls === undefined) fail(`'${path}.content' must be a string, got ${describeValue(message.content)}`);
  }
  return messages as readonly ChatMessage[];
}
