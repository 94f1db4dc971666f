import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadTokenizer } from 'bures/models';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, DomainError, FormatError, NotImplementedError } from '../../../src/core/errors.js';

const checkpoint = path.resolve(import.meta.dirname, '../../fixtures/tiny-qwen2/base');
const tokenizer = await loadTokenizer(checkpoint);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'bures-tokenizer-'));
});

afterAll(() => rm(folder, { recursive: true }));

/** Loads the checkpoint with some of its files replaced. */
async function loadWith(files: Readonly<Record<string, unknown>>) {
  const copy = await mkdtemp(path.join(folder, 'model-'));
  await cp(checkpoint, copy, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    if (content === undefined) await rm(path.join(copy, name));
    else await writeFile(path.join(copy, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return loadTokenizer(copy);
}

const definition = JSON.parse(await readFile(path.join(checkpoint, 'tokenizer.json'), 'utf8')) as {
  readonly added_tokens: object[];
  readonly model: object;
};

/** All code points are equally likely: four bytes each, mostly, which the vocabulary has no tokens for. */
const anyText = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0x10ffff }), fc.integer({ min: 0, max: 0x3ff })), { maxLength: 30 })
  .map((points) => String.fromCodePoint(...points.filter((point) => point < 0xd800 || point > 0xdfff)));

describe('any text', () => {
  it('comes back from its tokens', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
    );
  });

  it('is streamed without half a character, to the same text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const stream = tokenizer.decodeStream();
        const pieces = tokenizer.encode(text).map((id) => stream.push(id));
        if (!text.includes('\uFFFD')) expect(pieces.join('')).not.toContain('\uFFFD');
        expect(pieces.join('') + stream.end()).toBe(text);
      }),
    );
  });

  it('of any tokens, valid or not, is streamed to the same text', () => {
    const id = fc.oneof(fc.integer({ min: 0, max: 400 }), fc.constantFrom(...tokenizer.encode('é日😀')));
    fc.assert(
      fc.property(fc.array(id, { maxLength: 40 }), fc.boolean(), (ids, skipSpecialTokens) => {
        const stream = tokenizer.decodeStream({ skipSpecialTokens });
        expect(ids.map((token) => stream.push(token)).join('') + stream.end()).toBe(tokenizer.decode(ids, { skipSpecialTokens }));
      }),
      { numRuns: 500 },
    );
  });
});

it('streams a character when its last byte comes, and no later', () => {
  const ids = tokenizer.encode('é😀!');
  const stream = tokenizer.decodeStream();
  expect(ids.map((id) => stream.push(id)).filter((piece) => piece !== '')).toEqual(['é', '😀', '!']);
  expect(stream.end()).toBe('');
});

describe('end tokens and roles', () => {
  it('come from generation_config.json, then config.json, then the tokenizer', async () => {
    expect((await loadWith({ 'generation_config.json': { eos_token_id: [2, 0] }, 'config.json': { eos_token_id: 1 } })).endIds).toEqual([
      2, 0,
    ]);
    expect((await loadWith({ 'generation_config.json': {}, 'config.json': { eos_token_id: 1 } })).endIds).toEqual([1]);
    expect((await loadWith({ 'generation_config.json': undefined, 'config.json': undefined })).endIds).toEqual([0]);
  });

  it('are texts or objects, of tokenizer_config.json or special_tokens_map.json', async () => {
    const { specials, endIds } = await loadWith({
      'tokenizer_config.json': { eos_token: { content: '<|im_end|>', special: true }, bos_token: null },
      'special_tokens_map.json': { pad_token: '<|endoftext|>', eos_token: '<|im_start|>' },
      'generation_config.json': undefined,
      'config.json': undefined,
    });
    expect(specials).toEqual({ eos: { id: 2, text: '<|im_end|>' }, pad: { id: 0, text: '<|endoftext|>' } });
    expect(endIds).toEqual([2]);
  });
});

