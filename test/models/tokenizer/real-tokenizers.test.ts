/**
 * Five published tokenizers: against transformers (test/peers/golden_real_tokenizers.py), and on what fast-check draws.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ChatMessage, readDataset, type TextPart, type Tokenizer } from 'bures/models';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withExactNumbers } from '../../../src/io/exact-numbers.js';
import { loadRealTokenizer, type RealTokenizer, realTokenizers } from '../../support/real-tokenizers.js';

interface GoldenRow {
  readonly error?: string;
  readonly text: string;
  readonly ids: readonly number[];
  /** Where they differ, the tokens of a row: the text is cut before answers that a token would span. */
  readonly rowIds?: readonly number[];
  /** Answers, as first token and the one after the last; null if the template changes earlier turns. */
  readonly spans: readonly (readonly [number, number])[] | null;
}

interface Golden {
  readonly strings: readonly string[];
  /** Rows as JSON. */
  readonly conversations: readonly string[];
  readonly templates: Readonly<Partial<Record<RealTokenizer, string>>>;
  readonly tokenizers: Readonly<
    Record<
      RealTokenizer,
      {
        readonly encoded: readonly (readonly (number | string)[])[];
        readonly decoded: readonly (readonly [readonly number[], string])[];
        readonly rows: readonly GoldenRow[];
      }
    >
  >;
}

const golden = JSON.parse(
  await readFile(path.resolve(import.meta.dirname, '../../fixtures/models/real-tokenizers.json'), 'utf8'),
) as Golden;

const conversations = golden.conversations.map(
  (line) => withExactNumbers(line, JSON.parse(line)) as { readonly messages: readonly ChatMessage[]; readonly tools?: readonly object[] },
);

const checksum = (ids: readonly number[]): string => createHash('sha256').update(JSON.stringify(ids)).digest('hex').slice(0, 16);

/** Texts with what tokenizers treat in ways of their own: spaces, line ends, added tokens, bytes, marks of words. */
const piece = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.constantFrom(
    ' ',
    '  ',
    '\n',
    '\n\n',
    '\t',
    '</s>',
    '<s>',
    '<|im_end|>',
    '<|endoftext|>',
    '▁',
    '<0x0A>',
    "'s",
    ' the',
    'yes',
    '123',
    'é',
    'e\u0301',
    '😀',
  ),
);
const drawnText = fc
  .array(piece, { maxLength: 6 })
  .map((pieces) => pieces.join(''))
  .filter((text) => !/\p{Surrogate}/u.test(text));

