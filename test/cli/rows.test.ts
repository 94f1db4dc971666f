/** What the command says of rows that it trains on in part, or leaves out. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadTokenizer, type Tokenizer } from 'bures/models';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadData } from '../../src/cli/training/load-data.js';

let folder: string;
let tokenizer: Tokenizer;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'bures-rows-'));
  tokenizer = await loadTokenizer(path.resolve(import.meta.dirname, '../fixtures/tiny-qwen2/base'));
});

afterAll(() => rm(folder, { recursive: true }));

async function load(rows: readonly object[], options: object = {}, by = tokenizer) {
  const data = path.join(folder, 'rows.jsonl');
  await writeFile(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const terminal = { notice: () => undefined } as never;
  return loadData(
    { data, validSplit: 0, seed: 0, maskPrompt: true, ...options },
    { caller: 'finetune', tokenizer: by, positions: 512, terminal },
  );
}

const long = { prompt: 'word '.repeat(100), completion: 'a' };

it('says how many prompts fill a row, and what to do', async () => {
  const { notices, train } = await load([long, { prompt: 'q', completion: 'a' }, { text: '' }], { maxLength: 40, appendEnd: false });
  expect(train).toHaveLength(1);
  expect(notices).toEqual([
    expect.stringMatching(
      /rows\.jsonl: 1 row was left out, because the prompt alone fills the 40 tokens of a row, .*; raise maxLength \(--max-length\), at most to the model's 512$/,
    ),
    expect.stringMatching(/rows\.jsonl: 1 row was left out, because it has no token to train on$/),
  ]);
  await expect(load([long], { maxLength: 40 })).rejects.toThrow(
    /has no row to train on: of 1 row the prompt alone fills the 40 tokens of a row/,
  );
  await expect(load([{ prompt: 'word '.repeat(1000), completion: 'a' }])).rejects.toThrow(/fills the 512 tokens .* shorten them/);
});

it('counts the rows that are left out among those of the file, and says one thing in the singular', async () => {
  const short = { prompt: 'q', completion: 'word '.repeat(100) };
  const { notices } = await load([short, short, long, long, { text: '' }, { text: '' }], { maxLength: 40, appendEnd: false });
  expect(notices.map((notice) => notice.replace(/^.*rows\.jsonl: |, because .*/g, ''))).toEqual([
    '2 of 6 rows were cut to 40 tokens',
    '2 rows were left out',
    '2 rows were left out',
  ]);
  const one = await load([short, { prompt: 'q', completion: 'a' }], { maxLength: 40 });
  expect(one.notices).toEqual([expect.stringMatching(/: 1 of 2 rows was cut to 40 tokens$/)]);
});

it('says how many rows are trained on their last answer only', async () => {
  const forgetful: Tokenizer = {
    ...tokenizer,
    applyChatTemplate: (messages, options = {}) =>
      messages.map(({ role, content }, at) => `${role}: ${at === messages.length - 1 ? '' : '*'}${String(content)}\n`).join('') +
      (options.addGenerationPrompt === true ? 'assistant: <think>' : ''),
  };
  const turn = (role: string) => ({ role, content: 'hi' });
  const { notices, train } = await load([{ messages: ['user', 'assistant', 'user', 'assistant'].map(turn) }], {}, forgetful);
  expect(notices).toEqual([expect.stringMatching(/rows\.jsonl: 1 of 1 row is trained on its last answer only, because the chat template/)]);
  expect(tokenizer.decode([...train[0].labels].filter((label) => label >= 0))).toBe('hi\n<|endoftext|>');
});

it('takes what is trained on, and the end token, from the configuration', async () => {
  const turn = (role: string, content: string) => ({ role, content });
  const row = { messages: [turn('user', 'a'), turn('assistant', 'b'), turn('user', 'c'), turn('assistant', 'd')] };
  const trained = async (options: object): Promise<string> => {
    const { train } = await load([row], options);
    return tokenizer.decode([...train[0].labels].filter((label) => label >= 0));
  };
  expect(await trained({ trainOn: 'last-answer' })).toBe('d<|im_end|>\n<|endoftext|>');
  expect(await trained({ trainOn: 'last-answer', appendEnd: false })).toBe('d<|im_end|>\n');
  expect(await trained({ trainOn: 'answers' })).toBe('b<|im_end|>\nd<|im_end|>\n<|endoftext|>');
  expect(await trained({ maskPrompt: false, appendEnd: false })).toContain('<|im_start|>user\na<|im_end|>');
});

it('reads several data sets, each with its validation rows and its weight', async () => {
  const rowsOf = (word: string, count: number): string =>
    Array.from({ length: count }, (_, i) => `${JSON.stringify({ prompt: `${word} ${i}`, completion: 'a' })}\n`).join('');
  const [one, two, three] = ['one.jsonl', 'two', 'three.jsonl'].map((name) => path.join(folder, name));
  await writeFile(one, rowsOf('one', 10));
  await mkdir(two);
  await writeFile(path.join(two, 'train.jsonl'), rowsOf('two', 5));
  await writeFile(path.join(two, 'valid.jsonl'), rowsOf('valid', 3));
  await writeFile(three, rowsOf('three', 20));
  const data = await load([], { data: [one, two, three], dataWeights: [1, 2, 0.25], validSplit: 0.1 });
  expect(data.parts).toEqual([
    { rows: 9, weight: 1 },
    { rows: 5, weight: 2 },
    { rows: 18, weight: 0.25 },
  ]);
  const firstWords = (rows: typeof data.train) => rows.map(({ inputIds }) => /^\w+/.exec(tokenizer.decode([...inputIds]))?.[0]);
  expect(firstWords(data.train)).toEqual([...Array(9).fill('one'), ...Array(5).fill('two'), ...Array(18).fill('three')]);
  expect(firstWords(data.valid).toSorted()).toEqual(['one', 'three', 'three', 'valid', 'valid', 'valid']);
  expect(data.files.training.rows).toHaveLength(35);
  expect(data.files.validation?.rows).toHaveLength(3);
  const few = await load([], { data: [one, two, three], validSplit: 0.1, evalRows: 2 });
  expect([few.valid.length, few.parts]).toEqual([2, undefined]);
  const alone = await load([], { data: [one], validSplit: 0.1 });
  expect(alone.train).toEqual((await load([], { data: one, validSplit: 0.1 })).train);
  await expect(load([], { data: [one, two], dataWeights: [1] })).rejects.toThrow(
    'finetune: expected a weight for each of 2 data sets, got 1 in dataWeights (--data-weights); give one number each, in the order of data',
  );
});
