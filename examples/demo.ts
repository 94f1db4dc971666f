/**
 * `npm run demo`: teaches a small language model questions that it has not seen, with LoRA and with BaLoRA, by the `bures` command on the backend that needs nothing
 * installed. Shows accuracy before and after, three answers, and a page of curves.
 * Options: --out DIR (default demo-output), --steps N (default 120).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { drawQuestions, type Question } from './questions/questions.js';

const { values } = parseArgs({ options: { out: { type: 'string', default: 'demo-output' }, steps: { type: 'string', default: '120' } } });
const repository = path.resolve(import.meta.dirname, '..');
const model = path.join(repository, 'examples/models/tiny-math-base');
const out = path.resolve(values.out);
const begun = performance.now();

// A run's folder must be new.
for (const folder of ['lora', 'balora', 'questions']) rmSync(path.join(out, folder), { recursive: true, force: true });
mkdirSync(path.join(out, 'questions'), { recursive: true });
const { train, held } = drawQuestions({ tasks: ['unit', 'gcd'], seed: 1, train: 2000, held: 60 });
const writeRows = (name: string, rows: readonly Question[]): string => {
  const file = path.join(out, 'questions', name);
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
};
writeRows('train.jsonl', train);
const test = writeRows('valid.jsonl', held);

/** Balancing shrinks the factors of an adapter that starts at zero, so BaLoRA wants a larger α than LoRA. */
const methods = [
  { name: 'lora', label: 'LoRA', alpha: 32, learningRate: 3e-3 },
  { name: 'balora', label: 'BaLoRA', alpha: 256, learningRate: 1e-3 },
] as const;

const samples = held.slice(0, 3);
const before = evaluate(model);
const results = methods.map(({ name, label, alpha, learningRate }) => {
  console.error(`\n${label}, rank 16:`);
  const run = path.join(out, name);
  const words = [
    'finetune',
    '--model',
    model,
    '--data',
    path.join(out, 'questions'),
    '--out',
    run,
    '--method',
    name,
    '--rank',
    '16',
    '--alpha',
    String(alpha),
  ];
  const training = [
    '--learning-rate',
    String(learningRate),
    '--steps',
    values.steps,
    '--batch-size',
    '16',
    '--warmup',
    '10',
    '--eval-every',
    '40',
    '--backend',
    'wasm',
  ];
  bures([
    ...words,
    ...training,
    '--sample-prompts',
    JSON.stringify(samples.map(({ prompt }) => prompt)),
    '--sample-tokens',
    '8',
    '--log-every',
    '20',
  ]);
  return { label, run, ...evaluate(run) };
});

const percent = (part: number): string => `${(100 * part).toFixed(0)} %`.padStart(6);
console.log(`\n${held.length} questions that no training row asks, answered exactly:`);
console.log(['                ', 'loss  ', 'exact'].join('  '));
for (const { label, loss, exactMatch } of [{ label: 'before', ...before }, ...results]) {
  console.log([`  ${label.padEnd(14)}`, loss.toFixed(3).padEnd(6), percent(exactMatch)].join('  '));
}
console.log('\nThree of them:');
for (const { prompt, completion } of samples) {
  const answers = results.map(({ label, run }) => `${label} ${generate(run, prompt)}`);
  console.log(`  ${prompt.trim()}  right: ${completion}; before: ${generate(model, prompt)}; ${answers.join('; ')}`);
}
const page = path.join(out, 'report.html');
bures(['report', ...results.map(({ run }) => run), '--out', page]);
console.log(`\n${path.relative(process.cwd(), page) || page}: the curves; ${((performance.now() - begun) / 1000).toFixed(0)} s`);

interface Evaluation {
  readonly loss: number;
  readonly exactMatch: number;
}

function evaluate(location: string): Evaluation {
  return JSON.parse(asked(['eval', location, '--data', test, '--backend', 'wasm', '--json'])) as Evaluation;
}

function generate(location: string, prompt: string): string {
  const { completion } = JSON.parse(
    asked(['generate', location, '--prompt', prompt, '--max-tokens', '8', '--backend', 'wasm', '--json']),
  ) as { completion: string };
  return completion.trim();
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

/** Runs it for its result. */
function asked(words: readonly string[]): string {
  return execFileSync(process.execPath, commandLine(words), { cwd: repository, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
