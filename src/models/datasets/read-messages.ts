/** Reads the messages of a record: their roles, their text, and whether they are trained on. */
import { describeValue } from '../../core/options.js';
import { withExactNumbers } from '../../io/exact-numbers.js';
import { isJsonObject, type JsonObject } from '../../io/parse-json.js';
import type { ChatMessage } from '../tokenizer/tokenizer.js';
import { shareGptMessages } from './known-shapes.js';

/** Throws the error that names the record: what was expected and what came, and what to do. */
export type Fail = (problem: string, remedy: string) => never;

const known = 'write {"role", "content"}, the content a text';

/** Types of parts that are text: of chat templates, and of two forms of OpenAI's interface. */
const textParts: readonly unknown[] = ['text', 'input_text', 'output_text'];

/** Names that other programs give to roles, which chat templates do not know. */
const otherRoles: Readonly<Record<string, string>> = { human: 'user', gpt: 'assistant', bot: 'assistant', ai: 'assistant' };

/**
 * Reads a conversation, of messages or of ShareGPT's turns. Contents that are lists of text parts become one text.
 *
 * @param key - name of the list, for messages.
 * @param fail - throws the error that names the record.
 */
export function readMessages(messages: unknown, key: string, fail: Fail): readonly ChatMessage[] {
  if (!Array.isArray(messages) || messages.length === 0)
    return fail(`'${key}' must be a list of messages, got ${describeValue(messages)}`, known);
  const isTurn = (message: unknown): boolean => isJsonObject(message) && isAbsent(message.role) && !isAbsent(message.from);
  if (messages.some(isTurn)) return shareGptMessages(messages, key, fail);
  return messages.map((message: unknown, position) => readMessage(message, `${key}[${position}]`, fail));
}

function readMessage(message: unknown, path: string, fail: Fail): ChatMessage {
  if (!isJsonObject(message)) return fail(`'${path}' must be an object, got ${describeValue(message)}`, known);
  const { role } = message;
  if (typeof role !== 'string') return fail(`'${path}.role' must be a string, got ${describeValue(role)}`, known);
  if (Object.hasOwn(otherRoles, role)) {
    return fail(
      `'${path}.role' must be a role that chat templates know, such as system, user or assistant, got ${describeValue(role)}`,
      `write "role": "${otherRoles[role]}", or ShareGPT's {"conversations": [{"from", "value"}]}`,
    );
  }
  const { content } = message;
  // Parquet has every field in every row, null where there is none.
  if (isAbsent(content) && !isAbsent(message.tool_calls)) return message as unknown as ChatMessage;
  return { ...message, role, content: textOf(content, `${path}.content`, fail) };
}

/** Returns a content as one text. Parts follow each other without a separator, as templates write them. */
function textOf(content: unknown, path: string, fail: Fail): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content) || content.length === 0)
    return fail(`'${path}' must be a string or a list of text parts, got ${describeValue(content)}`, known);
  return content.map((part: unknown, position) => textOfPart(part, `${path}[${position}]`, fail)).join('');
}

function textOfPart(part: unknown, path: string, fail: Fail): string {
  if (typeof part === 'string') return part;
  if (!isJsonObject(part)) return fail(`'${path}' must be a part of text, got ${describeValue(part)}`, partRemedy);
  if (!textParts.includes(part.type)) {
    const type = part.type === undefined ? 'a part without a type' : `a part of type ${describeValue(part.type)}`;
    return fail(`'${path}' must be a part of type "text", got ${type}`, partRemedy);
  }
  if (typeof part.text === 'string') return part.text;
  return fail(`'${path}.text' must be a string, got ${describeValue(part.text)}`, partRemedy);
}

const partRemedy = 'these models read text only: leave rows with images, sounds or files out, or write {"type": "text", "text"}';

/** Returns true for what Parquet and JSON have in place of nothing. */
export function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

/**
 * Reads the weights of messages: 0 leaves a turn of the assistant out of the training, 1 or none keeps it.
 *
 * @returns true for each message that may be trained on.
 */
export function readWeights(messages: readonly ChatMessage[], key: string, fail: Fail): readonly boolean[] {
  return messages.map(({ role, weight }, position) => {
    if (isAbsent(weight)) return true;
    const value = typeof weight === 'object' ? (weight as { readonly value?: unknown }).value : weight;
    if (value !== 0 && value !== 1 && typeof value !== 'boolean') {
      return fail(
        `'${key}[${position}].weight' must be 0 or 1, got ${describeValue(value)}`,
        'write 0 for turns that are not trained on, and leave it out for others',
      );
    }
    if (Number(value) === 1 && role !== 'assistant') {
      return fail(
        `'${key}[${position}].weight' must be 0 or absent on a turn of ${describeValue(role)}, got 1`,
        `only the assistant's turns have a weight; train on all turns by --train-on everything (trainOn of the function)`,
      );
    }
    return Number(value) === 1;
  });
}

/** Variables of a chat template that rows carry beside their messages. */
const variableKeys = ['tools', 'documents'] as const;

/**
 * Reads what a row gives to the chat template beside its messages: `tools` and `documents`, lists or JSON texts of
 * lists, and `chat_template_kwargs`, an object of any other variables.
 */
export function readVariables(record: JsonObject, fail: Fail): JsonObject {
  const variables: Record<string, unknown> = {};
  const extra = parsed(record.chat_template_kwargs);
  if (!isAbsent(extra)) {
    if (!isJsonObject(extra))
      return fail(`'chat_template_kwargs' must be an object, got ${describeValue(extra)}`, 'write {"variable": value}, or leave it out');
    const own = ['messages', 'add_generation_prompt'].find((name) => Object.hasOwn(extra, name));
    if (own !== undefined) fail(`'chat_template_kwargs' must not hold '${own}', got it`, 'the row itself says it: leave it out');
    Object.assign(variables, extra);
  }
  for (const key of variableKeys) {
    const value = parsed(record[key]);
    if (isAbsent(value)) continue;
    if (!Array.isArray(value) || !value.every(isJsonObject))
      return fail(`'${key}' must be a list of objects, got ${describeValue(value)}`, `write "${key}": [{…}], or leave it out`);
    if (value.length > 0) variables[key] = value;
  }
  return variables;
}

/** Parses a text of JSON, as columns of tables and some data sets have lists; leaves everything else as it is. */
function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (value.trim() === '') return null;
  try {
    return withExactNumbers(value, JSON.parse(value));
  } catch {
    return value;
  }
}
