/**
 * SIGKILL at random moments of a run: what `resume` then ends with is what the undisturbed run ended with.
 * `npm run test:kills` does it 20 times.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { seededRandom } from 'bures';
import { beforeAll, expect, it } from 'vitest';
import { readObjects } from '../../src/io/json-lines.node.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model, writeQuestions } from './math-runs.js';
import { runCli } from './run-cli.js';
import { startCli } from './start-cli.js';

/** In the names of the tests, so that a failure tells it; another each time. */
const seed = Number(process.env.BURES_KILL_SEED ?? Date.now() % 2 ** 31);
const rounds = Number(process.env.BURES_KILL_ROUNDS ?? 2);
const steps = 12;
const root = temporaryFolder('kills');
/** The undisturbed run. */
let whole = '';
let file = '';
/** Lines that its metrics have. */
let lines = 0;

const linesOf = (run: string): number => {
  const metrics = path.join(run, 'metrics.jsonl');
  return existsSync(metrics) ? readFileSync(metrics, 'utf8').split('\n').length - 1 : 0;
};

beforeAll(async () => {
  whole = path.join(root, 'whole');
  file = path.join(root, 'config.yaml');
  const data = path.join(root, 'data.jsonl');
  writeQuestions(data, { tasks: ['digits', 'gcd'], seed: 3, train: 60 });
  const keys = { model, data, backend: 'wasm', rank: 3, steps, batchSize: 4, learningRate: 3e-3, saveEvery: 3, evalEvery: 4, dropout: 0.1 };
  writeFileSync(file, JSON.stringify({ ...keys, validSplit: 0.1, targetModules: ['q_proj', 'v_proj'] }));
  const { status, stderr } = await runCli('finetune', file, '--out', whole);
  expect(status, stderr).toBe(0);
  lines = linesOf(whole);
});

it.each(Array.from({ length: rounds }, (_, round) => round))(`round %d of BURES_KILL_SEED=${seed}`, async (round) => {
  const random = seededRandom((seed + round) % 2 ** 31);
  const run = path.join(root, `killed-${round}`);
  const child = startCli('finetune', file, '--out', run);
  // By what it has done rather than by a clock: machines are slow and fast.
  const moment = Math.floor(random.uniform() * (lines + 1));
  await child.until(() => (moment === 0 ? existsSync(run) : linesOf(run) >= moment));
  await setTimeout(30 * random.uniform());
  child.kill('SIGKILL');
  const { status, stderr } = await child.ended;
  const found = { lines: linesOf(run), files: existsSync(run) ? readdirSync(run, { recursive: true, encoding: 'utf8' }).sort() : [] };
  const begun = found.files.includes('config.yaml');
  const outcome = await runCli(...(begun ? ['resume', run] : ['finetune', file, '--out', run]), '--json');
  expect(outcome.status, `${stderr}\n${found.files.join('\n')}\n${outcome.stderr}`).toBe(0);

  const bytes = (folder: string, name: string): Buffer => readFileSync(path.join(folder, name));
  for (const name of ['adapter_model.safetensors', 'training_state.safetensors']) {
    const place = path.join('checkpoints', `step-${steps}`, name);
    expect(bytes(run, place), `${place}: ${outcome.stderr}`).toEqual(bytes(whole, place));
  }
  expect(bytes(run, 'best/adapter_model.safetensors')).toEqual(bytes(whole, 'best/adapter_model.safetensors'));
  const record = async (folder: string) =>
    (await readObjects('test', path.join(folder, 'metrics.jsonl'))).map(({ seconds: _seconds, memory: _memory, ...line }) => line);
  expect(await record(run)).toEqual(await record(whole));
  const { loss } = JSON.parse(outcome.stdout) as { loss: number };
  expect(loss).toBe((JSON.parse(bytes(whole, 'outcome.json').toString()) as { loss: number }).loss);
  expect(readdirSync(run, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tmp|\.lock/.test(name))).toEqual([]);
  if (rounds <= 2) return;
  const unfinished = found.files.filter((name) => name.endsWith('.tmp'));
  const state = status === null ? `killed after ${found.lines} of ${lines} lines` : 'ended before the signal came';
  console.log(`round ${round}: ${state}, ${unfinished.join(', ') || 'nothing half-written'}; ${outcome.stderr.split('\n')[0]}; same bits`);
});
