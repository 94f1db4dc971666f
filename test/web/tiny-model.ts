/** A model of two layers with random weights, its tokenizer and four rows, for programs that train. */
import { seededRandom } from 'bures';
import { type Files, memoryFiles, type TensorData, writeCheckpoint } from 'bures/io';

/** Characters, so that the tokenizer needs no merges: Ġ is the space. */
const characters = ['<end>', ...'abcdefghijklmnopqrstuvwxyzĠ.'];
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
const [vocabulary, hidden, wide] = [characters.length, 16, 24];
const config = {
  model_type: 'llama',
  vocab_size: vocabulary,
  hidden_size: hidden,
  intermediate_size: wide,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  hidden_act: 'silu',
  tie_word_embeddings: true,
  eos_token_id: 0,
};
const tokenizerJson = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [{ id: 0, content: '<end>', single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }],
  normalizer: null,
  pre_tokenizer: byteLevel,
  post_processor: null,
  decoder: byteLevel,
  model: { type: 'BPE', vocab: Object.fromEntries(characters.map((character, id) => [character, id])), merges: [] },
};

/** Returns files in memory: the model and its tokenizer in `model/`, and `rows.csv`. */
export async function tinyModel(): Promise<Files> {
  const files = memoryFiles({
    'model/config.json': JSON.stringify(config),
    'model/tokenizer.json': JSON.stringify(tokenizerJson),
    'model/tokenizer_config.json': JSON.stringify({ eos_token: '<end>' }),
    'rows.csv': 'prompt,completion\nsay one.,one\nsay two.,two\n"say three.",three\nsay four.,four\n',
  });
  const random = seededRandom(1);
  const tensors = new Map<string, TensorData>();
  const add = (name: string, shape: readonly number[], spread = 0.3): void => {
    // Uniform, since versions of V8 differ in the last digit of the logarithm of a normal draw.
    const draw = (): number => (spread === 0 ? 1 : spread * (2 * random.uniform() - 1));
    tensors.set(name, {
      dtype: 'F32',
      shape,
      data: Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, draw),
    });
  };
  add('model.embed_tokens.weight', [vocabulary, hidden]);
  add('model.norm.weight', [hidden], 0);
  for (const layer of ['model.layers.0', 'model.layers.1']) {
    for (const name of ['input_layernorm', 'post_attention_layernorm']) add(`${layer}.${name}.weight`, [hidden], 0);
    for (const name of ['q_proj', 'o_proj']) add(`${layer}.self_attn.${name}.weight`, [hidden, hidden]);
    for (const name of ['k_proj', 'v_proj']) add(`${layer}.self_attn.${name}.weight`, [hidden / 2, hidden]);
    for (const name of ['gate_proj', 'up_proj']) add(`${layer}.mlp.${name}.weight`, [wide, hidden]);
    add(`${layer}.mlp.down_proj.weight`, [hidden, wide]);
  }
  await writeCheckpoint('model', tensors, { files });
  return files;
}
