/**
 * SIGKILL and SIGTERM at random moments of `merge`, `balance`, `complete` and `sweep`: the same command, given again,
 * works and ends with what the undisturbed one ended with, byte for byte, and nothing is left behind.
 * `npm run test:kills` does it 20 times each.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { seededRandom } from 'bures';
import { type TensorData, writeSafetensors } from 'bures/io';
import { createAdapter, lora, randomStart, saveAdapter } from 'bures/lora';
import { loadCausalLM } from 'bures/models';
import { tensorAlgebra } from 'bures/tensor';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model, writeQuestions } from './math-runs.js';
import { runCli } from './run-cli.js';
import { startCli } from './start-cli.js';

/** In the names of the tests, so that a failure tells it; another each time. */
const seed = Number(process.env.BURES_KILL_SEED ?? Date.now() % 2 ** 31);
const rounds = Number(process.env.BURES_KILL_ROUNDS ?? 1);
const root = temporaryFolder('kills-of');
beforeAll(async () => {
  await writePairs(path.join(root, 'pairs'));
  await writeRandomAdapter(path.join(root, 'adapter'));
  writeFileSync(path.join(root, 'ratings.csv'), ratings());
  writeQuestions(path.join(root, 'rows.jsonl'), { tasks: ['digits'], seed: 3, train: 30 });
  await trainWeights(path.join(root, 'weights'));
});

/** An adapter of pairs large enough that balancing and writing them takes some time. */
async function writePairs(folder: string): Promise<void> {
  const random = seededRandom(3);
  const [modules, size, rank] = [24, 256, 16];
  const draw = (): Float32Array => Float32Array.from({ length: size * rank }, () => random.normal());
  const tensors = Array.from({ length: modules }, (_, i): [string, TensorData][] => [
    [`base_model.model.m${i}.lora_A.weight`, { dtype: 'F32', shape: [rank, size], data: draw() }],
    [`base_model.model.m${i}.lora_B.weight`, { dtype: 'F32', shape: [size, rank], data: draw() }],
  ]);
  await writeSafetensors(path.join(folder, 'adapter_model.safetensors'), new Map(tensors.flat()));
  writeFileSync(path.join(folder, 'adapter_config.json'), JSON.stringify({ peft_type: 'LORA', r: rank, lora_alpha: rank }));
}

async function writeRandomAdapter(folder: string): Promise<void> {
  const lm = await loadCausalLM(model, { algebra: await tensorAlgebra({ backend: 'wasm' }) });
  const adapter = await createAdapter(lm, { method: { ...lora(), start: randomStart }, rank: 4 }, { seed: 1 });
  await saveAdapter(adapter, folder, { baseModel: model });
  adapter.dispose();
  lm.dispose();
}

/** A run whose weights are trained themselves. */
async function trainWeights(run: string): Promise<void> {
  const flags = [
    '--method',
    'galore',
    '--target-modules',
    '[q_proj, v_proj]',
    '--rank',
    '4',
    '--steps',
    '2',
    '--valid-split',
    '0',
    '--out',
    run,
  ];
  const { status, stderr } = await runCli(
    'finetune',
    '--model',
    model,
    '--data',
    path.join(root, 'rows.jsonl'),
    '--backend',
    'wasm',
    ...flags,
  );
  expect(status, stderr).toBe(0);
}

function ratings(): string {
  const random = seededRandom(4);
  const [rows, columns] = [Array.from({ length: 200 }, () => random.normal()), Array.from({ length: 80 }, () => random.normal())];
  const lines = Array.from({ length: 4000 }, (_, k) => {
    const [i, j] = [(k * 7) % rows.length, Math.floor(random.uniform() * columns.length)];
    return `u${i},i${j},${(3 + rows[i] * columns[j] + 0.1 * random.normal()).toFixed(3)}\n`;
  });
  return lines.join('');
}

/** A file of a sweep; in a fixed place, so that all sweeps have the same keys but `out`. */
function sweepOf(out: string): string {
  const file = path.join(path.dirname(out), 'sweep.yaml');
  const keys = { model, data: path.join(root, 'rows.jsonl'), backend: 'wasm', rank: 2, steps: 4, batchSize: 2, saveEvery: 2, evalEvery: 2 };
  const base = { ...keys, validSplit: 0.2, targetModules: ['v_proj'], tensorboard: false };
  writeFileSync(file, JSON.stringify({ base, grid: { learningRate: [1e-3, 3e-3] }, parallel: 2, out }));
  return file;
}

