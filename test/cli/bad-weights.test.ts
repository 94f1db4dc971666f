/** Weights that are not finite, and memory that ends: what the commands say, and that the last checkpoint stands. */
import { cpSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openSafetensors, type TensorData, writeSafetensors } from 'bures/io';
import { createAdapter, saveAdapter } from 'bures/lora';
import { loadCausalLM } from 'bures/models';
import { tensorAlgebra } from 'bures/tensor';
import { beforeAll, expect, it } from 'vitest';
import { limitHeap } from '../support/limited-heap.js';
import { owned } from '../support/owned.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model, writeRows } from './math-runs.js';
import { runCli } from './run-cli.js';

const weight = 'model.layers.2.mlp.up_proj.weight';
const root = temporaryFolder('bad-weights');
let spoilt = '';
let data = '';

beforeAll(async () => {
  data = path.join(root, 'data.jsonl');
  const short = { prompt: 'What is 3 + 4?\n', completion: '7' };
  const long = { prompt: 'What is 3 + 4?\n', completion: '7 '.repeat(110) };
  writeRows(data, [short, short, short, short, long, long]);
  spoilt = path.join(root, 'model');
  cpSync(model, spoilt, { recursive: true });
  const store = await openSafetensors(model);
  const tensors = new Map<string, TensorData>();
  for (const [name, { shape }] of store.entries) tensors.set(name, { dtype: 'F32', shape, data: (await store.read(name)) as Float32Array });
  await store.close();
  (tensors.get(weight)?.data as Float32Array)[17] = Number.NaN;
  await writeSafetensors(path.join(spoilt, 'model.safetensors'), tensors);
});

// First, since the heap never shrinks: one that an earlier test has grown has room enough.
it('finetune ends with the bytes and the last checkpoint where the heap cannot grow', async () => {
  const run = path.join(root, 'full');
  const checkpoint = path.join(run, 'checkpoints', 'step-1');
  const restore = limitHeap(() => !existsSync(checkpoint));
  try {
    const keys = { model, data, backend: 'wasm', rank: 2, steps: 3, batchSize: 2, order: 'file', saveEvery: 1, validSplit: 0 };
    const file = path.join(root, 'config.yaml');
    // Without the key, blocks would be computed again, in the memory that there is.
    writeFileSync(file, JSON.stringify({ ...keys, recompute: false, out: run }));
    const { status, stderr } = await runCli('finetune', file);
    expect(status).toBe(1);
    expect(stderr).toMatch(/expected room for \d+ bytes on the WebAssembly heap, got none: \d+ bytes are in use by tensors/);
    expect(stderr).toMatch(/the last good checkpoint is \S+step-[12]; continue with: bures resume /);
    expect(existsSync(path.join(checkpoint, 'training_state.safetensors'))).toBe(true);
  } finally {
    restore();
  }
  expect((await runCli('resume', run)).stderr).toMatch(/from step [12]/);
  expect(existsSync(path.join(run, 'checkpoints', 'step-3'))).toBe(true);
});

it('eval, generate and finetune name the base weight that holds NaN, and its file', async () => {
  const named = `the weight '${weight}' [384, 128] of the base model, in ${path.join(spoilt, 'model.safetensors')}, holds NaN (entry 17)`;
  const train = ['finetune', '--model', spoilt, '--data', data, '--steps', '1', '--backend', 'wasm', '--valid-split', '0', '--rank', '2'];
  for (const argv of [
    ['eval', spoilt, '--data', data, '--backend', 'wasm'],
    ['generate', spoilt, '--prompt', '1 + 1', '--backend', 'wasm'],
    [...train, '--out', path.join(root, 'run')],
  ]) {
    const { status, stderr } = await runCli(...argv);
    expect(status).toBe(1);
    expect(stderr).toContain(named);
    expect(stderr).not.toContain('learning rate');
  }
});

it('eval names the tensor of an adapter that holds NaN, and its file', async () => {
  const folder = path.join(root, 'adapter');
  const lm = owned(await loadCausalLM(model, { algebra: await tensorAlgebra({ backend: 'wasm' }) }));
  await saveAdapter(owned(await createAdapter(lm, { rank: 2, targetModules: ['v_proj'] })), folder, { baseModel: model });
  const file = path.join(folder, 'adapter_model.safetensors');
  const store = await openSafetensors(file);
  const tensors = new Map<string, TensorData>();
  for (const [name, { shape }] of store.entries) tensors.set(name, { dtype: 'F32', shape, data: (await store.read(name)) as Float32Array });
  await store.close();
  const name = 'base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight';
  (tensors.get(name)?.data as Float32Array)[5] = Number.NaN;
  await writeSafetensors(file, tensors);
  const { status, stdout, stderr } = await runCli('eval', folder, '--model', model, '--data', data, '--backend', 'wasm');
  expect([status, stdout], stderr).toEqual([1, '']);
  expect(stderr).toContain(`eval: the loss is NaN: the tensor '${name}' of the adapter, in ${file}, holds NaN (entry 5); `);
});
