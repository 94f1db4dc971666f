/** Quantized weights: the definitions written out, what bitsandbytes saved and reads, and models over them. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/index.js';
import { openSafetensors, type TensorData, writeSafetensors } from '../../src/io/index.js';
import { tensorAlgebra } from '../../src/linalg/tensor/index.js';
import { NF4, quantized, quantizedBytes } from '../../src/linalg/tensor/quantized/quantize.js';
import { dequantized, type NestedScales, type QuantizedMatrix } from '../../src/linalg/tensor/quantized/quantized-matrix.js';
import { installWasmKernels } from '../../src/linalg/tensor/wasm/install.js';
import { multiplyStored, storedRows, widenedMatrix } from '../../src/linalg/tensor/wasm/stored-matrix.js';
import { type CausalLM, type LoadCausalLMOptions, loadCausalLM, type TokenBatch } from '../../src/models/index.js';
import { liveTensors } from '../support/engines.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { randomOverlay } from './overlays.js';

const FIXTURES = path.join(import.meta.dirname, '../fixtures/models');
const algebra = await tensorAlgebra({ backend: 'wasm' });
const folder = temporaryFolder('quantized');
const load = (name: string, options: Omit<LoadCausalLMOptions, 'algebra'> = {}): Promise<CausalLM> =>
  loadCausalLM(path.isAbsolute(name) ? name : path.join(FIXTURES, name), { algebra, ...options });

function randomMatrix(rows: number, columns: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: rows * columns }, () => random.normal());
}

describe('the definitions', () => {
  // Appendix E of the QLoRA paper.
  const TABLE = [
    ...[-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334],
    ...[-0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224],
    ...[0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0],
  ];

  it('of nf4: the table, the nearest value, the first entry in the upper half', () => {
    expect(Array.from(NF4)).toEqual(TABLE.map(Math.fround));
    // Two blocks that are the table times 3 and 5, each value a little off, and part of a third whose largest is 4.
    const moved = (value: number, i: number): number => (Math.abs(value) === 1 ? value : value + (i % 2 === 0 ? 0.02 : -0.02));
    const entries = [3, 5].flatMap((scale) => Array.from({ length: 64 }, (_, i) => scale * moved(TABLE[i % 16], i))).concat(4, -4, 0.1);
    const matrix = quantized(Float32Array.from(entries), [1, 131], 'nf4');
    expect(matrix.bytes).toHaveLength(66);
    expect(Array.from(matrix.bytes.subarray(0, 8))).toEqual([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]);
    expect(Array.from(matrix.bytes.subarray(64))).toEqual([0xf0, 0x70]);
    const exact = [3, 5].flatMap((scale) => Array.from({ length: 64 }, (_, i) => scale * TABLE[i % 16])).concat(4, -4, 0);
    // Double quantization: the mean of the scales, 4, and ±1 in eight bits, which have no −1.
    const { offset, scales, codes, table } = matrix.scales as NestedScales;
    expect([offset, Array.from(scales), Array.from(codes, (code) => table[code])]).toEqual([4, [1], [expect.closeTo(-0.993, 3), 1, 0]]);
    expect(dequantized(matrix)).toBeAllClose(exact, 0.01);
  });

  it('of int8: whole numbers to 127 times the largest magnitude of 64', () => {
    const entries = Float32Array.from({ length: 100 }, (_, i) => (i < 64 ? i - 32 : (i - 80) / 7));
    const matrix = quantized(entries, [4, 25], 'int8');
    const codes = new Int8Array(matrix.bytes.buffer);
    expect([codes[0], codes[32], codes[48], codes[99], codes[64]]).toEqual([
      -127,
      0,
      Math.round((127 * 16) / 32),
      127,
      Math.round((-127 * 16) / 19),
    ]);
    const largest = [32, 19 / 7];
    for (const [i, value] of dequantized(matrix).entries())
      expect(Math.abs(value - entries[i])).toBeLessThanOrEqual(largest[i >> 6] / 254 + 1e-6);
  });

  it.each(['int8', 'nf4'] as const)('of %s: blocks of zeros, and the bytes that are said', (format) => {
    const entries = randomMatrix(37, 41, 1).fill(0, 64, 128);
    const matrix = quantized(entries, [37, 41], format);
    const scales =
      matrix.scales instanceof Float32Array ? matrix.scales.byteLength : matrix.scales.codes.length + matrix.scales.scales.byteLength;
    expect(matrix.bytes.length + scales).toBe(quantizedBytes(entries.length, format));
    expect(Array.from(dequantized(matrix).subarray(64, 128)).every((value) => value === 0)).toBe(true);
  });
});

describe.each([{ blas: 'auto' }, { blas: 'off' }] as const)('blas: $blas', ({ blas }) => {
  beforeAll(() => {
    installWasmKernels({ blas });
  });
  afterAll(() => {
    installWasmKernels();
  });

  // Rows that end within blocks and within bytes; several panels.
  it.each([
    { format: 'int8', rows: 5, columns: 33 },
    { format: 'nf4', rows: 5, columns: 33 },
    { format: 'int8', rows: 700, columns: 901 },
    { format: 'nf4', rows: 701, columns: 899 },
  ] as const)('$format, $rows × $columns: kernels and products', ({ format, rows, columns }) => {
    const matrix = quantized(randomMatrix(rows, columns, 2), [rows, columns], format);
    const dense = dequantized(matrix);
    algebra.tidy(() => {
      expect(widenedMatrix(matrix).dataSync()).toEqual(dense);
      const some = [rows - 1, 0, 3];
      expect(Array.from(storedRows(matrix, some).dataSync())).toEqual(
        some.flatMap((row) => [...dense.subarray(row * columns, (row + 1) * columns)]),
      );
      const full = algebra.fromArray(dense, [rows, columns]);
      for (const transposed of [false, true]) {
        const x = algebra.fromArray(randomMatrix(2, transposed ? rows : columns, 3), [2, transposed ? rows : columns]);
        const exact = algebra.matmul(x, full, { transposeB: !transposed });
        expect(multiplyStored(x, matrix, transposed).dataSync()).toBeAllClose(exact.dataSync(), 1e-3);
      }
    });
  });

  it.each([
    { name: 'tiny-llama-nf4', quantize: undefined },
    { name: 'tiny-llama-fp4', quantize: undefined },
    { name: 'tiny-llama-int8', quantize: undefined },
    { name: 'tiny-gpt2-nf4', quantize: undefined },
    { name: 'tiny-gemma3-text', quantize: 'nf4' },
    { name: 'tiny-gpt2', quantize: 'int8' },
  ] as const)(
    '$name, quantize $quantize: a model is the same where its weights are kept and where they are widened',
    async ({ name, quantize }) => {
      const before = liveTensors();
      const found: { readonly text: readonly number[]; readonly loss: number; readonly numbers: readonly ArrayLike<number>[] }[] = [];
      for (const weights of ['keep', 'f32'] as const) {
        const model = await load(name, { weights, ...(quantize === undefined ? {} : { quantize }) });
        const overlay = randomOverlay(model, model.linearModules.keys(), [], 3);
        const logits = model.logits(batch, { overlay });
        const { loss, adapters } = await model.lossAndGradient(batch, overlay);
        const text: number[] = [];
        for await (const token of model.generate([1, 2, 3], { maxNewTokens: 5, overlay })) text.push(token);
        const derivatives = [...adapters.values()].flatMap((arrays) => Object.values(arrays));
        found.push({ text, loss, numbers: [logits, ...derivatives].map((tensor) => tensor.dataSync().slice()) });
        for (const tensor of [
          logits,
          ...derivatives,
          ...[...overlay.adapters.values()].flatMap(({ parameters }) => Object.values(parameters)),
        ])
          tensor.dispose();
        model.dispose();
      }
      const [kept, widened] = found;
      for (const [i, numbers] of kept.numbers.entries()) expect(numbers).toBeAllClose(widened.numbers[i], 1e-5);
      expect(kept.loss).toBeCloseTo(widened.loss, 6);
      expect(kept.text).toEqual(widened.text);
      expect(liveTensors()).toBe(before);
    },
  );
});

const batch: TokenBatch = {
  batch: 2,
  length: 7,
  inputIds: Int32Array.from({ length: 14 }, (_, i) => (5 * i + 3) % 29),
  labels: Int32Array.from({ length: 14 }, (_, i) => (i % 7 < 2 ? -100 : (5 * i + 3) % 29)),
};

/** Weights in float32 as bitsandbytes reads them, by name; [out, in] always. */
async function read(name: string): Promise<ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>> {
  const store = await openSafetensors(path.join(FIXTURES, name, 'dequantized.safetensors'));
  const entries = [...store.entries.values()].map(
    async ({ name: tensor, shape }) => [tensor, { shape, values: (await store.read(tensor)) as Float32Array }] as const,
  );
  const result = new Map(await Promise.all(entries));
  await store.close();
  return result;
}

