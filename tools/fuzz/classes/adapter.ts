/**
 * Adapters in PEFT's format, configuration and tensors: inspected, balanced, and loaded onto the model they are for.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { balance } from '../../../src/cli/commands/balance.js';
import { inspect } from '../../../src/cli/commands/inspect.js';
import { loadAdapter } from '../../../src/lora/index.js';
import { loadCausalLM } from '../../../src/models/index.js';
import { damageBytes } from '../damage-bytes.js';
import { damageJson, jsonText, nodeOf } from '../damage-json.js';
import type { Draw } from '../draw.js';
import type { FuzzClass } from '../fuzz-class.js';
import { inRepository, jsonFixture, patterns, wasmAlgebra, withoutLeak } from './fixtures.js';
import { runCommand } from './run-command.js';
import { tensorFileBytes } from './sound-tensors.js';

/** Sizes of the linear layers of tiny-llama that adapters lie at, rows and columns. */
const layers: Readonly<Record<string, readonly [number, number]>> = {
  'self_attn.q_proj': [24, 24],
  'self_attn.k_proj': [12, 24],
  'self_attn.v_proj': [12, 24],
  'mlp.up_proj': [34, 24],
  'mlp.down_proj': [24, 34],
};

/** The class. */
export const adapter: FuzzClass = {
  name: 'adapter',
  refusal: /^(inspect|balance|loadAdapter|openSafetensors|writeSafetensors): /,
  async prepare() {
    const peft = jsonFixture('test/fixtures/tiny-qwen2/lora/final/adapter_config.json');
    const model = await loadCausalLM(inRepository('test/fixtures/models/tiny-llama'), { algebra: await wasmAlgebra() });
    return {
      write: (draw, folder, damaged) => writeAdapter(draw, folder, damaged, peft),
      async use(folder, attempt) {
        await attempt(() => runCommand('inspect', inspect, [folder, '--values']));
        await attempt(() => runCommand('balance', balance, [folder, '--out', path.join(folder, 'balanced')]));
        await attempt(() => withoutLeak(async () => (await loadAdapter(model, folder)).dispose()));
      },
    };
  },
};

function writeAdapter(draw: Draw, folder: string, damaged: boolean, peft: Readonly<Record<string, unknown>>): void {
  const rank = 1 + draw.below(4);
  const kinds = Object.keys(layers).filter(() => draw.chance(0.5));
  const targets = (kinds.length === 0 ? ['mlp.up_proj'] : kinds).map((name) => name.split('.')[1]);
  const pairs = [0, 1].flatMap((layer) =>
    Object.entries(layers)
      .filter(([name]) => targets.includes(name.split('.')[1]))
      .map(([name, size]) => [`base_model.model.model.layers.${layer}.${name}`, size] as const),
  );
  const shapes = pairs.flatMap(([name, [m, n]]) => [
    [`${name}.lora_A.weight`, [rank, n]] as const,
    [`${name}.lora_B.weight`, [m, rank]] as const,
  ]);
  const dtype = draw.pick(['F32', 'F32', 'BF16', 'F16']);
  const bytesEach = dtype === 'F32' ? 4 : 2;
  let offset = 0;
  const header = Object.fromEntries(
    shapes.map(([name, shape]) => {
      const begin = offset;
      offset += bytesEach * shape[0] * shape[1];
      return [name, { dtype, shape, data_offsets: [begin, offset] }];
    }),
  );
  const config = { ...peft, r: rank, lora_alpha: 8, target_modules: targets };
  const spoilt = damaged && !draw.chance(0.1) ? draw.below(10) : 10;
  const changed = spoilt < 5 ? withPattern(draw, config) : config;
  const text = Buffer.from(jsonText(spoilt > 2 && spoilt < 7 ? damageJson(draw, changed) : nodeOf(changed)));
  writeFileSync(path.join(folder, 'adapter_config.json'), spoilt === 7 ? damageBytes(draw, text) : text);
  const data = numbers(draw, offset / bytesEach, dtype, spoilt === 8);
  const tensors = tensorFileBytes(jsonText(spoilt === 9 ? damageJson(draw, header) : nodeOf(header)), data);
  writeFileSync(path.join(folder, 'adapter_model.safetensors'), spoilt === 8 && draw.chance(0.3) ? damageBytes(draw, tensors) : tensors);
}

function withPattern(draw: Draw, config: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const pattern = draw.pick(patterns);
  const more = draw.pick([
    () => ({ rank_pattern: { [pattern]: draw.pick([1, 2, 3, 4, 100, 1e9, '4', -1]) } }),
    () => ({ alpha_pattern: { [pattern]: draw.pick([1, 16, 1e308, 0, '4', -1]) } }),
    () => ({ target_modules: pattern }),
    () => ({ target_modules: draw.list(1, 3, () => draw.pick(patterns)) }),
    () => ({ exclude_modules: draw.chance(0.5) ? pattern : [pattern] }),
    () => ({ modules_to_save: [pattern] }),
    () => ({ layers_pattern: draw.chance(0.5) ? pattern : [pattern], layers_to_transform: draw.pick([0, [0, 1], [1], [99]]) }),
  ])();
  return { ...config, ...more };
}

/** The numbers of all tensors; extreme ones where `extreme`. */
function numbers(draw: Draw, count: number, dtype: string, extreme: boolean): Uint8Array {
  const scale = extreme ? draw.pick([0, 1e-30, 1e-38, 1e30, 3e38, Number.NaN, Number.POSITIVE_INFINITY]) : 1;
  const values = Float32Array.from({ length: count }, () => scale * draw.normal());
  if (dtype === 'F32') return new Uint8Array(values.buffer);
  // The upper halves of the bits: bfloat16, and as float16 other numbers, which do as well.
  const words = new Uint32Array(values.buffer);
  return new Uint8Array(Uint16Array.from(words, (word) => (dtype === 'BF16' ? word >>> 16 : (word >>> 16) & 0xbfff)).buffer);
}
