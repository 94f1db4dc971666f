/**
 * Keys of `bures finetune` that select modules and time: as written they have an effect, or the command says why not.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model, writeSplits } from './math-runs.js';
import { runCli } from './run-cli.js';

const root = temporaryFolder('target-keys');
let data = '';
let runs = 0;

beforeAll(() => {
  data = path.join(root, 'data');
  writeSplits(data, { tasks: ['digits'], seed: 3, train: 20, held: 4 });
});

async function finetune(...flags: readonly string[]) {
  const out = path.join(root, String(runs++));
  // A file alone has no validation rows but those that are held out.
  const rows = flags.includes('--valid-split') ? path.join(data, 'train.jsonl') : data;
  const shape = ['--model', model, '--data', rows, '--backend', 'wasm', '--rank', '2', '--steps', '2', '--batch-size', '2', '--out', out];
  return { out, ...(await runCli('finetune', ...shape, ...flags)) };
}

const adapterConfig = (out: string) =>
  JSON.parse(readFileSync(path.join(out, 'best', 'adapter_config.json'), 'utf8')) as Readonly<Record<string, unknown>>;

describe('modules', () => {
  it.each([
    [['--layers-to-transform', '1'], 1],
    [
      ['--layers-to-transform', '0,1', '--layers-pattern', 'layers'],
      [0, 1],
    ],
    [['--layers-to-transform', '[0]'], [0]],
  ])('of some layers: %j', async (flags, layers) => {
    const { out, status, stderr } = await finetune('--target-modules', 'q_proj,up_proj', ...flags);
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(`on ${2 * [layers].flat().length} modules`);
    expect(adapterConfig(out)).toMatchObject({ layers_to_transform: layers, layers_pattern: flags.length > 2 ? 'layers' : null });
    const tensors = readFileSync(path.join(out, 'best', 'adapter_model.safetensors'), 'latin1');
    for (const layer of [0, 1]) expect(tensors.includes(`layers.${layer}.self_attn.q_proj`)).toBe([layers].flat().includes(layer));
  });

  it('of one name, which as a pattern would match nothing', async () => {
    const { out, status, stderr } = await finetune('--target-modules', 'q_proj');
    expect(status, stderr).toBe(0);
    expect(adapterConfig(out)).toMatchObject({ target_modules: ['q_proj'] });
  });
});

describe('what has no effect', () => {
  it.each([
    [['--target-modules', 'q_prj'], /targetModules must match .* "q_prj" matches none; did you mean 'q_proj'/],
    [['--exclude-modules', 'upproj'], /excludeModules must match .* "upproj" matches none; did you mean 'up_proj'/],
    [['--rank-pattern.q_prj', '3'], /rankPattern has the key "q_prj", which matches no module; did you mean 'q_proj'/],
    [['--alpha-pattern.lm_head', '3'], /alphaPattern has the key "lm_head", which matches only modules that are not adapted/],
    [['--target-modules', 'q_proj,v_proj', '--layers-to-transform', '40'], /layersToTransform must be .* got 40; the layers are 0 to/],
    [
      ['--layers-to-transform', '0,1'],
      /layersToTransform needs a list of targetModules, got "all-linear"; give names, .*--target-modules q_proj,v_proj/,
    ],
    [['--warmup', '2'], /expected a warm-up shorter than the run of 2 steps, got warmup 2/],
    [['--bias', 'lora_only', '--target-modules', 'up_proj'], /bias 'lora_only' must find biases to train, but no adapted module has one/],
  ])('%j is an error that says what there is', async (flags, message) => {
    const { status, stderr } = await finetune(...flags);
    expect(stderr).toMatch(message);
    expect(status).not.toBe(0);
  });

  it.each([
    [['--schedule', 'constant', '--final-rate', '0.1'], /finalRate 0.1 has no effect/],
    [['--valid-split', '0', '--patience', '3'], /patience 3 has no effect: there are no validation rows/],
    [
      ['--valid-split', '0', '--eval-rows', '3', '--min-improvement', '0.1'],
      /evalRows 3 has no effect[\s\S]*minImprovement 0.1 has no effect/,
    ],
  ])('%j is said', async (flags, message) => {
    const { status, stderr } = await finetune(...flags);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(message);
  });
});
