/** `eval` and `inspect --conditioning` read rows as the run read its own, and say so. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawQuestions } from '../../examples/questions/questions.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model as original, writeRows } from './math-runs.js';
import { runCli } from './run-cli.js';

const scratch = temporaryFolder('eval-as-trained');
const model = path.join(scratch, 'model');
cpSync(original, model, { recursive: true });
// The day is a part of every row, so that rows of another day have another loss.
writeFileSync(
  path.join(model, 'chat_template.jinja'),
  "{{ strftime_now('%Y-%m-%d') + '\\n' }}{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}",
);

const { train, held } = drawQuestions({ tasks: ['digits', 'gcd'], seed: 5, train: 20, held: 7 });
type Question = (typeof train)[number];
/** Writes the rows of a form, and returns the files. */
function writeForm(name: string, form: (question: Question) => object) {
  const [rows, valid] = ['train', 'valid'].map((part) => path.join(scratch, `${name}-${part}.jsonl`));
  writeRows(rows, train.map(form));
  writeRows(valid, held.map(form));
  return { rows, valid };
}
const columns = writeForm('columns', ({ prompt, completion }) => ({ question: prompt, answer: completion }));
const chats = writeForm('chats', ({ prompt, completion }) => ({
  turns: ['first', prompt].flatMap((content) => [
    { role: 'user', content },
    { role: 'assistant', content: content === 'first' ? 'well' : completion },
  ]),
}));

const namedColumns = ['--prompt-column', 'question', '--completion-column', 'answer'];
const cases: readonly (readonly [string, { readonly rows: string; readonly valid: string }, readonly string[], string])[] = [
  [
    'everything',
    columns,
    [...namedColumns, '--train-on', 'everything'],
    'trainOn everything, promptColumn question, completionColumn answer',
  ],
  ['no end', columns, [...namedColumns, '--append-end', 'false'], 'appendEnd false, promptColumn question, completionColumn answer'],
  [
    'cut rows',
    columns,
    [...namedColumns, '--train-on', 'everything', '--max-length', '20'],
    'trainOn everything, maxLength 20, promptColumn question, completionColumn answer',
  ],
  ['the last answer', chats, ['--messages-column', 'turns', '--train-on', 'last-answer'], 'trainOn last-answer, messagesColumn turns'],
];

describe.each(cases)('of a run that trains on %s', (name, files, how, said) => {
  const run = path.join(scratch, `run ${name}`);
  const options = ['--backend', 'wasm'];
  const evaluated = async (...words: readonly string[]) => {
    const { status, stdout, stderr } = await runCli('eval', ...words, '--data', files.valid, ...options, '--json');
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout) as { loss: number; rows: number; exactMatch: number };
  };

  it('eval has the loss that the run had, and a copy of its adapter with the same flags too', async () => {
    const data = path.join(scratch, `data ${name}`);
    cpSync(files.rows, path.join(data, 'train.jsonl'), { recursive: true });
    cpSync(files.valid, path.join(data, 'valid.jsonl'));
    const trained = ['finetune', '--model', model, '--data', data, '--steps', '2', '--rank', '2', '--target-modules', 'v_proj'];
    const day = name === 'the last answer' ? ['--today', '2020-02-03'] : [];
    const { status, stderr } = await runCli(...trained, ...how, ...day, '--tensorboard', 'false', ...options, '--out', run);
    expect(status, stderr).toBe(0);
    const { loss } = JSON.parse(readFileSync(path.join(run, 'best', 'best.json'), 'utf8')) as { loss: number };
    const card = readFileSync(path.join(run, 'best', 'README.md'), 'utf8');
    expect(/\| trained on \| (.*) \|/.exec(card)?.[1]).toBe(/trainOn ([\w-]+)/.exec(said)?.[1]);
    expect(card.includes('| end of rows | no end token')).toBe(said.includes('appendEnd false'));
    const own = await evaluated(run);
    expect(own.loss / loss).toBeCloseTo(1, 5);
    expect((await evaluated(path.join(run, 'best'))).loss).toBe(own.loss);
    if (day.length === 0) {
      const copy = path.join(scratch, `copy ${name}`);
      cpSync(path.join(run, 'best'), copy, { recursive: true });
      expect(await evaluated(copy, '--model', model, ...how)).toMatchObject({ loss: own.loss, exactMatch: own.exactMatch });
    }
    // Prompts are not generated, and where training cut rows says nothing of the answers.
    if (name === 'cut rows') {
      const whole = await evaluated(run, '--train-on', 'answers', '--max-length', '200');
      expect([own.rows, own.exactMatch]).toEqual([7, whole.exactMatch]);
    }
  });

  it('the first line says how rows are read', async () => {
    const { stdout } = await runCli('eval', run, '--data', files.valid, ...options);
    expect(stdout.split('\n')[0]).toBe(`rows are read with ${said}`);
    expect(stdout.split('\n')[1]).toMatch(/^7 rows, \d+ tokens: loss /);
  });
});

it('inspect measures the loss at the rows of the run, read as they were', async () => {
  const [run, data] = ['run', 'data'].map((what) => path.join(scratch, `${what} cut rows`));
  const words = ['inspect', run, '--conditioning', '--rows', '2', '--backend', 'wasm', '--json'];
  const { status, stdout, stderr } = await runCli(...words);
  expect(status, stderr).toBe(0);
  const measured = JSON.parse(stdout).conditioning.asTrained.loss;
  const given = await runCli(...words, '--data', data);
  expect(JSON.parse(given.stdout).conditioning.asTrained.loss).toBe(measured);
  const rows = path.join(scratch, 'first.jsonl');
  writeFileSync(rows, readFileSync(path.join(data, 'train.jsonl'), 'utf8').split('\n').slice(0, 2).join('\n'));
  const evaluated = await runCli('eval', run, '--data', rows, '--backend', 'wasm', '--json');
  expect(measured / JSON.parse(evaluated.stdout).loss).toBeCloseTo(1, 5);
});

it('flags take precedence, and columns of another form replace those of the run', async () => {
  const run = path.join(scratch, 'run everything');
  const plain = writeForm('plain', ({ prompt, completion }) => ({ prompt, completion }));
  const words = ['--prompt-column', 'prompt', '--completion-column', 'completion', '--train-on', 'answers'];
  const { stdout } = await runCli('eval', run, '--data', plain.valid, ...words, '--backend', 'wasm', '--json');
  expect(JSON.parse(stdout).reading).toEqual({
    trainOn: 'answers',
    appendEnd: true,
    promptColumn: 'prompt',
    completionColumn: 'completion',
  });
  const { stderr } = await runCli('eval', run, '--data', plain.valid, '--text-column', 'prompt', '--prompt-column', 'x');
  expect(stderr).toContain('eval: expected columns of one form');
});

it('one row and one token are singular', async () => {
  const one = path.join(scratch, 'one.jsonl');
  writeRows(one, [{ prompt: '3 + 4?\n', completion: '7' }]);
  const { stdout } = await runCli('eval', model, '--data', one, '--append-end', 'false', '--backend', 'wasm');
  expect(stdout).toMatch(/^rows are read with appendEnd false\n1 row, 1 token: loss /);
});
