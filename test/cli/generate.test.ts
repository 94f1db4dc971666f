/** `bures generate` and `bures chat`: prompts from flags, files and the standard input; conversations. */
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { generateText, loadCausalLM, loadTokenizer } from 'bures/models';
import { tensorAlgebra } from 'bures/tensor';
import { describe, expect, it } from 'vitest';
import { Conversation } from '../../src/cli/chat/conversation.js';
import { commandLine } from '../support/command-line.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { runCli, runCliWith } from './run-cli.js';

const model = 'test/fixtures/models/tiny-qwen2';
const plain = 'examples/models/tiny-math-base';
const folder = temporaryFolder('generate');
const wasm = ['--backend', 'wasm', '--max-tokens', '6'];

interface Result {
  readonly prompt: unknown;
  readonly completion: string;
  readonly tokens: number;
  readonly finish: string;
}

async function generated(input: string | undefined, ...words: readonly string[]): Promise<Result & readonly Result[]> {
  const { status, stdout, stderr } = await runCliWith(input, 'generate', plain, ...wasm, '--json', ...words);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as Result & readonly Result[];
}

/** What the library gives for a prompt. */
async function expected(prompt: string, options: Parameters<typeof generateText>[3] = {}): Promise<string> {
  const algebra = await tensorAlgebra({ backend: 'wasm' });
  const lm = await loadCausalLM(plain, { algebra });
  let text = '';
  for await (const piece of generateText(lm, await loadTokenizer(plain), prompt, { maxNewTokens: 6, ...options })) text += piece;
  lm.dispose();
  return text;
}

