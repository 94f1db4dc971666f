/**
 * Merging into a model whose head is the embedding: where one of the two changes, the model that is written has both.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { loadAdapter } from 'bures/lora';
import { type CausalLM, loadCausalLM } from 'bures/models';
import { tensorAlgebra } from 'bures/tensor';
import { describe, expect, it } from 'vitest';
import { openSafetensors, type TensorData, writeSafetensors } from '../../src/io/index.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { runCli } from './run-cli.js';

const root = temporaryFolder('untied-merge');
const fixtures = path.resolve(import.meta.dirname, '../fixtures');
const ids = Int32Array.of(5, 17, 3, 44, 9, 21, 8);
let copies = 0;

/** Copies tiny-gemma3-text, with the head's tensor beside the embedding's, or in its place, and a tokenizer. */
async function base(form: 'embedding' | 'both' | 'head'): Promise<string> {
  const folder = path.join(root, `base-${copies++}`);
  cpSync(path.join(fixtures, 'models/tiny-gemma3-text'), folder, { recursive: true });
  for (const name of ['golden.json', 'gradients.safetensors']) rmSync(path.join(folder, name));
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    cpSync(path.join(fixtures, 'models/tiny-qwen2', name), path.join(folder, name));
  const store = await openSafetensors(folder);
  const tensors = new Map<string, TensorData>();
  for (const { name, shape } of store.entries.values())
    tensors.set(name, { dtype: 'F32', shape, data: (await store.read(name)) as Float32Array });
  await store.close();
  const embedding = tensors.get('model.embed_tokens.weight') as TensorData;
  if (form !== 'embedding') tensors.set('lm_head.weight', embedding);
  if (form === 'head') tensors.delete('model.embed_tokens.weight');
  await writeSafetensors(path.join(folder, 'model.safetensors'), tensors);
  return folder;
}

describe.each(['embedding', 'both', 'head'] as const)('a file with the tensor of %s', (form) => {
  it.each([
    'embedding-tied-scaled',
    'head-tied',
    'saved-head-tied',
    'saved-embedding-tied',
    'both-with-magnitudes',
    'tied-embedding-changed',
  ])('%s: the merged model computes what model and adapter do, and says so', async (name) => {
    const algebra = await tensorAlgebra({ backend: 'wasm' });
    const model = await base(form);
    const adapterFolder = path.join(fixtures, 'adapters', name);
    const out = path.join(root, `merged-${copies++}`);
    const { status, stdout, stderr } = await runCli('merge', adapterFolder, '--model', model, '--out', out, '--backend', 'wasm');
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('has weights of its own now (tie_word_embeddings: false)');
    expect(JSON.parse(readFileSync(path.join(out, 'config.json'), 'utf8'))).toMatchObject({ tie_word_embeddings: false });
    const logitsOf = (lm: CausalLM, options: Parameters<CausalLM['logits']>[1] = {}): Float32Array =>
      algebra.tidy(() => Float32Array.from(lm.logits({ batch: 1, length: ids.length, inputIds: ids }, options).dataSync()));
    const before = await loadCausalLM(model, { algebra });
    const adapter = await loadAdapter(before, adapterFolder);
    const expected = algebra.tidy(() => logitsOf(before, { overlay: adapter.overlay() }));
    const notices: string[] = [];
    const after = await loadCausalLM(out, { algebra, onNotice: (line) => notices.push(line) });
    expect(logitsOf(after)).toBeAllClose(expected, 1e-4);
    expect(notices).toEqual([]);
    for (const each of [adapter, before, after]) each.dispose();
  });
});