describe.each(realTokenizers)('%s', (name) => {
  let tokenizer: Tokenizer;
  let folder: string;
  const { encoded, decoded, rows } = golden.tokenizers[name];

  beforeAll(async () => {
    tokenizer = await loadRealTokenizer(name, golden.templates[name]);
    folder = await mkdtemp(path.join(tmpdir(), 'bures-real-'));
  }, 60_000);

  afterAll(() => rm(folder, { recursive: true }));

  async function read(lines: readonly string[]) {
    const file = path.join(folder, 'rows.jsonl');
    await writeFile(file, lines.map((line) => `${line}\n`).join(''));
    return readDataset(file, tokenizer, { appendEnd: false });
  }

  it('encodes as transformers does', () => {
    const wrong = golden.strings.filter((text, i) => {
      const ids = tokenizer.encode(text);
      const expected = encoded[i];
      return typeof expected[1] === 'string'
        ? expected[0] !== ids.length || expected[1] !== checksum(ids)
        : JSON.stringify(ids) !== JSON.stringify(expected);
    });
    expect(golden.strings.length).toBeGreaterThanOrEqual(300);
    expect(wrong).toEqual([]);
  });

  it('decodes as transformers does', () => {
    for (const [i, [ids, text]] of decoded.entries()) expect(tokenizer.decode(ids, { skipSpecialTokens: i % 2 === 1 })).toBe(text);
  });

  it('writes conversations as transformers does', () => {
    expect(conversations.length).toBeGreaterThanOrEqual(60);
    for (const [i, { messages, tools }] of conversations.entries()) {
      const text = tokenizer.applyChatTemplate(messages, { variables: tools === undefined ? {} : { tools } });
      expect(text).toBe(rows[i].text);
      expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(rows[i].ids);
    }
  });

  it('gives rows the tokens and labels that follow from transformers', async () => {
    const { rows: found, lastAnswerOnly } = await read(golden.conversations);
    expect(lastAnswerOnly).toBe(rows.filter(({ spans }) => spans === null).length);
    for (const [i, { ids, rowIds, spans }] of rows.entries()) {
      const trained = new Set<number>();
      for (const [start, end] of spans ?? []) for (let at = start; at < end; at += 1) trained.add(at);
      const inputIds = rowIds ?? ids;
      if (spans === null) {
        // Only the last answer is trained on, whatever the template makes of the others.
        const answer = conversations[i].messages.findLast(({ role }) => role === 'assistant');
        expect(tokenizer.decode([...found[i].labels].filter((label) => label >= 0))).toBe(`${String(answer?.content)}</s>`);
        continue;
      }
      expect([...found[i].inputIds]).toEqual(inputIds);
      expect([...found[i].labels]).toEqual(inputIds.map((id, at) => (trained.has(at) ? id : -100)));
    }
  });

  it('encodes parts as the whole text, or before a generated part as the text before it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ text: drawnText, generated: fc.boolean() }), { minLength: 1, maxLength: 4 }),
        (parts: TextPart[]) => {
          const whole = tokenizer.encode(parts.map(({ text }) => text).join(''));
          const found = tokenizer.encodeParts(parts);
          expect(tokenizer.encodeParts(parts.map(({ text }) => ({ text }))).flat()).toEqual(whole);
          const first = parts.findIndex(
            ({ generated }, index) => generated === true && parts.slice(0, index).some(({ text }) => text !== ''),
          );
          if (first < 0) {
            expect(found.flat()).toEqual(whole);
            return;
          }
          const before = tokenizer.encode(
            parts
              .slice(0, first)
              .map(({ text }) => text)
              .join(''),
          );
          expect(found.slice(0, first).flat()).toEqual(before);
          const isOnlyOne = parts.slice(first + 1).every(({ generated }) => generated !== true);
          if (isOnlyOne && JSON.stringify(whole.slice(0, before.length)) === JSON.stringify(before)) expect(found.flat()).toEqual(whole);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('decodes parts that are put together as the text that was put together', () => {
    const plain = fc.array(fc.constantFrom('a', ' b', 'the', ' the', '\n', 'é', '日', '12', '.', ' '), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(plain, plain, (prompt, completion) => {
        const parts = [{ text: prompt.join('') }, { text: completion.join(''), generated: true }];
        const ids = tokenizer.encodeParts(parts, { addSpecialTokens: false }).flat();
        expect(tokenizer.decode(ids)).toBe(
          tokenizer.decode(tokenizer.encode(parts.map(({ text }) => text).join(''), { addSpecialTokens: false })),
        );
      }),
      { numRuns: 150 },
    );
  });

  it('decodes token by token what it decodes at once', () => {
    const { vocabularySize } = tokenizer;
    const anything = fc.array(fc.nat(vocabularySize - 1), { maxLength: 12 });
    const words = fc
      .array(drawnText, { maxLength: 4 })
      .map((texts) => texts.flatMap((text) => tokenizer.encode(text, { addSpecialTokens: false })));
    const small = fc.array(fc.nat(300), { maxLength: 12 });
    fc.assert(
      fc.property(fc.oneof(anything, words, small), fc.boolean(), (ids, skipSpecialTokens) => {
        const stream = tokenizer.decodeStream({ skipSpecialTokens });
        const pieces = ids.map((id) => stream.push(id)).join('') + stream.end();
        expect(pieces).toBe(tokenizer.decode(ids, { skipSpecialTokens }));
      }),
      { numRuns: 300 },
    );
  });
});

it('a lone mark of a space does not lose the space of the next word', async () => {
  const tokenizer = await loadRealTokenizer('llama2');
  const ids = [tokenizer.tokenId('▁') ?? -1, tokenizer.tokenId('▁a') ?? -1];
  const stream = tokenizer.decodeStream();
  expect(ids.map((id) => stream.push(id)).join('') + stream.end()).toBe(' a');
  expect(tokenizer.decode(ids)).toBe(' a');
});