describe('bures generate', () => {
  it('continues what is piped in, just as it is', async () => {
    const question = 'What is 31 + 7?';
    for (const prompt of [question, `${question}\n`, `${question}\n\n`, ` ${question}\r\n`]) {
      const answer = await expected(prompt);
      expect(await generated(prompt)).toMatchObject({ prompt, completion: answer });
      expect(await generated(undefined, '--prompt', prompt)).toMatchObject({ prompt, completion: answer });
      expect((await runCliWith(prompt, 'generate', plain, ...wasm)).stdout).toBe(`${answer}\n`);
    }
  });

  it('answers a message that is piped in without its last line end', async () => {
    const words = ['generate', model, ...wasm, '--chat', '--json'];
    expect((await runCliWith('a\n\n', ...words)).stdout).toBe((await runCli(...words, '--prompt', 'a\n')).stdout);
  });

  it('continues the prompts of several flags', async () => {
    const prompts = ['What is 31 + 7?\n', '1, 2', '[3]', '4'];
    const found = await generated(undefined, ...prompts.flatMap((prompt) => ['--prompt', prompt]));
    const answers: string[] = [];
    for (const prompt of prompts) answers.push(await expected(prompt));
    expect(found.map(({ prompt, completion }) => [prompt, completion])).toEqual(prompts.map((prompt, i) => [prompt, answers[i]]));
  });

  it('takes prompts from a column that is named', async () => {
    const file = path.join(folder, 'columns.csv');
    writeFileSync(file, 'question,prompt\n12,x\n"1 +\n2",y\n');
    const found = await generated(undefined, '--prompts', file, '--prompt-column', 'question');
    expect(found.map(({ prompt }) => prompt)).toEqual(['12', '1 +\n2']);
    const turns = path.join(folder, 'turns.jsonl');
    writeFileSync(turns, JSON.stringify({ talk: [{ role: 'user', content: 'a' }], prompt: 'b' }));
    const { stdout } = await runCli('generate', model, ...wasm, '--prompts', turns, '--messages-column', 'talk', '--json');
    expect(JSON.parse(stdout)).toMatchObject([{ prompt: [{ role: 'user', content: 'a' }] }]);
  });

  it('continues several prompts of a file or the standard input, each by itself', async () => {
    const questions = ['What is 31 + 7?', 'What is 5 - 2?', 'What is 40 + 4?'];
    const answers = await Promise.all(questions.map((question) => expected(question)));
    const files = {
      'lines.txt': `${questions.join('\n')}\n\n`,
      'rows.jsonl': questions.map((prompt, i) => JSON.stringify(i === 1 ? prompt : { prompt, completion: 'not read' })).join('\n'),
      'list.json': JSON.stringify(questions.map((prompt) => ({ prompt }))),
      'table.csv': `prompt\n${questions.join('\n')}\n`,
    };
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(path.join(folder, name), text);
      const results = await generated(undefined, '--prompts', path.join(folder, name));
      expect(results.map(({ prompt, completion }) => [prompt, completion])).toEqual(questions.map((question, i) => [question, answers[i]]));
    }
    expect((await generated(questions.join('\n'), '--prompts', '-')).map(({ completion }) => completion)).toEqual(answers);
    const shown = await runCliWith(questions.join('\n'), 'generate', plain, ...wasm, '--prompts', '-');
    expect(shown.stdout).toBe(answers.map((answer) => `${answer}\n`).join(''));
    expect(shown.stderr).toContain('[2/3] What is 5 - 2?');
  });

  it('answers the messages of rows, without the answers that they have', async () => {
    const messages = [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ];
    const file = path.join(folder, 'chats.jsonl');
    writeFileSync(file, `${JSON.stringify({ messages })}\n${JSON.stringify({ prompt: 'a' })}\n`);
    const { stdout } = await runCli('generate', model, ...wasm, '--prompts', file, '--chat', '--json');
    const [row, single] = JSON.parse(stdout) as readonly Result[];
    expect(row.prompt).toEqual([messages[0]]);
    expect(row.completion).toBe(single.completion);
    expect(row.completion).not.toBe('');
  });

  it('ends before a stop text, and repeats itself less with a penalty', async () => {
    const prompt = 'Sort 91, 30, 77.\n';
    const whole = await expected(prompt);
    expect(whole.length).toBeGreaterThan(1);
    expect(await generated(undefined, '--prompt', prompt, '--stop', 'never', '--stop', whole[1])).toMatchObject({
      completion: whole.slice(0, 1),
      finish: 'stop',
    });
    const options = { repetitionPenalty: 30 };
    expect(await generated(undefined, '--prompt', prompt, '--repetition-penalty', '30')).toMatchObject({
      completion: await expected(prompt, options),
    });
    expect(await expected(prompt, options)).not.toBe(whole);
  });

  it.each<[string, string | undefined, readonly string[], RegExp]>([
    ['no prompt', undefined, [], /the prompt is missing; add --prompt TEXT or --prompts FILE, or pipe it in/],
    ['an empty input', '\n', [], /the standard input holds no prompt/],
    ['both flags', undefined, ['--prompt', 'a', '--prompts', 'b'], /--prompt and --prompts are both given/],
    ['no file', undefined, ['--prompts', 'nowhere.txt'], /nowhere\.txt/],
    ['an empty list of prompts', '', ['--prompts', '-'], /the standard input holds no prompt; write one on each line/],
    ['an empty stop text', undefined, ['--prompt', 'a', '--stop', ''], /stop/],
    ['an empty prompt', undefined, ['--prompt', ''], /--prompt: prompt.0 must not be empty, got ""/],
    ['a prompt of characters that the tokenizer lacks', undefined, ['--prompt', 'é日本'], /knows none of the characters of "é日本"/],
    ['a column without a file', 'a', ['--prompt-column', 'a'], /--prompt-column names a column of --prompts FILE, .*got no --prompts/],
    ['a column of lines', undefined, ['--prompts', 'a.txt', '--prompt-column', 'a'], /a file of records .*got a\.txt/],
    ['two columns', undefined, ['--prompts', 'a.csv', '--prompt-column', 'a', '--messages-column', 'b'], /are both given/],
    ['a temperature for top-k', undefined, ['--prompt', 'a', '--top-k', '3'], /generate: --top-k needs --temperature above 0/],
    ['a temperature for top-p', undefined, ['--prompt', 'a', '--top-p', '0.5'], /generate: --top-p needs --temperature above 0/],
    ['a probability above 1', undefined, ['--prompt', 'a', '--top-p', '1.5', '--temperature', '1'], /--top-p: must be at most 1, got 1.5/],
    ['a probability of 0', undefined, ['--prompt', 'a', '--top-p', '0', '--temperature', '1'], /--top-p: must be above 0, got 0/],
  ])('refuses %s', async (_name, input, words, message) => {
    const { status, stdout, stderr } = await runCliWith(input, 'generate', plain, ...wasm, ...words);
    expect(stderr).toMatch(message);
    expect([status, stdout]).not.toEqual([0, '']);
    expect(status).not.toBe(0);
  });

  it('names a row that is no prompt', async () => {
    const file = path.join(folder, 'bad.jsonl');
    writeFileSync(file, '{"prompt": "a"}\n{"question": "b"}\n');
    const { status, stderr } = await runCli('generate', plain, ...wasm, '--prompts', file);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /bad\.jsonl:2 must have a text 'prompt', or 'messages' with roles; its columns are 'question'; name the column with --prompt-column/,
    );
  });
});

