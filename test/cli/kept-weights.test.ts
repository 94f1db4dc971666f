/** Runs whose weights stay in the number format of their file, on the small model that the project ships. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { tensorAlgebra } from 'bures/tensor';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model, writeSplits } from './math-runs.js';
import { runCli } from './run-cli.js';

const root = temporaryFolder('cli-kept-weights');

it('train, resume and merge as runs in float32 do, on wasm where no backend is named', async () => {
  const data = path.join(root, 'data');
  writeSplits(data, { tasks: ['digits', 'gcd'], seed: 4, train: 20, held: 4 });
  const steps = ['--model', model, '--data', data, '--rank', '3', '--batch-size', '4', '--save-every', '2', '--method', 'balora'];
  const train = async (name: string, ...more: readonly string[]): Promise<{ readonly finalLoss: number }> => {
    const outcome = await runCli('finetune', ...steps, ...more, '--steps', '4', '--out', path.join(root, name), '--json');
    expect(outcome.status, outcome.stderr).toBe(0);
    const lines = readFileSync(path.join(root, name, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n');
    const losses = lines.map((line) => (JSON.parse(line) as { loss?: number }).loss).filter((loss) => loss !== undefined);
    return { finalLoss: losses[losses.length - 1] };
  };
  const kept = await train('kept', '--weights', 'keep');
  const inside = await train('inside', '--backend', 'wasm', '--weights', 'f32');
  expect(Math.abs(kept.finalLoss - inside.finalLoss)).toBeLessThan(1e-4 * inside.finalLoss);
  expect(readFileSync(path.join(root, 'kept', 'environment.json'), 'utf8')).toContain('"wasm"');

  const merged = await runCli('merge', path.join(root, 'kept'), '--out', path.join(root, 'merged'), '--weights', 'keep');
  expect(merged.status, merged.stderr).toBe(0);
  const resumed = await runCli('resume', path.join(root, 'kept'));
  expect(resumed.status, resumed.stderr).toBe(0);
});

it('are refused on another backend, by the name of the flag', async () => {
  const outcome = await runCli('generate', model, '--prompt', 'a', '--backend', 'cpu', '--weights', 'keep');
  // Other files of this process go on on wasm.
  await tensorAlgebra({ backend: 'wasm' });
  expect(outcome).toMatchObject({ status: 2, stderr: expect.stringContaining("for weights 'keep', got cpu") });
});