function transposed({
  shape: [rows, columns],
  values,
}: {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}): Float32Array {
  return Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
}

describe('checkpoints of bitsandbytes', () => {
  it.each(['tiny-llama-nf4', 'tiny-llama-fp4', 'tiny-llama-int8', 'tiny-gpt2-nf4'])(
    '%s: every weight as bitsandbytes reads it',
    async (name) => {
      const model = await load(name);
      const golden = await read(name);
      expect(golden.size).toBeGreaterThan(7);
      for (const [parameter, { shape, values }] of golden) {
        const weight = algebra.tidy(() => model.parameter(parameter).dataSync().slice());
        const isTurned = model.parameters.get(parameter)?.shape.join() !== shape.join();
        expect(weight).toBeAllClose(isTurned ? transposed({ shape, values }) : values, 1e-7);
      }
      const infos = [...model.parameters].filter(([, { quantized: info }]) => info !== undefined);
      expect(new Set(infos.map(([parameter]) => parameter))).toEqual(new Set(golden.keys()));
      model.dispose();
    },
  );

  it('quantize: nf4 makes the same of the same weights, and leaves embedding and head alone', async () => {
    const own = await load('tiny-llama', { quantize: 'nf4' });
    const plain = await load('tiny-llama');
    const golden = await read('tiny-llama-nf4');
    for (const [name] of own.parameters) {
      const values = (model: CausalLM) => algebra.tidy(() => model.parameter(name).dataSync().slice());
      expect(values(own)).toBeAllClose(golden.get(name)?.values ?? values(plain), 1e-6);
    }
    own.dispose();
    plain.dispose();
  });

  it('another backend reads the same values', async () => {
    const cpu = await tensorAlgebra({ backend: 'cpu' });
    const model = await loadCausalLM(path.join(FIXTURES, 'tiny-llama-nf4'), { algebra: cpu });
    for (const [name, { values }] of await read('tiny-llama-nf4')) expect(model.parameter(name).dataSync()).toBeAllClose(values, 1e-7);
    model.dispose();
    // Other tests of this file go on on wasm.
    await tensorAlgebra({ backend: 'wasm' });
  });
});

