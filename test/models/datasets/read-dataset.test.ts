import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadTokenizer, type ReadDatasetOptions, readDataset, type Tokenizer } from 'bures/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, FormatError } from '../../../src/core/errors.js';

const checkpoint = path.resolve(import.meta.dirname, '../../fixtures/tiny-qwen2/base');
let folder: string;
let tokenizer: Tokenizer;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'bures-dataset-'));
  tokenizer = await loadTokenizer(checkpoint);
});

afterAll(() => rm(folder, { recursive: true }));

async function read(content: string | Uint8Array, options: ReadDatasetOptions = {}, by = tokenizer) {
  const file = path.join(folder, 'rows.jsonl');
  await writeFile(file, content);
  return readDataset(file, by, options);
}

/** A row as text: what is trained on is in brackets. */
function shown({ inputIds, labels }: { readonly inputIds: Int32Array; readonly labels: Int32Array }): string {
  const parts: { trained: boolean; readonly ids: number[] }[] = [];
  for (const [i, id] of inputIds.entries()) {
    const trained = labels[i] !== -100;
    if (trained) expect(labels[i]).toBe(id);
    if (parts.at(-1)?.trained !== trained) parts.push({ trained, ids: [] });
    parts.at(-1)?.ids.push(id);
  }
  return parts.map(({ trained, ids }) => (trained ? `[${tokenizer.decode(ids)}]` : tokenizer.decode(ids))).join('');
}

