/**
 * `npm run demo`: teaches a small language model a kind of question that it has not seen, with LoRA and with BaLoRA, by
 * the `bures` command on the backend that needs nothing installed. Shows accuracy before and after, three answers, and
 * a page of curves. Options: --out DIR (default demo-output), --steps N (default 150).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { drawQuestions, type Question } from './questions/questions.js';

const { values } = parseArgs({ options: { out: { type: 'string', default: 'demo-output' }, steps: { type: 'string', default: '150' } } });
const repository = path.resolve(import.meta.dirname, '..');
const model = path.join(repository, 'examples/models/tiny-math-base');
const out = path.resolve(values.out);
const questions = path.join(out, 'questions');
const begun = performance.now();
/** What was done, with its seconds. */
const times: (readonly [part: string, seconds: number])[] = [];

// A run's folder must be new.
for (const folder of ['lora', 'balora', 'questions']) rmSync(path.join(out, folder), { recursive: true, force: true });
mkdirSync(questions, { recursive: true });
const { train, held } = drawQuestions({ tasks: ['mod'], divisors: [5, 10], seed: 1, train: 1000, held: 100 });
writeRows('train.jsonl', train);
const test = writeRows('valid.jsonl', held);
const samples = held.slice(0, 3);
console.error(
  `The model has learned to add, to compare and to sort. Now remainders by 5 and 10: ${train.length} rows to train on, such as`,
);
console.error(`  ${train[0].prompt.trim()} → ${train[0].completion}`);
console.error(`and ${held.length} questions to test on that no row asks. Each method: ${values.steps} steps of 8 rows.`);

/**
 * Balancing shrinks the factors of an adapter that starts at zero, so BaLoRA wants a larger α than LoRA, and a lower
 * rate.
 */
const methods = [
  { name: 'lora', label: 'LoRA', alpha: 32, learningRate: 4e-3 },
  { name: 'balora', label: 'BaLoRA', alpha: 256, learningRate: 2e-3 },
] as const;

const before = timed('evaluation before', () => evaluate(model));
const results = methods.map(({ name, label, alpha, learningRate }) => {
  console.error(`\n${label}, rank 16:`);
  const run = path.join(out, name);
  timed(`training with ${label}`, () =>
    bures([
      'finetune',
      ...['--model', model, '--data', questions, '--out', run, '--backend', 'wasm'],
      ...['--method', name, '--rank', '16', '--alpha', String(alpha)],
      ...['--learning-rate', String(learningRate), '--warmup', '10', '--steps', values.steps, '--batch-size', '8', '--order', 'shuffled'],
      ...['--eval-every', '50', '--log-every', '10', '--sample-tokens', '8'],
      ...['--sample-prompts', JSON.stringify(samples.map(({ prompt }) => prompt))],
    ]),
  );
  return { label, run, answers: answersOf(run), ...timed(`evaluation of ${label}`, () => evaluate(run)) };
});

const percent = (part: number): string => `${(100 * part).toFixed(0)} %`.padStart(6);
console.log(`\n${held.length} questions that no training row asks, answered exactly:`);
console.log(['                ', 'loss  ', 'exact'].join('  '));
for (const { label, loss, exactMatch } of [{ label: 'before', ...before }, ...results]) {
  console.log([`  ${label.padEnd(14)}`, loss.toFixed(3).padEnd(6), percent(exactMatch)].join('  '));
}
console.log('\nThree of them:');
for (const { prompt, completion } of samples) {
  const [first] = results.map(({ answers }) => answers.first.get(prompt));
  const after = results.map(({ label, answers }) => `${label} ${answers.last.get(prompt)}`);
  console.log(`  ${prompt.trim()}  right: ${completion}; before: ${first}; ${after.join('; ')}`);
}
const page = path.join(out, 'report.html');
timed('report', () => bures(['report', ...results.map(({ run }) => run), '--out', page]));
console.log('\nTime, the start of a process with each part:');
for (const [part, seconds] of [...times, ['all', (performance.now() - begun) / 1000] as const]) {
  console.log(`  ${part.padEnd(22)}  ${seconds.toFixed(1).padStart(6)} s`);
}
console.log('The last digit decides these remainders, which is why so few steps do; other tasks of the model take many more.');
console.log(`The curves: ${path.relative(process.cwd(), page) || page}`);

interface Evaluation {
  readonly loss: number;
  readonly exactMatch: number;
}

function evaluate(location: string): Evaluation {
  const words = ['eval', location, '--data', test, '--backend', 'wasm', '--json'];
  return JSON.parse(
    execFileSync(process.execPath, commandLine(words), { cwd: repository, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }),
  ) as Evaluation;
}

/** What a run answered at its first evaluation, before any step, and at its last, by prompt. */
function answersOf(run: string): { readonly first: ReadonlyMap<string, string>; readonly last: ReadonlyMap<string, string> } {
  const lines = readFileSync(path.join(run, 'samples.jsonl'), 'utf8').trim().split('\n');
  const answers = lines.map((line) => {
    const { prompt, completion } = JSON.parse(line) as { prompt: string; completion: string };
    return [prompt, completion.trim() || '(nothing)'] as const;
  });
  return { first: new Map(answers.toReversed()), last: new Map(answers) };
}

function writeRows(name: string, rows: readonly Question[]): string {
  const file = path.join(questions, name);
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
}

function timed<Result>(part: string, work: () => Result): Result {
  const started = performance.now();
  const result = work();
  times.push([part, (performance.now() - started) / 1000]);
  return result;
}

/** The command as `npx bures` runs it, from the sources. */
function commandLine(words: readonly string[]): string[] {
  return ['--import', 'tsx', path.join(repository, 'src/cli/main.ts'), ...words];
}

/** Runs it with its progress shown. */
function bures(words: readonly string[]): void {
  const { status } = spawnSync(process.execPath, commandLine(words), { cwd: repository, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) process.exit(status ?? 1);
}
