/** Shapes of records that well-known data sets have: Alpaca's instructions and ShareGPT's conversations. */
import { describeValue } from '../../core/options.js';
import { isJsonObject } from '../../io/parse-json.js';
import type { ChatMessage } from '../tokenizer/tokenizer.js';

/**
 * Writes Alpaca's prompt for an instruction.
 *
 * @param input - what the instruction is about; empty for none.
 * @see Taori et al. (2023), Stanford Alpaca, `PROMPT_DICT` of train.py.
 */
export function alpacaPrompt(instruction: string, input: string): string {
  if (input === '')
    return `Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n### Response:`;
  return `Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n### Input:\n${input}\n\n### Response:`;
}

/** Roles by the names of ShareGPT's speakers. */
const roles: Readonly<Record<string, string>> = {
  system: 'system',
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  assistant: 'assistant',
};

/**
 * Converts the turns of a conversation, `{"from", "value"}`, to messages.
 *
 * @param key - name of the list, for messages.
 * @param fail - throws the error that names the record.
 */
export function shareGptMessages(
  turns: readonly unknown[],
  key: string,
  fail: (problem: string, remedy: string) => never,
): readonly ChatMessage[] {
  const speakers = Object.keys(roles);
  return turns.map((turn, position) => {
    const path = `${key}[${position}]`;
    if (!isJsonObject(turn)) return fail(`'${path}' must be an object, got ${describeValue(turn)}`, 'write {"from", "value"}');
    const { from, value } = turn;
    if (typeof from !== 'string' || !Object.hasOwn(roles, from))
      return fail(
        `'${path}.from' must be one of ${speakers.join(', ')}, got ${describeValue(from)}`,
        'leave conversations with other roles out, or write them as {"messages"} with the roles that the chat template knows',
      );
    if (typeof value !== 'string') return fail(`'${path}.value' must be a string, got ${describeValue(value)}`, 'write {"from", "value"}');
    // What a turn says besides, such as its weight, stays with it.
    const { from: _from, value: _value, ...others } = turn;
    return { ...others, role: roles[from], content: value };
  });
}