const commands: Readonly<Record<string, (out: string) => readonly string[]>> = {
  merge: (out) => ['merge', path.join(root, 'adapter'), '--model', model, '--backend', 'wasm', '--out', out],
  'merge --adapter-rank': (out) => ['merge', path.join(root, 'weights'), '--backend', 'wasm', '--adapter-rank', '3', '--out', out],
  balance: (out) => ['balance', path.join(root, 'pairs'), '--out', out],
  complete: (out) => ['complete', path.join(root, 'ratings.csv'), '--rank', '3', '--out', out],
  sweep: (out) => ['sweep', sweepOf(out)],
};

/** Files that tell where or by which process something was done. */
const changing = /^(?:outcome\.json|environment\.json|config\.yaml|sweep\.yaml)$/;

/** What tells how long something took, by file; the checksums of a checkpoint cover its state, times and all. */
const timings: Readonly<Record<string, RegExp>> = {
  'metrics.jsonl': /"(?:seconds|memory)":[^,}]*/g,
  'training_state.json': /"seconds":[^,}]*/g,
  'checksums.json': /"training_state\.json":[^,}]*/g,
};

/** All names below a folder, and what is the same in any run of the files' bytes. */
function contents(folder: string): Readonly<Record<string, string>> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const [file, own] = [path.join(folder, name), path.basename(name)];
      if (statSync(file).isDirectory()) return [name, 'folder'];
      if (changing.test(own)) return [name, 'file'];
      const bytes = readFileSync(file, 'latin1');
      return [name, own in timings ? bytes.replace(timings[own], '') : createHash('sha256').update(bytes, 'latin1').digest('hex')];
    }),
  );
}

/** Leaves out the checkpoints before the last. */
function withoutEarlierSteps(all: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => !/[/]checkpoints[/]step-[123]\b/.test(name)));
}

describe.each(Object.entries(commands))('%s', (name, words) => {
  let expected: Readonly<Record<string, string>> = {};
  let milliseconds = 0;
  beforeAll(async () => {
    const folder = path.join(root, `${name}-whole`);
    mkdirSync(folder);
    const begun = performance.now();
    const child = startCli(...words(path.join(folder, 'out')));
    const { status, stderr } = await child.ended;
    milliseconds = performance.now() - begun;
    expect(status, stderr).toBe(0);
    expected = contents(folder);
    expect(Object.keys(expected).length).toBeGreaterThan(2);
  });

  it.each(Array.from({ length: rounds }, (_, round) => round))(`round %d of BURES_KILL_SEED=${seed}`, async (round) => {
    const random = seededRandom((seed + round) % 2 ** 31);
    const folder = path.join(root, `${name}-${round}`);
    const out = path.join(folder, 'out');
    mkdirSync(folder);
    // A folder that was there before is filled file by file.
    if (name !== 'sweep' && random.uniform() < 0.4) mkdirSync(out);
    const signal = random.uniform() < 0.75 ? 'SIGKILL' : 'SIGTERM';
    const child = startCli(...words(out));
    const isWriting = (): boolean =>
      [folder, out].some((place) => existsSync(place) && readdirSync(place).some((one) => one.startsWith('.')));
    if (random.uniform() < 0.7) {
      await child.until(name === 'sweep' ? () => existsSync(out) : isWriting);
      await setTimeout((name === 'sweep' ? milliseconds / 2 : 40) * random.uniform());
    } else await setTimeout(milliseconds * random.uniform());
    child.kill(signal);
    const { status, stderr } = await child.ended;
    const found = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    const before = contents(folder);
    if (signal === 'SIGTERM') {
      // In good order with its status, at once by the signal (null), or done before.
      expect([0, 143, null], stderr).toContain(status);
      if (name !== 'sweep') expect(found.filter((one) => one.includes('.tmp'))).toEqual([]);
    }
    // A sweep starts its runs as it was started itself. One that SIGTERM ended has written the best that there was
    // until then, which is replaced as any completion is.
    const overwrite = status === 143 && existsSync(path.join(out, 'completion.json')) ? ['--overwrite'] : [];
    const argv = [...words(out), ...overwrite];
    const again = await (name === 'sweep' ? startCli(...argv).ended : runCli(...argv));
    // What was whole when the signal came is not written again.
    const wasWhole = again.status === 2 && isDeepStrictEqual(before, expected);
    expect(wasWhole ? 0 : again.status, `${stderr}\n${found.join('\n')}\n${again.stderr}`).toBe(0);
    // A run that SIGTERM ended, or that noticed that its sweep was killed, has saved a step of its own, which counts
    // among the checkpoints that are kept.
    const same = name === 'sweep' ? withoutEarlierSteps : (all: typeof expected) => all;
    expect(same(contents(folder))).toEqual(same(expected));
    if (rounds > 1)
      console.log(
        `${name} ${round}: ${signal}, status ${status}, ${found.filter((one) => one.endsWith('.tmp')).length} staged; same bytes`,
      );
  });
});
