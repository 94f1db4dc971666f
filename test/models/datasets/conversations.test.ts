/** Conversations as rows: contents, weights, what is trained on, and what rows say beside their messages. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadTokenizer, type ReadDatasetOptions, readDataset, type Tokenizer } from 'bures/models';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/core/errors.js';

let folder: string;
let tokenizer: Tokenizer;
/** A tokenizer whose template writes all that it is given as JSON. */
let asJson: Tokenizer;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'bures-conversations-'));
  tokenizer = await loadTokenizer(path.resolve(import.meta.dirname, '../../fixtures/tiny-qwen2/base'));
  const { cp } = await import('node:fs/promises');
  const copy = path.join(folder, 'model');
  await cp(path.resolve(import.meta.dirname, '../../fixtures/tiny-qwen2/base'), copy, { recursive: true });
  await writeFile(
    path.join(copy, 'chat_template.jinja'),
    '{{ tools | tojson }}|{{ documents | tojson }}|{{ mood | default("none") }}\n{% for m in messages %}{{ m.role }}: {{ m.content }}{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}',
  );
  asJson = await loadTokenizer(copy);
});

afterAll(() => rm(folder, { recursive: true }));

async function read(lines: string, options: ReadDatasetOptions = {}, by = tokenizer) {
  const file = path.join(folder, 'rows.jsonl');
  await writeFile(file, lines);
  return readDataset(file, by, { appendEnd: false, ...options });
}

/** The text of a row, and of it what is trained on. */
async function texts(line: string, options: ReadDatasetOptions = {}, by = tokenizer): Promise<{ all: string; trained: readonly string[] }> {
  const { rows } = await read(`${line}\n`, options, by);
  const trained: number[][] = [];
  let open = false;
  for (const [i, label] of rows[0].labels.entries()) {
    if (label >= 0 && !open) trained.push([]);
    open = label >= 0;
    if (open) trained.at(-1)?.push(rows[0].inputIds[i]);
  }
  return { all: by.decode(rows[0].inputIds), trained: trained.map((ids) => by.decode(ids)) };
}

const user = (content: unknown, more = {}) => ({ role: 'user', content, ...more });
const answer = (content: unknown, more = {}) => ({ role: 'assistant', content, ...more });
const row = (messages: unknown, more = {}) => JSON.stringify({ messages, ...more });