describe('chat templates', () => {
  const messages = [{ role: 'user', content: 'hi' }];

  it('are taken from tokenizer_config.json where there is no file, the default of several', async () => {
    const load = (template: unknown) =>
      loadWith({ 'chat_template.jinja': undefined, 'tokenizer_config.json': { eos_token: '<|im_end|>', chat_template: template } });
    expect((await load('{{ messages[0].content }}{{ eos_token }}')).applyChatTemplate(messages)).toBe('hi<|im_end|>');
    const several = [
      { name: 'tool_use', template: 'tools' },
      { name: 'default', template: '{{ style }}: {{ messages | length }}' },
    ];
    expect((await load(several)).applyChatTemplate(messages, { variables: { style: 'plain' } })).toBe('plain: 1');
    const none = await load(undefined);
    expect(none.hasChatTemplate).toBe(false);
    expect(() => none.applyChatTemplate(messages)).toThrow(ConfigError);
    await expect(load([{ name: 'rag', template: 'x' }])).rejects.toThrow(FormatError);
    await expect(load('{% if %}')).rejects.toThrow('must be a Jinja template');
  });

  it('refuse with their own words', async () => {
    const strict = await loadWith({ 'chat_template.jinja': "{{ raise_exception('only jokes') }}" });
    expect(() => strict.applyChatTemplate(messages)).toThrow(DomainError);
    expect(() => strict.applyChatTemplate(messages)).toThrow('only jokes');
  });
});

describe('a malformed checkpoint is refused', () => {
  it.each<[string, Readonly<Record<string, unknown>>, string, typeof FormatError | typeof NotImplementedError]>([
    ['no tokenizer', { 'tokenizer.json': undefined }, 'cannot read', FormatError],
    ['no JSON', { 'tokenizer.json': '{"model":' }, 'must be JSON', FormatError],
    ['a list', { 'tokenizer.json': [] }, 'must be a JSON object', FormatError],
    ['parts of a tokenizer', { 'tokenizer.json': { model: definition.model } }, 'must hold a tokenizer', FormatError],
    ['an unknown model', { 'tokenizer.json': { ...definition, model: { type: 'Oracle' } } }, 'must hold a tokenizer', FormatError],
    [
      'an unknown pre-tokenizer',
      { 'tokenizer.json': { ...definition, pre_tokenizer: { type: 'Oracle' } } },
      'must hold a tokenizer',
      FormatError,
    ],
    [
      'another end token',
      { 'tokenizer_config.json': { eos_token: '</s>' } },
      'eos_token must be a token of the vocabulary, got "</s>"',
      FormatError,
    ],
    ['an end token of no text', { 'tokenizer_config.json': { eos_token: 7 } }, 'eos_token must be a token', FormatError],
    [
      'an end token id of no number',
      { 'generation_config.json': { eos_token_id: 'x' } },
      'generation_config.json: eos_token_id must be a token id',
      FormatError,
    ],
    ['no configuration', { 'config.json': 'x' }, 'config.json must be JSON', FormatError],
    [
      'tokens that match whole words only',
      {
        'tokenizer.json': {
          ...definition,
          added_tokens: [...definition.added_tokens, { id: 384, content: 'word', single_word: true, special: false }],
        },
      },
      'single_word',
      NotImplementedError,
    ],
  ])('%s', async (_, files, message, kind) => {
    await expect(loadWith(files)).rejects.toThrow(kind);
    await expect(loadWith(files)).rejects.toThrow(message);
    await expect(loadWith(files)).rejects.toThrow('loadTokenizer: ');
  });

  it('input that is no text, or no tokens', () => {
    expect(() => tokenizer.encode('half \ud83d')).toThrow(DomainError);
    expect(() => tokenizer.encode(3 as unknown as string)).toThrow(DomainError);
    expect(() => tokenizer.decode([1.5])).toThrow(DomainError);
    expect(() => tokenizer.decode([-1])).toThrow(DomainError);
    expect(() => tokenizer.encode('a', { addSpecial: true } as object)).toThrow(ConfigError);
    expect(tokenizer.decode([])).toBe('');
    expect(tokenizer.encode('')).toEqual([]);
  });
});
