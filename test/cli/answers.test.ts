/**
 * Conversations with a chat template that is given: trained on, recorded, answered up to the end of the turn, merged.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { chatTemplates, loadTokenizer } from 'bures/models';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { temporaryFolder } from '../support/temporary-folder.js';
import { runCli, runCliWith } from './run-cli.js';

/** Its end token is <|endoftext|>, and it has no chat template. */
const model = 'examples/models/tiny-math-base';
const folder = temporaryFolder('answers');
const [run, rows, template] = ['run', 'rows.jsonl', 'mine.jinja'].map((name) => path.join(folder, name));
const wasm = ['--backend', 'wasm'];
const few = [...wasm, '--max-tokens', '12'];

beforeAll(async () => {
  const row = (question: string) => ({
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: '14' },
    ],
  });
  writeFileSync(rows, ['7 + 7?', '6 + 8?', '2 * 7?', '9 + 5?'].map((question) => JSON.stringify(row(question))).join('\n'));
  writeFileSync(template, chatTemplates.chatml);
  const keys = ['--learning-rate', '1e-2', '--steps', '80', '--valid-split', '0', '--batch-size', '4', '--method', 'lora', '--rank', '8'];
  const words = ['finetune', '--model', model, '--data', rows, ...keys, ...wasm, '--tensorboard', 'false', '--out', run];
  const { status, stderr } = await runCli(...words, '--chat-template', template);
  expect(status, stderr).toBe(0);
  // The run has the template itself.
  writeFileSync(template, 'gone');
});

describe('an answer ends where its template ends the turn', () => {
  it('of generate --chat, without the end and the line break behind it', async () => {
    const { stdout, stderr, status } = await runCli('generate', run, ...few, '--chat', '--prompt', '7 + 7?', '--json');
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ completion: '14', finish: 'stop' });
    const tokenizer = await loadTokenizer(model, { chatTemplate: 'chatml' });
    const prompt = tokenizer.applyChatTemplate([{ role: 'user', content: '7 + 7?' }], { addGenerationPrompt: true });
    // A text goes on to the end token.
    const text = await runCli('generate', run, ...few, '--prompt', prompt, '--json');
    expect(JSON.parse(text.stdout)).toMatchObject({ completion: '14\n', finish: 'stop' });
  });

  it('of chat, which keeps it as training has seen it', async () => {
    const { stdout, stderr, status } = await runCliWith('7 + 7?\n6 + 8?\n', 'chat', run, ...few, '--json');
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout).messages[1]).toEqual({ role: 'assistant', content: '14' });
  });
});

describe('--chat-template', () => {
  it('is recorded in the run by its contents, and read by later commands', async () => {
    expect(parse(readFileSync(path.join(run, 'config.yaml'), 'utf8'))).toMatchObject({ chatTemplate: chatTemplates.chatml });
    const { status, stdout, stderr } = await runCli('eval', run, '--data', rows, ...wasm, '--json');
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ exactMatch: 1 });
    const other = await runCli('eval', run, '--data', rows, ...wasm, '--json', '--chat-template', 'zephyr');
    expect(JSON.parse(other.stdout).loss).not.toBe(JSON.parse(stdout).loss);
    expect(await runCli('resume', run)).toMatchObject({ status: 0, stderr: expect.stringContaining('all 80 steps are done') });
  });

  it('goes with the merged model', async () => {
    const out = path.join(folder, 'merged');
    const { status, stderr } = await runCli('merge', run, '--out', out, ...wasm);
    expect(status, stderr).toBe(0);
    expect(readFileSync(path.join(out, 'chat_template.jinja'), 'utf8')).toBe(chatTemplates.chatml);
  });

  it.each<[string, readonly string[], RegExp]>([
    ['no template', ['--data', 'ROWS'], /no chat template; write one into chat_template\.jinja .*--chat-template.*chatml/],
    [
      'no file',
      ['--data', 'ROWS', '--chat-template', 'chatmml'],
      /eval: expected a file with a Jinja template or one of chatml, .*'chatmml'/,
    ],
    ['a file without a template', ['--data', 'ROWS', '--chat-template', 'ROWS'], /rows\.jsonl has no \{\{ or \{% in it/],
  ])('%s is an error that says how to give one', async (_name, words, message) => {
    const { status, stderr } = await runCli('eval', model, ...wasm, ...words.map((word) => (word === 'ROWS' ? rows : word)));
    expect([status === 0, stderr]).toEqual([false, expect.stringMatching(message)]);
  });
});
