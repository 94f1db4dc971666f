/** Generation as text, over a model that says what it is told: pieces, stop texts, and what ended it. */
import path from 'node:path';
import { ConfigError } from 'bures';
import {
  type AnswerFrame,
  type CausalLM,
  type GenerateOptions,
  type GenerateTextOptions,
  generateText,
  loadTokenizer,
  type Tokenizer,
} from 'bures/models';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutRepetition } from '../../src/models/sample-token.js';

const END = 0;

/** Each character is a token. */
const characters: Pick<Tokenizer, 'encode' | 'decodeStream' | 'endIds'> = {
  endIds: [END],
  encode: (text) => Array.from(text, (character) => character.charCodeAt(0)),
  decodeStream: () => ({ push: (id) => String.fromCharCode(id), end: () => '' }),
};

/** A model that says a text, and ends it by its end token if there is room. */
function saying(text: string): Pick<CausalLM, 'generate'> & { asked: GenerateOptions | undefined } {
  const model = {
    asked: undefined as GenerateOptions | undefined,
    async *generate(_prompt: unknown, options: GenerateOptions = {}) {
      model.asked = options;
      for (const id of [...characters.encode(text), END].slice(0, options.maxNewTokens)) {
        yield id;
        if (options.stopTokens?.includes(id)) return;
      }
    },
  };
  return model;
}

async function collect(text: string, options: GenerateTextOptions = {}, tokenizer = characters) {
  const pieces: string[] = [];
  const stream = generateText(saying(text) as unknown as CausalLM, tokenizer as Tokenizer, 'x', options);
  for (;;) {
    const { done, value } = await stream.next();
    if (done) return { pieces, text: pieces.join(''), ...value };
    pieces.push(value);
  }
}

describe('generateText', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 });
  const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 }), { maxLength: 3 });

  it('gives the text up to the first stop text, in pieces none of which is empty', async () => {
    await fc.assert(
      fc.asyncProperty(word, stops, fc.integer({ min: 1, max: 14 }), async (said, stop, maxNewTokens) => {
        const found = await collect(said, { stop, maxNewTokens });
        // Character by character: the shortest beginning that holds a stop text.
        let [expected, stopped] = ['', false];
        for (const character of said.slice(0, maxNewTokens)) {
          expected += character;
          const places = stop.map((one) => expected.indexOf(one)).filter((place) => place >= 0);
          if (places.length === 0) continue;
          [expected, stopped] = [expected.slice(0, Math.min(...places)), true];
          break;
        }
        expect(found.text).toBe(expected);
        expect(found.pieces).not.toContain('');
        expect(found.finish).toBe(stopped || maxNewTokens > said.length ? 'stop' : 'length');
      }),
    );
  });

  it('holds back only what may begin a stop text', async () => {
    expect((await collect('one, two;', { stop: [';;', ', three'] })).pieces).toEqual(['o', 'n', 'e', ', tw', 'o', ';']);
  });

  it('counts tokens, leaves out the end token, and passes options on', async () => {
    expect(await collect('abc')).toMatchObject({ text: 'abc', tokens: 4, finish: 'stop' });
    expect(await collect('abc', { maxNewTokens: 2 })).toMatchObject({ text: 'ab', tokens: 2, finish: 'length' });
    const model = saying('a');
    await generateText(model as unknown as CausalLM, characters as Tokenizer, 'x', { temperature: 0.5, seed: 3 }).next();
    expect(model.asked).toEqual({ temperature: 0.5, seed: 3, stopTokens: [END] });
  });

  it('gives what a tokenizer holds back for the next token', async () => {
    const tokenizer = await loadTokenizer(path.join(import.meta.dirname, '../fixtures/models/tiny-qwen2'));
    const ids = tokenizer.encode('→ é 你', { addSpecialTokens: false });
    const model = {
      async *generate() {
        yield* ids;
      },
    };
    let text = '';
    for await (const piece of generateText(model as unknown as CausalLM, tokenizer, 'x', { stop: ['never'] })) text += piece;
    expect(text).toBe(tokenizer.decode(ids));
  });

  it('names a prompt of which the tokenizer knows nothing', async () => {
    const deaf = { ...characters, encode: () => [] };
    const stream = generateText(saying('a') as unknown as CausalLM, deaf as unknown as Tokenizer, 'é日本');
    await expect(stream.next()).rejects.toThrow(/generateText: .*knows none of the characters of "é日本"/);
  });

  describe('of an answer in a chat template', () => {
    const framed = (frame: AnswerFrame) => ({ ...characters, answerFrame: () => frame });
    const turnEnd = '|'.charCodeAt(0);

    it('ends at the end of the turn, which only the option asks for', async () => {
      const tokenizer = framed({ endIds: [turnEnd], before: '', after: '' });
      expect(await collect('14|sair', { endOfTurn: true }, tokenizer)).toMatchObject({ text: '14', tokens: 3, finish: 'stop' });
      expect(await collect('14|sair', {}, tokenizer)).toMatchObject({ text: '14|sair' });
      expect(await collect('14', { endOfTurn: true }, tokenizer)).toMatchObject({ text: '14', tokens: 3, finish: 'stop' });
    });

    it.each<[string, string, string]>([
      [' 14 |', '14', 'stop'],
      ['14|', '14', 'stop'],
      [' 1 4 |', '1 4', 'stop'],
      ['  14  |', ' 14 ', 'stop'],
      [' |', '', 'stop'],
      [' 14', '14', 'length'],
    ])('leaves out of %j the white space that the template writes around an answer', async (said, text, finish) => {
      const tokenizer = framed({ endIds: [turnEnd], before: ' ', after: ' ' });
      const found = await collect(said, { endOfTurn: true, maxNewTokens: said.length }, tokenizer);
      expect(found).toMatchObject({ text, finish });
      expect(found.pieces).not.toContain('');
    });
  });

  it.each([[[7]], [['']], ['a'], [null]])('refuses %j for stop', async (stop) => {
    await expect(collect('a', { stop: stop as unknown as string[] })).rejects.toThrow(ConfigError);
    await expect(collect('a', { stop: stop as unknown as string[] })).rejects.toThrow(/generateText: expected texts for stop/);
  });
});

it('withoutRepetition divides positive logits and multiplies negative ones, each once, as transformers does', () => {
  const logits = Float32Array.of(2, -1, 0.5, 3, -4);
  expect([...withoutRepetition(logits, [0, 1, 1, 4, 0], 2)]).toEqual([1, -2, 0.5, 3, -8]);
  expect([...logits]).toEqual([2, -1, 0.5, 3, -4]);
});