const json = (...rows: unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const hi = { role: 'user', content: 'hi' };
const yes = { role: 'assistant', content: 'yes' };
const system = { role: 'system', content: 'be brief' };

describe('rows', () => {
  it.each<[string, unknown, ReadDatasetOptions, string]>([
    ['a text', { text: 'all of it', id: 3 }, {}, '[all of it<|endoftext|>]'],
    ['a text that ends itself', { text: 'all<|endoftext|>' }, {}, '[all<|endoftext|>]'],
    ['a text without end', { text: 'all of it' }, { appendEnd: false }, '[all of it]'],
    ['a completion', { prompt: 'What?', completion: ' That.' }, {}, 'What?[ That.<|endoftext|>]'],
    ['a prompt that is not masked', { prompt: 'What?', completion: ' That.' }, { maskPrompt: false }, '[What? That.<|endoftext|>]'],
    ['an empty completion', { prompt: 'What?', completion: '' }, {}, 'What?[<|endoftext|>]'],
    ['one answer', { messages: [hi, yes] }, {}, '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n[yes<|im_end|>\n<|endoftext|>]'],
    [
      'two answers',
      { messages: [system, hi, yes, hi, yes] },
      { appendEnd: false },
      '<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n[yes<|im_end|>\n]' +
        '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n[yes<|im_end|>\n]',
    ],
    [
      'a conversation that goes on',
      { messages: [hi, yes, hi] },
      {},
      '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n[yes<|im_end|>\n]<|im_start|>user\nhi<|im_end|>\n',
    ],
    [
      'a conversation as a whole',
      { messages: [hi, yes] },
      { maskPrompt: false, appendEnd: false },
      '[<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nyes<|im_end|>\n]',
    ],
  ])('%s', async (_, row, options, expected) => {
    const { rows } = await read(json(row), options);
    expect(rows.map(shown)).toEqual([expected]);
  });

  it('a conversation whose template ends turns with an end token keeps that one', async () => {
    const ended = { ...tokenizer, endIds: [0, 2] };
    const { rows } = await read(json({ messages: [hi, yes] }), {}, ended);
    expect(rows.map(shown)).toEqual(['<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n[yes<|im_end|>\n]']);
  });

  it('pass over byte order mark, carriage returns, empty lines and a missing last line end', async () => {
    const { rows } = await read('\uFEFF{"text":"a\u2028b"}\r\n\n  \r\n{"text":"é😀"}');
    expect(rows.map(shown)).toEqual(['[a\u2028b<|endoftext|>]', '[é😀<|endoftext|>]']);
  });

  it('come out alike wherever the file is cut into chunks', async () => {
    // Lines of three-byte characters, so that the chunks of 256 KiB end within characters and lines.
    const texts = Array.from({ length: 40 }, (_, i) => '日 '.repeat(3000 + i));
    const { rows } = await read(json(...texts.map((text) => ({ text }))), { appendEnd: false });
    expect(rows.map(({ inputIds }) => tokenizer.decode(inputIds))).toEqual(texts);
  });
});

describe('rows that are too long', () => {
  const row = json({ prompt: 'one two three', completion: ' four five' }, { text: 'x' }, { prompt: 'What?', completion: 'y' });

  it('are cut at their end, and left out where the answer goes with it', async () => {
    const whole = await read(row, { appendEnd: false });
    const promptLength = whole.rows[0].labels.findIndex((label) => label !== -100);
    const cut = await read(row, { maxLength: promptLength + 2 });
    expect(cut.rows[0].inputIds).toEqual(whole.rows[0].inputIds.slice(0, promptLength + 2));
    expect(cut.rows[0].labels).toEqual(whole.rows[0].labels.slice(0, promptLength + 2));
    expect([cut.rows.length, cut.truncated, cut.dropped]).toEqual([3, 1, 0]);
    const without = await read(row, { maxLength: promptLength });
    expect([without.rows.length, without.truncated, without.dropped]).toEqual([2, 0, 1]);
  });

  it('are dropped or refused as asked', async () => {
    const dropped = await read(row, { maxLength: 6, overflow: 'drop' });
    expect([dropped.truncated, dropped.dropped]).toEqual([0, 1]);
    await expect(read(row, { maxLength: 6, overflow: 'error' })).rejects.toThrow('rows.jsonl:1: expected at most 6 tokens');
  });
});

describe('a malformed file is a FormatError that names the line', () => {
  const good = '{"text":"good"}\n';
  it.each<[string, string | Uint8Array, string]>([
    ['an empty file', '', 'rows.jsonl must hold a record at least'],
    ['empty lines', '\n \n', 'rows.jsonl must hold a record at least'],
    ['an empty list', ' [ ] ', 'rows.jsonl must hold a record at least'],
    ['no JSON', `${good}\n{"text":`, 'rows.jsonl:3 must be JSON'],
    ['a last line cut short', `${good}{"text":"go`, 'rows.jsonl:2 must be JSON'],
    [
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from(`${good}{"text":"`), Buffer.of(0xc3, 0x28), Buffer.from('"}\n')]),
      'rows.jsonl:2 must be UTF-8',
    ],
    ['half a character at the end', Buffer.concat([Buffer.from(good), Buffer.of(0xe6, 0x97)]), 'rows.jsonl:2 must be UTF-8'],
    ['a line of 10 MB', `${good}{"text":"${'x'.repeat(10_000_000)}"}\n`, 'rows.jsonl:2 must be a line of at most 8388608 bytes'],
    ['10 MB without a line end', 'x'.repeat(10_000_000), 'rows.jsonl:1 must be a line of at most'],
    ['a list of numbers', '[1]', 'rows.jsonl: row 1: expected a JSON object, got 1'],
    ['a number', '1', 'rows.jsonl:1: expected a JSON object, got 1'],
    ['null', 'null', 'rows.jsonl:1: expected a JSON object, got null'],
    ['another form', json({ question: 'a', answer: 'b' }), "rows.jsonl:1: expected the keys of one form, got 'question', 'answer'"],
    ['no keys', '{}', 'rows.jsonl:1: expected the keys of one form, got an object without keys'],
    ['two forms', json({ text: 'a', messages: [] }), "rows.jsonl:1: expected the keys of one form, got 'text', 'messages'"],
    ['a key twice', '{"text":"a","text":"b"}', 'rows.jsonl:1 has the key "text" twice'],
    ['no completion', json({ prompt: 'a' }), "rows.jsonl:1: expected the key 'completion', got none"],
    ['no prompt', json({ completion: 'a' }), "rows.jsonl:1: expected the key 'prompt', got none"],
    ['a number for a text', json({ text: 1 }), "rows.jsonl:1: 'text' must be a string, got 1"],
    ['null for a completion', json({ prompt: 'a', completion: null }), "rows.jsonl:1: 'completion' must be a string, got null"],
    ['a text for messages', json({ messages: 'hi' }), `rows.jsonl:1: 'messages' must be a list of messages, got "hi"`],
    ['no messages', json({ messages: [] }), "rows.jsonl:1: 'messages' must be a list of messages"],
    ['a message that is a text', json({ messages: ['hi'] }), "rows.jsonl:1: 'messages[0]' must be an object"],
    [
      'a message without role',
      json({ messages: [hi, { content: 'a' }] }),
      "rows.jsonl:1: 'messages[1].role' must be a string, got nothing",
    ],
    ['a message without content', json({ messages: [hi, { role: 'assistant' }] }), "rows.jsonl:1: 'messages[1].content' must be a string"],
    ['half a surrogate pair', '{"text":"\\ud83d"}', 'rows.jsonl:1 holds "\\ud83d"'],
  ])('%s', async (_, content, message) => {
    await expect(read(content)).rejects.toThrow(FormatError);
    await expect(read(content)).rejects.toThrow(message);
  });

  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  const digits = '1'.repeat(100_000);
  it.each<[string, string, string | undefined]>([
    ['a list in lists', nested(200_000), 'rows.jsonl: row 1: expected a JSON object, got an array of 1'],
    ['a list in lists that does not end', '['.repeat(1_000_000), 'rows.jsonl: row 1: expected a list with a bracket at its end'],
    ['objects in objects that do not end', '{"text":'.repeat(500_000), 'rows.jsonl:1 must be JSON'],
    ['nesting for a text', `{"text":${nested(200_000)}}`, "rows.jsonl:1: 'text' must be a string, got an array of 1"],
    ['nesting for a message', `{"messages":[${nested(200_000)}]}`, "rows.jsonl:1: 'messages[0]' must be an object, got an array of 1"],
    ['nesting under another key', `{"text":"a","more":${nested(200_000)}}`, undefined],
    ['objects in objects under another key', `{"text":"a","more":${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}}`, undefined],
    ['a number of 10⁵ digits for a text', `{"text":${digits}}`, "rows.jsonl:1: 'text' must be a string, got Infinity"],
    ['a number of 10⁵ digits under another key', `{"text":"a","more":-0.${digits}e-${digits}}`, undefined],
    ['a line of 50 MB', `{"text":"a","more":"${'x'.repeat(50_000_000)}"}`, 'rows.jsonl:1 must be a line of at most 8388608 bytes'],
    ['escapes of 50 MB', `{"text":"${String.raw`\"`.repeat(25_000_000)}"}`, 'rows.jsonl:1 must be a line of at most 8388608 bytes'],
  ])('or is read: %s', async (_, line, message) => {
    const { rows, error } = await read(`${line}\n`).then(
      (found) => ({ rows: found.rows, error: undefined }),
      (reason: Error) => ({ rows: undefined, error: reason }),
    );
    if (message === undefined) expect(rows?.map(shown)).toEqual(['[a<|endoftext|>]']);
    else expect(error).toMatchObject({ name: 'FormatError', message: expect.stringContaining(message) });
  });

  it('a file that is not there, or a directory', async () => {
    await expect(readDataset(path.join(folder, 'none.jsonl'), tokenizer)).rejects.toThrow(FormatError);
    await expect(readDataset(folder, tokenizer)).rejects.toThrow(FormatError);
  });
});

describe('chat templates that do not write turns alike, or not at all', () => {
  async function withTemplate(template: string): Promise<Tokenizer> {
    const copy = await mkdtemp(path.join(folder, 'model-'));
    await cp(checkpoint, copy, { recursive: true });
    await writeFile(path.join(copy, 'chat_template.jinja'), template);
    return loadTokenizer(copy);
  }

  it('trains on the last answer, and says so, where one writes earlier turns differently', async () => {
    const template =
      "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' and loop.last %}(thinking) {% endif %}{{ m.content }}\n{% endfor %}" +
      '{% if add_generation_prompt %}assistant: {% endif %}';
    const forgetful = await withTemplate(template);
    const { rows, lastAnswerOnly } = await read(json({ messages: [hi, yes] }, { messages: [hi, yes, hi, yes] }), {}, forgetful);
    expect(rows.map(shown)).toEqual([
      'user: hi\nassistant: [(thinking) yes\n<|endoftext|>]',
      'user: hi\nassistant: yes\nuser: hi\nassistant: [(thinking) yes\n<|endoftext|>]',
    ]);
    expect(lastAnswerOnly).toBe(1);
  });

  it('trains on all answers where a template ends whatever it writes with the end token (Phi-3)', async () => {
    const phi = await withTemplate(
      "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}" +
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
    );
    const { rows, lastAnswerOnly } = await read(json({ messages: [hi, yes, hi, yes] }), {}, phi);
    expect(rows.map(shown)).toEqual([
      '<|user|>\nhi<|end|>\n<|assistant|>\n[yes<|end|>\n]<|user|>\nhi<|end|>\n<|assistant|>\n[yes<|end|>\n<|endoftext|>]',
    ]);
    expect(lastAnswerOnly).toBe(0);
  });

  it.each([
    '{{ messages | tojson }}',
    '{{ messages }}',
    '{% for m in messages %}{{ m.more }}{% endfor %}',
    '{{ messages | tojson(indent=2) }}',
  ])('refuses, in the line, nesting that %s cannot write', async (template) => {
    const deep = await withTemplate(template);
    const nesting = '['.repeat(200_000) + ']'.repeat(200_000);
    const line = `{"messages":[{"role":"user","content":"hi","more":${nesting}},{"role":"assistant","content":"yes"}]}\n`;
    await expect(read(line, {}, deep)).rejects.toThrow(/rows\.jsonl:1: applyChatTemplate: .*; /s);
    await expect(read(line, {}, deep)).rejects.toThrow(FormatError);
  });

  it("gives the template's own refusal with file and line", async () => {
    const strict = await withTemplate("{{ raise_exception('no system role') }}");
    await expect(read(json({ messages: [system, hi, yes] }), {}, strict)).rejects.toThrow(
      /rows\.jsonl:1: applyChatTemplate: .*no system role/,
    );
  });
});

it('refuses options it does not know, and end tokens where the tokenizer has none', async () => {
  const wrong = (options: object) => read('{"text":"a"}', options);
  await expect(wrong({ maxlength: 3 })).rejects.toThrow(ConfigError);
  await expect(wrong({ maxLength: 1 })).rejects.toThrow(ConfigError);
  await expect(wrong({ overflow: 'cut' })).rejects.toThrow(ConfigError);
  await expect(read('{"text":"a"}', {}, { ...tokenizer, specials: {} })).rejects.toThrow('an eos_token');
  await expect(read('{"text":"a"}', { signal: AbortSignal.abort(new Error('stopped')) })).rejects.toThrow('stopped');
});

it('reads the golden rows the same with other line ends', async () => {
  const content = await readFile(path.resolve(checkpoint, '../train.jsonl'), 'utf8');
  const unix = await read(content);
  const windows = await read(content.replaceAll('\n', '\r\n'));
  expect(windows).toEqual(unix);
});

describe('columns and known shapes', () => {
  const prompt =
    'Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\nadd\n\n### Response:';
  const promptWithInput =
    'Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\nadd\n\n### Input:\n1 1\n\n### Response:';
  it.each<[string, object, ReadDatasetOptions, string]>([
    ['prompt and completion by name', { q: 'a', a: 'b' }, { promptColumn: 'q', completionColumn: 'a' }, 'a[b<|endoftext|>]'],
    ['a prompt by name', { q: 'a', completion: 'b' }, { promptColumn: 'q' }, 'a[b<|endoftext|>]'],
    ['a number that was named', { q: 'a', a: 12 }, { promptColumn: 'q', completionColumn: 'a' }, 'a[12<|endoftext|>]'],
    ['a text by name, among other forms', { body: 'a', text: 'no', prompt: 'no' }, { textColumn: 'body' }, '[a<|endoftext|>]'],
    [
      'messages by name',
      { turns: [hi, yes] },
      { messagesColumn: 'turns' },
      '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n[yes<|im_end|>\n<|endoftext|>]',
    ],
    ['Alpaca without input', { instruction: 'add', input: '', output: '2' }, {}, `${prompt}[2<|endoftext|>]`],
    ['null for the columns of other forms', { prompt: '1+1=', completion: '2', text: null, messages: null }, {}, '1+1=[2<|endoftext|>]'],
    ['Alpaca with null for the input', { instruction: 'add', input: null, output: '2' }, {}, `${prompt}[2<|endoftext|>]`],
    ['Alpaca with input', { instruction: 'add', input: '1 1', output: '2' }, {}, `${promptWithInput}[2<|endoftext|>]`],
    ["Alpaca's own file, with the whole text", { instruction: 'add', output: '2', text: 'all' }, {}, `${prompt}[2<|endoftext|>]`],
    [
      'ShareGPT',
      {
        id: 'x',
        conversations: [
          { from: 'human', value: 'hi' },
          { from: 'gpt', value: 'yes' },
        ],
      },
      {},
      '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n[yes<|im_end|>\n<|endoftext|>]',
    ],
    [
      'ShareGPT under another name',
      {
        dialog: [
          { from: 'user', value: 'hi' },
          { from: 'assistant', value: 'yes' },
        ],
      },
      { messagesColumn: 'dialog' },
      '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n[yes<|im_end|>\n<|endoftext|>]',
    ],
  ])('%s', async (_, row, options, expected) => {
    const { rows } = await read(json(row), options);
    expect(rows.map(shown)).toEqual([expected]);
  });

  it.each<[string, object, ReadDatasetOptions, string]>([
    [
      'a column that is not there',
      { question: 'a', answer: 'b' },
      { promptColumn: 'q' },
      "rows.jsonl:1: has no column \"q\"; its columns are 'question', 'answer'; name the right one: promptColumn, as a flag --prompt-column",
    ],
    ['a column of another type', { q: ['a'] }, { textColumn: 'q' }, "rows.jsonl:1: 'q' must be a string, got an array of 1"],
    ['keys of no form', { question: 'a' }, {}, 'or name the columns: --prompt-column and --completion-column'],
    ['two forms', { instruction: 'a', output: 'b', prompt: 'c' }, {}, "got 'prompt', 'instruction', 'output'"],
    ['half of Alpaca', { instruction: 'a' }, {}, "rows.jsonl:1: expected the key 'output', got none"],
    [
      'an unknown speaker',
      {
        conversations: [
          { from: 'human', value: 'a' },
          { from: 'tool', value: 'b' },
        ],
      },
      {},
      'rows.jsonl:1: \'conversations[1].from\' must be one of system, human, user, gpt, assistant, got "tool"',
    ],
    [
      'a turn without text',
      { conversations: [{ from: 'human' }] },
      {},
      "rows.jsonl:1: 'conversations[0].value' must be a string, got nothing",
    ],
  ])('refuses %s', async (_, row, options, message) => {
    await expect(read(json(row), options)).rejects.toThrow(message);
    await expect(read(json(row), options)).rejects.toThrow(FormatError);
  });

  it('refuses columns of two forms, and names that are none', async () => {
    await expect(read(json({ a: 'b' }), { promptColumn: 'a', textColumn: 'a' })).rejects.toThrow(
      'expected columns of one form, got promptColumn and completionColumn and textColumn',
    );
    await expect(read(json({ a: 'b' }), { textColumn: '' })).rejects.toThrow('textColumn must be the name of a column, got ""');
  });

  it('reads tables and Parquet by the same names', async () => {
    const file = path.join(folder, 'rows.csv');
    await writeFile(file, 'question,answer\nWhat?,"a, b"\n');
    const { rows } = await readDataset(file, tokenizer, { promptColumn: 'question', completionColumn: 'answer' });
    expect(rows.map(shown)).toEqual(['What?[a, b<|endoftext|>]']);
    const parquet = path.resolve(import.meta.dirname, '../../fixtures/records/questions-snappy.parquet');
    const numbers = await readDataset(parquet, tokenizer, { promptColumn: 'question', completionColumn: 'answer' });
    expect(numbers.rows).toHaveLength(5000);
    expect(shown(numbers.rows[41])).toBe('What is 41 + 1?[42<|endoftext|>]');
  });
});
