/** tokenizer.json that is damaged or hostile: an error that names it, and no hang. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadTokenizer } from 'bures/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FormatError, NotImplementedError } from '../../../src/core/errors.js';
import { describeRisk } from '../../../src/models/tokenizer/split-patterns.js';

const checkpoint = path.resolve(import.meta.dirname, '../../fixtures/tiny-qwen2/base');
const definition = JSON.parse(await readFile(path.join(checkpoint, 'tokenizer.json'), 'utf8')) as Record<string, object> & {
  model: { vocab: object };
};
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'bures-damaged-'));
  await cp(checkpoint, folder, { recursive: true });
});
afterAll(() => rm(folder, { recursive: true }));

async function loadWith(changes: object) {
  await writeFile(path.join(folder, 'tokenizer.json'), JSON.stringify({ ...definition, ...changes }));
  return loadTokenizer(folder);
}

const split = (Regex: string) => ({ pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false } });

describe('a damaged tokenizer.json', () => {
  it.each<[string, object]>([
    ['a token id of 2³¹', { model: { ...definition.model, vocab: { ...definition.model.vocab, far: 2 ** 31 } } }],
    ['an added token with such an id', { added_tokens: [{ id: 2 ** 31, content: '<x>' }] }],
    ['a negative id', { model: { ...definition.model, vocab: { ...definition.model.vocab, far: -1 } } }],
    ['an id that is no integer', { model: { ...definition.model, vocab: { a: 0.5 } } }],
    ['a Metaspace decoder that replaces nothing', { decoder: { type: 'Metaspace', replacement: '' } }],
    ['pieces of length 0', { pre_tokenizer: { type: 'FixedLength', length: 0 } }],
    ['the same in a sequence', { pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'FixedLength', length: 0 }] } }],
    ['a post-processor without its template', { post_processor: { type: 'TemplateProcessing', single: null } }],
    ['a template of something else', { post_processor: { type: 'TemplateProcessing', single: [3] } }],
    ['a Bert post-processor without tokens', { post_processor: { type: 'BertProcessing' } }],
    ['a post-processor that is a text', { post_processor: 'ByteLevel' }],
    ['a sequence of nothing', { decoder: { type: 'Sequence', decoders: [null] } }],
    ['merges that are numbers', { model: { ...definition.model, merges: [1, 2] } }],
    ['no model', { model: null }],
    ['added tokens that are no list', { added_tokens: {} }],
    ['normalizers that multiply the text', { normalizer: { type: 'Replace', pattern: { String: 'a' }, content: 'a'.repeat(1e5) } }],
    ['thousands of parts', { normalizer: { type: 'Sequence', normalizers: Array.from({ length: 1000 }, () => ({ type: 'NFC' })) } }],
  ])('%s', async (_, changes) => {
    await expect(loadWith(changes)).rejects.toThrow(FormatError);
    await expect(loadWith(changes)).rejects.toThrow(/^loadTokenizer: .*tokenizer\.json/);
    await expect(loadWith(changes)).rejects.not.toThrow(/Invalid input|received|undefined/);
  });

  it.each([
    '(a+)+!',
    '(a|a)*b',
    '(?:\\s*)*x',
    '(a|aa)+$',
    '(?:a?){30}a{30}',
    'a*a*a*a*b',
    '\\s*\\s+!',
    'x'.repeat(20_000),
    'a?'.repeat(35) + 'a'.repeat(35),
    '[\\s\\S]?'.repeat(40) + '[\\s\\S]'.repeat(40),
    `${'x{1,16}'.repeat(10)}!`,
    `${'(?:a|ab)'.repeat(30)}c`,
    '(?:a|ab){30}c',
    `${'(?:a|)'.repeat(30)}!`,
    `${'a??'.repeat(30)}b`,
    `${'a{0,3}'.repeat(20)}(?=b)`,
    `(?=${'a?'.repeat(30)}b)`,
    `(?:${'a?'.repeat(30)}b)?`,
    '(?:(?:(?:a|b){4}){4}){4}c',
    '(?:(?:){1000000}){1000000}a',
    '(?:(?=a)){1000000000}a',
    '(?:(?:|){1000}){1000}b{0}c',
    '(a?)(a?)\\1\\2',
    `${'('.repeat(2000)}a${')'.repeat(2000)}`,
    // A long run is read from each of its places, to no avail.
    'a+b',
    'a{100000}b',
    '\\s+$',
    '(?:a+b)?c',
    '(?:a*b|a*c)',
    '(?=[\\s\\S]*)x',
    '\\d{1,3}(?=(?:\\d{3})*\\b)',
    'b*c|b|b+',
    'a*b|a+?',
    'a*b|[ab]+',
    '[\\p{Lu}\\p{M}]*[\\p{Ll}\\p{M}]+|\\p{N}',
  ])('the pattern %s', async (pattern) => {
    await expect(loadWith(split(pattern))).rejects.toThrow(NotImplementedError);
    await expect(loadWith(split(pattern))).rejects.toThrow(/^loadTokenizer: .*tokenizer\.json: the pattern of pre_tokenizer/);
  });
});

const known = [
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ' ?[^(\\s|[.,!?…。，、।۔،])]+',
  '[一-龥぀-ゟ゠-ヿ]+',
  '\\p{N}{1,3}',
  '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
  ' {2,}',
];

it.each(known)('patterns of known tokenizers are safe: %s', (pattern) => {
  expect(describeRisk(pattern)).toBeUndefined();
});

it.each(['a?a?a?a?a?a?a?a?b', 'x{1,16}x{1,16}!', 'a{900}b', '(?:a|ab){6}c', '(?:[a-z]|[0-9])+', '[ax]*(?:a{100}){3}c|[ax]+'])(
  'what is accepted reads 200,000 characters in seconds: %s',
  (pattern) => {
    expect(describeRisk(pattern)).toBeUndefined();
    for (const text of ['a', 'x'].map((character) => character.repeat(200_000))) {
      const started = performance.now();
      for (const _ of text.matchAll(new RegExp(pattern, 'gu')));
      expect(performance.now() - started).toBeLessThan(20_000);
    }
  },
);
