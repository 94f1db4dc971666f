/** What the command says of rows that it trains on in part, or leaves out. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadTokenizer, type Tokenizer } from 'bures/models';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withWeightsApart } from '../../src/cli/data/data-sets.js';
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

it('says why there is no row to train on', async () => {
  const user = { role: 'user', content: 'a' };
  const left = { role: 'assistant', content: 'b', weight: 0 };
  const answers =
    /has no row to train on: 2 rows have no token to train on: no completion or turn of the assistant .*--train-on everything/;
  await expect(load([{ messages: [user] }, { messages: [user] }])).rejects.toThrow(answers);
  await expect(load([{ messages: [user, left] }, { messages: [user] }])).rejects.toThrow(answers);
  const empty = [{ prompt: '', completion: '' }];
  await expect(load(empty, { trainOn: 'everything', appendEnd: false })).rejects.toThrow(
    /: 1 row has no token to train on, as their texts are empty/,
  );
  await expect(load([long, { messages: [user] }], { maxLength: 40 })).rejects.toThrow(
    /: of 1 row the prompt alone fills .*; and 1 row has no token to train on: no completion/,
  );
  expect((await load([{ messages: [user] }], { trainOn: 'everything' })).train).toHaveLength(1);
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

it('reads data sets with columns of their own', async () => {
  const write = async (name: string, row: object): Promise<string> => {
    const file = path.join(folder, name);
    await writeFile(file, `${JSON.stringify(row)}\n`);
    return file;
  };
  const asked = await write('asked.jsonl', { question: 'q', answer: 'a' });
  const said = await write('said.jsonl', { body: 't' });
  const usual = await write('usual.jsonl', { prompt: 'p', completion: 'c' });
  const columns = { promptColumn: 'question', completionColumn: 'answer' };
  const texts = async (options: object) => (await load([], options)).train.map(({ inputIds }) => tokenizer.decode([...inputIds]));
  const all = ['qa', 't', 'pc'].map((text) => `${text}<|endoftext|>`);
  expect(await texts({ data: [{ data: asked, ...columns }, { data: said, textColumn: 'body' }, usual] })).toEqual(all);
  // Those of all sets are for entries that name none.
  const own = { data: usual, promptColumn: 'prompt', completionColumn: 'completion' };
  expect(await texts({ data: [asked, { data: said, textColumn: 'body' }, own], ...columns })).toEqual(all);
  await expect(texts({ data: [asked, { data: said, textColumn: 'body', promptColumn: 'q' }] })).rejects.toThrow(
    'finetune: expected columns of one form, got data.1.promptColumn and data.1.textColumn',
  );
  await expect(texts({ data: [usual, asked], promptColumn: 'prompt' })).rejects.toThrow(
    /asked\.jsonl:1: has no column "prompt"; .*promptColumn, as a flag --prompt-column/,
  );
});

it('moves weights of entries to dataWeights', () => {
  const entry = { data: 'b', weight: 2, textColumn: 't' };
  expect(withWeightsApart('finetune', { data: ['a', entry] })).toEqual({
    data: ['a', { data: 'b', textColumn: 't' }],
    dataWeights: [1, 2],
  });
  const plain = { data: ['a', { data: 'b' }] };
  expect(withWeightsApart('finetune', plain)).toBe(plain);
  expect(() => withWeightsApart('finetune', { data: ['a', entry], dataWeights: [1, 1] })).toThrow(/got dataWeights and data\.1\.weight/);
});

it('says what to do with several data sets in one flag', async () => {
  const names = ['a.jsonl', 'b.jsonl'].map((name) => path.join(folder, name));
  for (const name of names) await writeFile(name, '{"text": "a"}\n');
  await expect(load([], { data: names.join(',') })).rejects.toThrow(
    `does not exist, but its parts at the commas do; give the flag once for each, --data ${names[0]} --data ${names[1]}, or a list`,
  );
  await expect(load([], { data: `${names[0]},${names[1]}x` })).rejects.toThrow(/does not exist; pass a file/);
});
