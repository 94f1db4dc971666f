/** Files of other formats and keys of other tools: the command says what they are and what to do. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model } from './math-runs.js';
import { runCli } from './run-cli.js';

const root = temporaryFolder('other-formats');
let copies = 0;

/** A copy of the small model without some files, with others, and with other keys in its config. */
function changed(without: readonly string[], files: readonly string[], config: object = {}): string {
  const folder = path.join(root, String(copies++));
  cpSync(model, folder, { recursive: true });
  for (const name of without) rmSync(path.join(folder, name));
  for (const name of files) writeFileSync(path.join(folder, name), 'x');
  const file = path.join(folder, 'config.json');
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), ...config }));
  return folder;
}

const generate = (folder: string, ...flags: readonly string[]) =>
  runCli('generate', folder, '--prompt', 'Calculate 3 * 4.', '--max-tokens', '1', '--backend', 'wasm', ...flags);

describe('models', () => {
  it.each([
    ['pytorch_model.bin', /found pytorch_model\.bin: a pickle of PyTorch.*save_pretrained/],
    ['pytorch_model.bin.index.json', /pickles of PyTorch/],
    ['consolidated.safetensors', /their authors' own format/],
    ['tf_model.h5', /for TensorFlow/],
    ['flax_model.msgpack', /for Flax/],
    ['weights.npz', /weights of MLX/],
    ['model.onnx', /a graph of ONNX/],
  ])('with weights in %s', async (file, message) => {
    const { status, stderr } = await generate(changed(['model.safetensors'], [file]));
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });

  it.each([
    [['tokenizer.model'], /expected tokenizer\.json in .*, found tokenizer\.model: a SentencePiece model; write it with AutoTokenizer/],
    [['vocab.json', 'merges.txt'], /found vocab\.json: the vocabulary of a slow tokenizer/],
    [[], /expected tokenizer\.json in .*, found none; write it with AutoTokenizer/],
  ])('without tokenizer.json, with %j', async (files, message) => {
    const { status, stderr } = await generate(changed(['tokenizer.json'], files));
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });

  it.each([
    [{ quantization_config: { quant_method: 'gptq', bits: 4, group_size: 128 } }, /got those of "gptq"/],
    [{ quantization_config: { quant_method: 'awq', bits: 4 } }, /got those of "awq"/],
    [{ quantization_config: { quant_method: 'compressed-tensors' } }, /got those of "compressed-tensors"/],
    [{ quantization_config: { quant_method: 'fp8' } }, /got those of "fp8"/],
    [{ compression_config: { format: 'dense' } }, /got those of "compressed-tensors"/],
    [{ quantization: { group_size: 64, bits: 4 } }, /got those of MLX/],
    [{ quantization: { group_size: 64, bits: 4 }, quantization_config: { group_size: 64, bits: 4 } }, /got those of MLX/],
  ])('quantized: %j', async (config, message) => {
    const { status, stderr } = await generate(changed([], [], config));
    expect(stderr).toMatch(message);
    expect(stderr).toContain('load the unquantized model');
    expect(status).toBe(2);
  });

  it.each([
    ['model-q4_k_m.gguf', /a file of llama\.cpp, whose quantized weights are not read; take the original/],
    ['pytorch_model.bin', /a pickle of PyTorch/],
    ['model.safetensors', /weights alone; pass the folder/],
  ])('that are files: %s', async (name, message) => {
    const file = path.join(root, name);
    writeFileSync(file, 'x');
    const { status, stderr } = await runCli('finetune', '--model', file, '--data', 'nowhere', '--out', path.join(root, 'out'));
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });
});

describe('adapters', () => {
  it.each([
    ['adapter_model.bin', /found adapter_model\.bin: PEFT's older format, a pickle.*safe_serialization=True/],
    ['adapters.safetensors', /the format of mlx-lm/],
  ])('%s', async (file, message) => {
    const folder = path.join(root, `adapter-${copies++}`);
    mkdirSync(folder);
    const config = { peft_type: 'LORA', task_type: 'CAUSAL_LM', r: 2, lora_alpha: 4, target_modules: ['q_proj'] };
    writeFileSync(path.join(folder, 'adapter_config.json'), JSON.stringify(config));
    writeFileSync(path.join(folder, file), 'x');
    for (const words of [
      ['inspect', folder],
      ['generate', folder, '--model', model, '--prompt', 'x', '--backend', 'wasm'],
    ]) {
      const { status, stderr } = await runCli(...words);
      expect(stderr).toMatch(message);
      expect(status).toBe(2);
    }
  });
});

describe('flags and keys', () => {
  it.each([
    ['--resume-from-checkpoint', /a run is continued with: bures resume RUN/],
    ['--warmup-ratio', /did you mean --warmup\?/],
    ['--warmup_ratio', /did you mean --warmup\?/],
    ['--num-train-epochs', /did you mean --epochs/],
    ['--max-steps', /did you mean --steps/],
    ['--lora-alpha', /did you mean --alpha/],
    ['--lora_dropout', /did you mean --dropout/],
    ['--model_name_or_path', /did you mean --model\b/],
    ['--micro_batch_size', /did you mean --batch-size/],
    ['--load-in-4bit', /did you mean --quantize/],
    ['--warmup-steps', /did you mean --warmup/],
    ['--bf16', /training computes in float32/],
    ['--report-to', /metrics\.jsonl/],
    ['--optim', /name the direction/],
    ['--deepspeed', /mpirun/],
  ])('%s', async (flag, message) => {
    const { status, stderr } = await runCli('finetune', '--model', model, '--data', 'x', flag, '1');
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });

  it('in a file', async () => {
    const file = path.join(root, 'keys.yaml');
    writeFileSync(file, `model: ${model}\ndata: x\nresume_from_checkpoint: y\nwarmup_ratio: 0.1\nnum_train_epochs: 2\n`);
    const { status, stderr } = await runCli('finetune', file);
    expect(stderr).toMatch(/resume_from_checkpoint'; a run is continued with/);
    expect(stderr).toMatch(/warmup_ratio'; did you mean 'warmup'/);
    expect(stderr).toMatch(/num_train_epochs'; did you mean 'epochs'/);
    expect(status).toBe(2);
  });

  it('-h and -v', async () => {
    for (const words of [
      ['finetune', '-h'],
      ['merge', '-h'],
    ]) {
      expect(await runCli(...words)).toEqual(await runCli(words[0], '--help'));
    }
    expect((await runCli('finetune', '-h')).stdout).toContain('--layers-to-transform');
    const version = await runCli('--version');
    for (const word of ['-v', '-V']) expect(await runCli(word)).toEqual(version);
  });
});