describe('errors', () => {
  /** Copies a checkpoint with its tensors and configuration changed. */
  async function changed(
    name: string,
    {
      tensors = (all) => all,
      config = (json) => json,
    }: { readonly tensors?: (all: Map<string, TensorData>) => Map<string, TensorData>; readonly config?: (json: object) => object },
  ): Promise<string> {
    const to = path.join(folder, `changed-${counter++}`);
    await mkdir(to);
    await cp(path.join(FIXTURES, name, 'config.json'), path.join(to, 'config.json'));
    const json = JSON.parse(await readFile(path.join(to, 'config.json'), 'utf8')) as object;
    await writeFile(path.join(to, 'config.json'), JSON.stringify(config(json)));
    const store = await openSafetensors(path.join(FIXTURES, name));
    const all = new Map(
      [...store.entries.values()].map(({ name: tensor, dtype, shape }) => [tensor, { dtype, shape, data: () => store.readBytes(tensor) }]),
    );
    await writeSafetensors(path.join(to, 'model.safetensors'), tensors(all));
    await store.close();
    return to;
  }
  let counter = 0;
  const without = (pattern: RegExp) => (all: Map<string, TensorData>) => new Map([...all].filter(([name]) => !pattern.test(name)));
  const replaced = (name: string, data: TensorData) => (all: Map<string, TensorData>) => new Map([...all, [name, data]]);
  const q = 'model.layers.0.self_attn.q_proj';
  const state = (json: object) => {
    const text = new TextEncoder().encode(JSON.stringify(json));
    return replaced(`${q}.weight.quant_state.bitsandbytes__nf4`, { dtype: 'U8', shape: [text.length], data: () => text });
  };

  it.each([
    [
      'a part that is missing',
      'tiny-llama-nf4',
      without(/q_proj.*nested_quant_map/),
      /expected the tensor '.*q_proj.weight.nested_quant_map' of a quantized weight/,
    ],
    [
      'no state',
      'tiny-llama-nf4',
      without(/q_proj.*quant_state/),
      /the tensor '.*q_proj.weight.*' in .* as well|or quantized by bitsandbytes/,
    ],
    [
      'another shape',
      'tiny-llama-nf4',
      state({ blocksize: 64, dtype: 'bfloat16', shape: [24, 12], nested_blocksize: 256, nested_offset: 0 }),
      /expected '.*q_proj.weight' of shape \[24, 24\] as config.json says, got \[24, 12\]/,
    ],
    [
      'a block size of 0',
      'tiny-llama-nf4',
      state({ blocksize: 0, dtype: 'bfloat16', shape: [24, 24] }),
      /'blocksize' a positive integer, got 0/,
    ],
    [
      'blocks that do not fit',
      'tiny-llama-nf4',
      state({ blocksize: 128, dtype: 'bfloat16', shape: [24, 24], nested_blocksize: 256, nested_offset: 0 }),
      /absmax' in .* to hold 5 bytes, got 9/,
    ],
    [
      'a number format',
      'tiny-llama-nf4',
      state({ blocksize: 64, dtype: 'int3', shape: [24, 24] }),
      /'dtype' one of float32, float16, bfloat16, got "int3"/,
    ],
    ['no object', 'tiny-llama-nf4', state([1]), /an object/],
    [
      'a layout of a GPU',
      'tiny-llama-int8',
      replaced(`${q}.weight_format`, { dtype: 'U8', shape: [], data: () => Uint8Array.of(2) }),
      /weight_format' in .* to hold 0, which means by rows, got 2/,
    ],
    [
      'no scales',
      'tiny-llama-int8',
      without(/q_proj.SCB/),
      /got the tensor '.*q_proj.weight_format'|or quantized by bitsandbytes with its scales beside it, got I8/,
    ],
  ] as const)('%s', async (_, name, tensors, message) => {
    const directory = await changed(name, { tensors });
    await expect(load(directory)).rejects.toThrow(message);
  });

  it.each([
    [
      'GPTQ',
      { quantization_config: { quant_method: 'gptq', bits: 4 } },
      /not quantized, or by bitsandbytes, got those of "gptq" in .*config.json; load the unquantized model/,
    ],
    ['an unknown method', { quantization_config: { bits: 4 } }, /got those of a method that it does not name/],
    ['MLX', { quantization: { group_size: 64, bits: 4 } }, /got those of MLX/],
  ] as const)('%s', async (_, more, message) => {
    const directory = await changed('tiny-llama', { config: (json) => ({ ...json, ...more }) });
    await expect(load(directory)).rejects.toThrow(message);
  });

  it('of quantizing twice, and of formats that are none', async () => {
    await expect(load('tiny-llama-int8', { quantize: 'nf4' })).rejects.toThrow(
      /expected weights that are not quantized for quantize: 'nf4', got int8 of bitsandbytes/,
    );
    await expect(load('tiny-llama', { quantize: 'int4' as 'nf4' })).rejects.toThrow(/quantize/);
  });
});

it('a matrix without entries beyond its last block', () => {
  const matrix: QuantizedMatrix = quantized(Float32Array.of(1, -0.5, 0.25), [1, 3], 'nf4');
  expect(dequantized(matrix)).toHaveLength(3);
});
