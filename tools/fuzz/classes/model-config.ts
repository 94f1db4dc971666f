/** A model's config.json beside weights that are sound: what is accepted is loaded, and computes. */
import { symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { loadCausalLM } from '../../../src/models/index.js';
import { damageBytes } from '../damage-bytes.js';
import { damageJson, jsonText, nodeOf } from '../damage-json.js';
import type { FuzzClass } from '../fuzz-class.js';
import { inRepository, jsonFixture, wasmAlgebra, withoutLeak } from './fixtures.js';

const models = ['tiny-llama', 'tiny-mistral', 'tiny-gpt2'] as const;
/** Keys whose value decides shapes or positions, and keys that some model has. */
const keys = [
  ...[
    'num_hidden_layers',
    'head_dim',
    'hidden_size',
    'intermediate_size',
    'vocab_size',
    'num_attention_heads',
    'num_key_value_heads',
    'n_layer',
    'n_embd',
    'n_head',
    'n_positions',
    'n_inner',
  ],
  ...[
    'max_position_embeddings',
    'sliding_window',
    'rms_norm_eps',
    'rope_theta',
    'rope_scaling',
    'rope_parameters',
    'eos_token_id',
    'layer_types',
    'tie_word_embeddings',
    'hidden_act',
    'model_type',
    'use_sliding_window',
    'max_window_layers',
  ],
];

/** The class. */
export const config: FuzzClass = {
  name: 'config',
  refusal: /^(loadCausalLM|openSafetensors|logits): /,
  async prepare() {
    const algebra = await wasmAlgebra();
    const configs = models.map((model) => jsonFixture('test/fixtures/models', model, 'config.json'));
    return {
      write(draw, folder, damaged) {
        const which = draw.below(models.length);
        symlinkSync(inRepository('test/fixtures/models', models[which], 'model.safetensors'), path.join(folder, 'model.safetensors'));
        const document =
          damaged && draw.chance(0.3)
            ? { ...configs[which], [draw.pick(keys)]: configs[which][draw.pick(keys)] ?? draw.pick([1, 2, 4, 6, 24, 34, 40, 61]) }
            : configs[which];
        const node = damaged && !draw.chance(0.1) ? damageJson(draw, document) : nodeOf(document);
        const bytes = Buffer.from(jsonText(node));
        writeFileSync(path.join(folder, 'config.json'), damaged && draw.chance(0.08) ? damageBytes(draw, bytes) : bytes);
      },
      async use(folder, attempt) {
        await attempt(() =>
          withoutLeak(async () => {
            const model = await loadCausalLM(folder, { algebra });
            try {
              model.logits({ batch: 1, length: 5, inputIds: Int32Array.of(1, 2, 3, 4, 5) }).dispose();
            } finally {
              model.dispose();
            }
          }),
        );
      },
    };
  },
};
