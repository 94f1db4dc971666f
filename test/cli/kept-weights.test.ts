/**
 * Runs whose weights stay in the number format of their file, or are quantized, on the small model that the project
 * ships.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createAdapter, lora, saveAdapter } from 'bures/lora';
import { loadCausalLM } from 'bures/models';
import { tensorAlgebra } from 'bures/tensor';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model, writeSplits } from './math-runs.js';
import { runCli } from './run-cli.js';

const root = temporaryFolder('cli-kept-weights');

const data = path.join(root, 'data');
writeSplits(data, { tasks: ['digits', 'gcd'], seed: 4, train: 80, held: 4 });
const steps = ['--model', model, '--data', data, '--rank', '3', '--batch-size', '4'];

/** Trains a run. @returns the losses of its steps. */
async function train(name: string, ...more: readonly string[]): Promise<readonly number[]> {
  const outcome = await runCli('finetune', ...steps, ...more, '--out', path.join(root, name), '--json');
  expect(outcome.status, outcome.stderr).toBe(0);
  const lines = readFileSync(path.join(root, name, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n');
  const records = lines.map((line) => JSON.parse(line) as { readonly kind: string; readonly loss: number });
  return records.filter(({ kind }) => kind === 'train').map(({ loss }) => loss);
}

it('train, resume and merge as runs in float32 do, on wasm where no backend is named', async () => {
  const kept = await train('kept', '--weights', 'keep', '--steps', '4', '--save-every', '2');
  const inside = await train('inside', '--backend', 'wasm', '--weights', 'f32', '--steps', '4', '--save-every', '2');
  expect(Math.abs(kept[kept.length - 1] - inside[inside.length - 1])).toBeLessThan(1e-4 * inside[inside.length - 1]);
  expect(readFileSync(path.join(root, 'kept', 'environment.json'), 'utf8')).toContain('"wasm"');

  const merged = await runCli('merge', path.join(root, 'kept'), '--out', path.join(root, 'merged'), '--weights', 'keep');
  expect(merged.status, merged.stderr).toBe(0);
  expect(merged.stdout).not.toContain('dequantized');
  const resumed = await runCli('resume', path.join(root, 'kept'));
  expect(resumed.status, resumed.stderr).toBe(0);
});

it('train over quantized weights to within 2 % of the loss in float32, and merge into a model that is not quantized', async () => {
  const mean = (losses: readonly number[]): number => losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  const length = ['--steps', '30', '--learning-rate', '1e-3', '--method', 'lora'];
  const inside = mean(await train('inside-30', ...length));
  for (const format of ['nf4', 'int8']) {
    const run = path.join(root, format);
    expect(Math.abs(mean(await train(format, '--quantize', format, ...length)) - inside)).toBeLessThan(0.02 * inside);
    const evaluated = async (...what: readonly string[]): Promise<number> => {
      const outcome = await runCli('eval', ...what, '--data', path.join(data, 'valid.jsonl'), '--json');
      expect(outcome.status, outcome.stderr).toBe(0);
      return (JSON.parse(outcome.stdout) as { loss: number }).loss;
    };
    expect(readFileSync(path.join(run, 'best', 'README.md'), 'utf8')).toContain(
      `| weights of the base | quantized to ${format} in training;`,
    );
    const merged = await runCli('merge', run, '--out', `${run}-merged`);
    expect(merged.status, merged.stderr).toBe(0);
    expect(merged.stdout).toContain(`weights were dequantized from ${format}`);
    // The run's quantization is the default.
    expect(await evaluated(`${run}-merged`)).toBeCloseTo(await evaluated(run), 4);
  }
});

it('merge checkpoints of bitsandbytes into plain ones', async () => {
  const fixtures = path.join(import.meta.dirname, '../fixtures/models');
  for (const name of ['tiny-llama-nf4', 'tiny-llama-int8', 'tiny-gpt2-nf4']) {
    const base = path.join(root, name);
    cpSync(path.join(fixtures, name), base, { recursive: true });
    rmSync(path.join(base, 'dequantized.safetensors'));
    cpSync(path.join(model, 'tokenizer.json'), path.join(base, 'tokenizer.json'));
    const algebra = await tensorAlgebra({ backend: 'wasm' });
    const loaded = await loadCausalLM(base, { algebra });
    const adapter = await createAdapter(loaded, { method: lora(), rank: 3, targetModules: 'all-linear' });
    const folder = path.join(root, `${name}-adapter`);
    await saveAdapter(adapter, folder, { baseModel: base });
    const merged = await runCli('merge', folder, '--model', base, '--out', path.join(root, `${name}-merged`), '--backend', 'wasm');
    expect(merged.status, merged.stderr).toBe(0);
    const plain = await loadCausalLM(path.join(root, `${name}-merged`), { algebra });
    for (const [parameter, { shape, quantized }] of plain.parameters) {
      expect(quantized).toBeUndefined();
      algebra.tidy(() => {
        const [found, expected] = [plain, loaded].map((one) => one.parameter(parameter));
        expect(found.shape).toEqual([...shape]);
        // LoRA starts at zero; what is written is in the number format of the model, BF16 for Llama.
        expect(found.dataSync()).toBeAllClose(expected.dataSync(), name.includes('gpt2') ? 1e-6 : 2e-2);
      });
    }
    adapter.dispose();
    for (const one of [plain, loaded]) one.dispose();
  }
});

it('are refused on another backend, by the name of the flag', async () => {
  const outcome = await runCli('generate', model, '--prompt', 'a', '--backend', 'cpu', '--weights', 'keep');
  // Other files of this process go on on wasm.
  await tensorAlgebra({ backend: 'wasm' });
  expect(outcome).toMatchObject({ status: 2, stderr: expect.stringContaining("for weights 'keep', got cpu") });
});

it('doctor --model tells the memory of each way to keep them, and of a step', async () => {
  const outcome = await runCli('doctor', '--model', model, '--batch-size', '4', '--max-length', '64');
  expect(outcome.status, outcome.stderr).toBe(0);
  for (const words of ['--weights f32', '--weights keep', '--quantize int8', '--quantize nf4', '4 rows of 64 tokens', 'rank 16'])
    expect(outcome.stdout).toContain(words);
  const json = await runCli('doctor', '--model', model, '--json');
  const { ways } = JSON.parse(json.stdout) as { ways: { engine: number; beside: number; fits: boolean }[] };
  expect(ways.map(({ fits }) => fits)).toEqual([true, true, true, true]);
  const lonely = await runCli('doctor', '--rank', '4');
  expect(lonely).toMatchObject({ status: 2, stderr: expect.stringContaining('--rank is used with --model only') });
});