describe('contents that are lists of parts', () => {
  it('are the texts of the parts, joined', async () => {
    const parts = (...all: string[]) => all.map((text) => ({ type: 'text', text }));
    const given = await texts(row([user(parts('What ', 'is this?')), answer(parts('A ', 'cat'))]));
    expect(given).toEqual(await texts(row([user('What is this?'), answer('A cat')])));
    expect(given.trained).toEqual(['A cat<|im_end|>\n']);
  });

  it('however they are cut, and with what Parquet writes for nothing', async () => {
    const pieces = fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 });
    const part = (text: string, plain: boolean) => (plain ? text : { type: 'text', text, image_url: null });
    await fc.assert(
      fc.asyncProperty(pieces, pieces, fc.boolean(), async (question, reply, plain) => {
        const cut = row([user(question.map((text) => part(text, plain))), answer(reply.map((text) => part(text, false)))]);
        expect(await texts(cut)).toEqual(await texts(row([user(question.join('')), answer(reply.join(''))])));
      }),
      { numRuns: 30 },
    );
  });

  it.each<[string, unknown, RegExp]>([
    [
      'an image',
      [{ type: 'image_url', image_url: { url: 'x' } }],
      /rows\.jsonl:2: 'messages\[0\]\.content\[0\]' must be a part of type "text", got a part of type "image_url"/,
    ],
    [
      'an image after text',
      [{ type: 'text', text: 'see' }, { type: 'image' }],
      /'messages\[0\]\.content\[1\]' must be a part of type "text", got a part of type "image"/,
    ],
    [
      'a sound',
      [{ type: 'input_audio', input_audio: {} }],
      /content\[0\]' must be a part of type "text", got a part of type "input_audio"/,
    ],
    ['a part without type', [{ text: 'a' }], /content\[0\]' must be a part of type "text", got a part without a type/],
    ['a text that is none', [{ type: 'text', text: 3 }], /content\[0\]\.text' must be a string, got 3/],
    ['a text that is absent', [{ type: 'text', text: null }], /content\[0\]\.text' must be a string, got null/],
    ['a number among the parts', [3], /content\[0\]' must be a part of text, got 3/],
    ['no parts', [], /content' must be a string or a list of text parts, got an array of 0/],
    ['an object', { type: 'text', text: 'a' }, /content' must be a string or a list of text parts, got an object/],
    ['a number', 3, /content' must be a string or a list of text parts, got 3/],
  ])('refuses %s by row and part', async (_, content, message) => {
    const lines = `${row([user('a'), answer('b')])}\n${row([user(content), answer('b')])}\n`;
    await expect(read(lines)).rejects.toThrow(message);
    await expect(read(lines)).rejects.toThrow(FormatError);
  });

  it.each([
    ['human', 'user'],
    ['gpt', 'assistant'],
  ])('refuses the role %s, and names %s', async (role, known) => {
    await expect(read(`${row([{ role, content: 'a' }, answer('b')])}\n`)).rejects.toThrow(
      new RegExp(`'messages\\[0\\]\\.role' must be a role that chat templates know.* got "${role}"; write "role": "${known}"`),
    );
  });
});

describe('what is trained on', () => {
  const two = [user('a'), answer('first'), user('b'), answer('second')];
  it.each<[string, unknown[], ReadDatasetOptions, readonly string[]]>([
    ['all answers', two, {}, ['first<|im_end|>\n', 'second<|im_end|>\n']],
    ['the last answer', two, { trainOn: 'last-answer' }, ['second<|im_end|>\n']],
    ['the last answer, though a turn follows', [...two, user('c')], { trainOn: 'last-answer' }, ['second<|im_end|>\n']],
    ['no answer of weight 0', [two[0], answer('first', { weight: 0 }), two[2], two[3]], {}, ['second<|im_end|>\n']],
    ['no last answer of weight 0', [two[0], two[1], two[2], answer('second', { weight: 0 })], {}, ['first<|im_end|>\n']],
    [
      'answers of weight 1 or null',
      [two[0], answer('first', { weight: 1 }), two[2], answer('second', { weight: null })],
      {},
      ['first<|im_end|>\n', 'second<|im_end|>\n'],
    ],
    ['everything', two.slice(0, 2), { trainOn: 'everything' }, ['<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nfirst<|im_end|>\n']],
    [
      'everything but weight 0',
      [two[0], answer('first', { weight: 0 }), two[2], two[3]],
      { trainOn: 'everything' },
      [
        '<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n',
        '<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\nsecond<|im_end|>\n',
      ],
    ],
    [
      'prompts of weight 0',
      [user('a', { weight: 0 }), answer('first')],
      { trainOn: 'everything' },
      ['<|im_start|>assistant\nfirst<|im_end|>\n'],
    ],
  ])('%s', async (_, messages, options, trained) => {
    expect((await texts(row(messages), options)).trained).toEqual(trained);
  });

  it('a row whose answers all have weight 0 gives none', async () => {
    expect(await read(`${row([user('a'), answer('b', { weight: 0 })])}\n`, { appendEnd: true })).toMatchObject({ rows: [], dropped: 1 });
  });

  it('ShareGPT turns keep their weight', async () => {
    const turn = (from: string, value: string, more = {}) => ({ from, value, ...more });
    const line = JSON.stringify({
      conversations: [turn('human', 'a'), turn('gpt', 'no', { weight: 0 }), turn('human', 'b'), turn('gpt', 'yes')],
    });
    expect((await texts(line)).trained).toEqual(['yes<|im_end|>\n']);
  });

  it('prompts and completions that are messages train on the completion', async () => {
    const line = JSON.stringify({ prompt: [user('a'), answer('no'), user('b')], completion: [answer('yes')] });
    const { all, trained } = await texts(line);
    expect(trained).toEqual(['yes<|im_end|>\n']);
    expect(all).toBe((await texts(row([user('a'), answer('no'), user('b'), answer('yes')]))).all);
  });

  it.each<[unknown, RegExp]>([
    [0.5, /'messages\[1\]\.weight' must be 0 or 1, got 0\.5/],
    ['0', /'messages\[1\]\.weight' must be 0 or 1, got "0"/],
    [-1, /must be 0 or 1, got -1/],
    [{}, /must be 0 or 1, got nothing/],
  ])('refuses the weight %j', async (weight, message) => {
    await expect(read(`${row([user('a'), answer('b', { weight })])}\n`)).rejects.toThrow(message);
  });

  it('refuses weight 1 on what is not an answer, and maskPrompt: false with another trainOn', async () => {
    await expect(read(`${row([user('a', { weight: 1 }), answer('b')])}\n`)).rejects.toThrow(
      /'messages\[0\]\.weight' must be 0 or absent on a turn of "user"/,
    );
    await expect(read(`${row([user('a'), answer('b')])}\n`, { maskPrompt: false, trainOn: 'last-answer' })).rejects.toThrow(
      /maskPrompt: false trains on prompts as well, and trainOn: 'last-answer' does not/,
    );
  });
});

describe('what rows say beside their messages', () => {
  const tool = { type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } };
  const written = async (more: object) => (await texts(row([user('a'), answer('b')], more), {}, asJson)).all.split('\n')[0];

  it('reaches the template', async () => {
    const json = '[{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]';
    expect(await written({ tools: [tool] })).toBe(`${json}|null|none`);
    expect(await written({ tools: JSON.stringify([tool]) })).toBe(`${json}|null|none`);
    expect(await written({ documents: [{ title: 't', text: 'x' }] })).toBe('null|[{"title": "t", "text": "x"}]|none');
    expect(await written({ chat_template_kwargs: { mood: 'glad' } })).toBe('null|null|glad');
    expect(await written({ tools: null, documents: [], chat_template_kwargs: null })).toBe('null|null|none');
    expect(await written({ tools: '', more: 1 })).toBe('null|null|none');
  });

  it('a system prompt of its own is the first message', async () => {
    expect(await texts(row([user('a'), answer('b')], { system: 'be brief' }))).toEqual(
      await texts(row([{ role: 'system', content: 'be brief' }, user('a'), answer('b')])),
    );
    await expect(read(`${row([{ role: 'system', content: 'x' }, user('a'), answer('b')], { system: 'y' })}\n`)).rejects.toThrow(
      /expected one system prompt/,
    );
    await expect(read(`${JSON.stringify({ instruction: 'a', output: 'b', history: [['c', 'd']] })}\n`)).rejects.toThrow(
      /'history' must be empty/,
    );
  });

  it.each<[object, RegExp]>([
    [{ tools: 'no json' }, /'tools' must be a list of objects, got "no json"; write/],
    [{ tools: {} }, /'tools' must be a list of objects/],
    [{ tools: [1] }, /'tools' must be a list of objects/],
    [{ chat_template_kwargs: [1] }, /'chat_template_kwargs' must be an object/],
    [{ chat_template_kwargs: { messages: [] } }, /must not hold 'messages'/],
  ])('refuses %j', async (more, message) => {
    await expect(read(`${row([user('a'), answer('b')], more)}\n`)).rejects.toThrow(message);
  });

  it.each<[string, string]>([
    ['1234567890123456789', '1234567890123456789'],
    ['-9007199254740993', '-9007199254740993'],
    ['1.0', '1.0'],
    ['-0.0', '-0.0'],
    ['1e2', '100.0'],
    ['1E+16', '1e+16'],
    ['12345678901234567890.0', '1.2345678901234567e+19'],
    ['1e-5', '1e-05'],
    ['0.1', '0.1'],
    ['123456789.125', '123456789.125'],
    ['100000000000000000000000', '100000000000000000000000'],
    ['-0', '0'],
    ['5', '5'],
  ])('writes the number %s as Python does', async (literal, expected) => {
    const call = `{"function": {"name": "f", "arguments": {"x": ${literal}, "list": [${literal}]}}}`;
    const line = `{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "", "tool_calls": [${call}]}]}`;
    const { all } = await texts(line, {}, asJson);
    expect(all).toContain(`{"x": ${expected}, "list": [${expected}]}`);
  });
});