describe('bures chat', () => {
  const chat = (input: string, ...words: readonly string[]) => runCliWith(input, 'chat', model, ...wasm, ...words);
  const messagesOf = async (input: string, ...words: readonly string[]): Promise<{ role: string; content: string }[]> => {
    const { status, stdout, stderr } = await chat(input, '--json', ...words);
    expect(status, stderr).toBe(0);
    return (JSON.parse(stdout) as { messages: { role: string; content: string }[] }).messages;
  };

  it('answers line after line, with the whole conversation as its prompt', async () => {
    const messages = await messagesOf('hello\nand \\\nmore\n', '--system', 'be brief');
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user', 'assistant']);
    expect(messages[3].content).toBe('and \nmore');
    const file = path.join(folder, 'conversation.jsonl');
    writeFileSync(file, JSON.stringify({ messages }));
    const [{ completion }] = JSON.parse(
      (await runCli('generate', model, ...wasm, '--prompts', file, '--json')).stdout,
    ) as readonly Result[];
    expect(completion).toBe(messages[4].content);
  });

  it('obeys commands', async () => {
    expect(await messagesOf('a\n/undo\nb\n/bye\nc\n')).toMatchObject([{ content: 'b' }, { role: 'assistant' }]);
    expect(await messagesOf('a\n/clear\n')).toEqual([]);
    expect(await messagesOf('a\n/system of  one\nb\n')).toMatchObject([{ role: 'system', content: 'of  one' }, { content: 'b' }, {}]);
    expect(await messagesOf('a\n/system\n', '--system', 'x')).toEqual([]);
    const warm = ['--temperature', '2'];
    const [first, again] = await Promise.all([messagesOf('a\n', ...warm), messagesOf('a\n/retry\n', ...warm)]);
    expect(again).toHaveLength(2);
    expect(again[1].content).not.toBe(first[1].content);
    const { stderr } = await chat('/undo\n/retry\n/nothing at all\n/clear\n/system be brief\n/system\n/help\n');
    for (const said of ['(begun anew)', '(begun anew, with this instruction)', '(begun anew, without an instruction)'])
      expect(stderr).toContain(said);
    expect(stderr).toMatch(/no message to take back[\s\S]*no message to answer again[\s\S]*no command \/nothing at all[\s\S]*\/clear/);
  });

  it('leaves out the oldest messages that do not fit, and refuses one that is too long', async () => {
    const long = 'x1 '.repeat(35);
    const { stdout, stderr, status } = await chat(`${long}\n${long}\n${'y2 '.repeat(300)}\nshort\n`);
    expect(status).toBe(0);
    expect(stderr).toContain('the first 1 message is beyond what the model can read');
    expect(stderr).toMatch(/expected a message that leaves room in 256 tokens, the model's limit, got \d+ tokens; shorten it/);
    expect(stdout.split('\n').length).toBeGreaterThanOrEqual(4);
  });

  it('checks flags of sampling by their names', async () => {
    expect(await chat('a\n', '--top-k', '3')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/chat: --top-k needs --temperature/),
    });
  });

  it('refuses a model without a chat template, and a machine without input', async () => {
    expect(await runCliWith('a\n', 'chat', plain, ...wasm)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(
        /has none; give one with --chat-template .*chat_template\.jinja.*, or continue plain text with bures generate/,
      ),
    });
    expect(await runCli('chat', model)).toMatchObject({ status: 2, stderr: expect.stringContaining('no standard input') });
  });

  it('a conversation that fits is written whole', async () => {
    const conversation = new Conversation(await loadTokenizer(model), undefined);
    for (const text of ['one', 'two']) {
      conversation.add('user', text);
      conversation.add('assistant', text);
    }
    conversation.add('user', 'three');
    expect(conversation.prompt(256, 20).left).toBe(0);
    const { text, left } = conversation.prompt(60, 20);
    expect(left).toBeGreaterThan(0);
    expect(text).toContain('three');
    expect(text).not.toContain('one');
  });

  const hasScript = (() => {
    try {
      return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux');
    } catch {
      return false;
    }
  })();

  it.skipIf(!hasScript)(
    `Ctrl-C stops an answer, and twice ends a conversation${hasScript ? '' : ' (skipped: no script of util-linux)'}`,
    async () => {
      const words = [...commandLine, 'chat', model, '--max-tokens', '230', '--backend', 'wasm', '--temperature', '1', '--seed', '2'];
      const child = spawn('script', ['-qec', [process.execPath, ...words].join(' '), '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
      const output = new PassThrough();
      let shown = '';
      child.stdout.pipe(output);
      output.on('data', (chunk: Buffer) => {
        shown += chunk.toString();
      });
      const until = async (condition: () => boolean): Promise<void> => {
        while (!condition() && child.exitCode === null) await setTimeout(10);
      };
      const type = (text: string): void => void child.stdin.write(text);
      await until(() => shown.includes('> '));
      type('hello\r');
      // The echo, and the beginning of the answer.
      await until(() => (shown.split('hello')[1] ?? '').trim().length > 10);
      type('\u0003');
      await until(() => shown.includes('(stopped)'));
      expect(shown).toContain('(stopped)');
      await until(() => shown.split('(stopped)')[1].includes('> '));
      type('\u0003');
      await until(() => shown.includes('Ctrl-C again'));
      type('\u0003');
      await new Promise((resolve) => child.on('close', resolve));
      expect(child.exitCode).toBe(0);
    },
  );
});
