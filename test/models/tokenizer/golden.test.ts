/** Against what transformers gives for the same files (test/peers/golden-tokenizer.py). */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ChatMessage, loadTokenizer } from 'bures/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Golden {
  readonly encoded: readonly { readonly text: string; readonly ids: readonly number[] }[];
  readonly decoded: readonly { readonly ids: readonly number[]; readonly text: string; readonly withoutSpecial: string }[];
  readonly chats: readonly {
    readonly template: string;
    readonly messages: readonly ChatMessage[];
    readonly addGenerationPrompt: boolean;
    readonly text?: string;
    readonly error?: string;
  }[];
}

const fixtures = path.resolve(import.meta.dirname, '../../fixtures');
const checkpoint = path.join(fixtures, 'tiny-qwen2/base');
const golden = JSON.parse(await readFile(path.join(fixtures, 'models/tokenizer.json'), 'utf8')) as Golden;
const { cases } = JSON.parse(await readFile(path.join(fixtures, 'tiny-qwen2/logits.json'), 'utf8')) as {
  readonly cases: Golden['encoded'];
};
const tokenizer = await loadTokenizer(checkpoint);

it.each([...golden.encoded, ...cases])('encodes $text', ({ text, ids }) => {
  expect(tokenizer.encode(text)).toEqual(ids);
  expect(tokenizer.decode(ids)).toBe(text);
});

describe.each(golden.decoded)('decodes $ids', ({ ids, text, withoutSpecial }) => {
  it('at once', () => {
    expect(tokenizer.decode(ids)).toBe(text);
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(withoutSpecial);
  });

  it('token by token', () => {
    const stream = tokenizer.decodeStream({ skipSpecialTokens: true });
    expect(ids.map((id) => stream.push(id)).join('') + stream.end()).toBe(withoutSpecial);
  });
});

describe('chat templates', () => {
  let workspace: string;

  beforeAll(async () => {
    workspace = await mkdtemp(path.join(tmpdir(), 'bures-chat-'));
    await cp(checkpoint, workspace, { recursive: true });
  });

  afterAll(() => rm(workspace, { recursive: true }));

  const templates = [...new Set(golden.chats.map(({ template }) => template))];
  it.each([...templates.keys()])('template %i renders as in transformers', async (which) => {
    const template = templates[which];
    await writeFile(path.join(workspace, 'chat_template.jinja'), template);
    const { applyChatTemplate } = await loadTokenizer(workspace);
    for (const { messages, addGenerationPrompt, text, error } of golden.chats.filter((chat) => chat.template === template)) {
      const render = () => applyChatTemplate(messages, { addGenerationPrompt });
      if (error === undefined) expect(render()).toBe(text);
      else expect(render).toThrow(error);
    }
  });
});
