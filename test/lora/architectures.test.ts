/**
 * Adapters of each architecture: which layers they are at, that they are saved and loaded, and that they are merged.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createAdapter, type LoraAdapter, loadAdapter, saveAdapter, trainer } from 'bures/lora';
import { type CausalLM, loadCausalLM, type TokenBatch } from 'bures/models';
import { afterAll, describe, expect, it } from 'vitest';
import { runCli } from '../cli/run-cli.js';
import { tensorEngines } from '../support/engines.js';
import { owned } from '../support/owned.js';

const scratch = mkdtempSync(path.join(tmpdir(), 'bures-architectures-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const [[, algebra]] = tensorEngines;

const separate = ['down_proj', 'gate_proj', 'k_proj', 'o_proj', 'q_proj', 'up_proj', 'v_proj'];
const fused = ['down_proj', 'gate_up_proj', 'o_proj', 'qkv_proj'];
const cases = [
  ['tiny-qwen3', 'model.layers.1.self_attn.q_proj', separate],
  ['tiny-phi3', 'model.layers.1.self_attn.qkv_proj', fused],
  ['tiny-gemma3-text', 'model.layers.1.mlp.gate_proj', separate],
  ['tiny-gemma3', 'model.language_model.layers.1.mlp.gate_proj', separate],
  ['tiny-smollm3', 'model.layers.0.self_attn.o_proj', separate],
  ['tiny-olmo2', 'model.layers.1.self_attn.k_proj', separate],
] as const;

const batch: TokenBatch = { batch: 1, length: 6, inputIds: Int32Array.of(3, 9, 4, 17, 5, 8), labels: Int32Array.of(3, 9, 4, 17, 5, 8) };

function logitsOf(model: CausalLM, adapter?: LoraAdapter): Float32Array {
  return algebra.tidy(() => model.logits(batch, adapter === undefined ? {} : { overlay: adapter.overlay() }).dataSync<'float32'>());
}

describe.each(cases)('%s', (name, module, targets) => {
  const directory = path.resolve(import.meta.dirname, '../fixtures/models', name);
  const folder = path.join(scratch, name);
  let trained: Float32Array;

  it('adapters are at all linear layers but the head, and are saved by their last parts', async () => {
    const model = owned(await loadCausalLM(directory, { algebra }));
    const adapter = owned(await createAdapter(model, { rank: 2, alpha: 4 }, { seed: 4 }));
    expect(adapter.layout.targets.map((target) => target.module.name)).toEqual(
      [...model.linearModules.keys()].filter((each) => each !== 'lm_head'),
    );
    expect(adapter.layout.targets).toHaveLength(2 * targets.length);
    const run = trainer(adapter, { nextBatch: () => batch, steps: 3, learningRate: 0.05 });
    for await (const _step of run);
    run.dispose();
    trained = logitsOf(model, adapter);
    await saveAdapter(adapter, folder);
    const config = JSON.parse(readFileSync(path.join(folder, 'adapter_config.json'), 'utf8')) as { target_modules: string[] };
    expect(config.target_modules.sort()).toEqual(targets);
  });

  it('is loaded on its model again', async () => {
    const model = owned(await loadCausalLM(directory, { algebra }));
    const adapter = owned(await loadAdapter(model, folder));
    expect(logitsOf(model, adapter)).toBeAllClose(trained, 1e-5);
  });

  it('a list of last parts, or a whole name, says which layers', async () => {
    const model = owned(await loadCausalLM(directory, { algebra }));
    const chosen = async (targetModules: readonly string[]): Promise<string[]> => {
      const adapter = owned(await createAdapter(model, { rank: 2, targetModules }));
      return adapter.layout.targets.map((target) => target.module.name);
    };
    const last = module.slice(module.lastIndexOf('.') + 1);
    expect(await chosen([last])).toEqual([...model.linearModules.keys()].filter((each) => each.endsWith(`.${last}`)));
    expect(await chosen([module])).toEqual([module]);
  });

  it('is merged into the tensors of the file, whatever their names there', async () => {
    const out = path.join(scratch, `${name}-merged`);
    // The command wants a tokenizer, of whatever model.
    const whole = path.join(scratch, `${name}-whole`);
    cpSync(directory, whole, { recursive: true });
    cpSync(path.resolve(directory, '../tiny-qwen2/tokenizer.json'), path.join(whole, 'tokenizer.json'));
    const { status, stderr } = await runCli('merge', folder, '--model', whole, '--backend', 'wasm', '--out', out);
    expect(status, stderr).toBe(0);
    const model = owned(await loadCausalLM(out, { algebra }));
    // The files are of eight bits of precision, and no logit is above some tens.
    expect(logitsOf(model)).toBeAllClose(trained, 0.3);
    const base = owned(await loadCausalLM(directory, { algebra }));
    const [before, after] = [logitsOf(base), logitsOf(model)];
    expect(Math.max(...before.map((value, index) => Math.abs(value - after[index])))).toBeGreaterThan(1);
  });
});
