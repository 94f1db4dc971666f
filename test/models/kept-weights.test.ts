/** Weights kept beside the heap, in the number format of the file, against the same weights in float32 on it. */
import { cp, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { memory, type Tensor } from '@tensorflow/tfjs-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FloatDtype, openSafetensors, writeSafetensors } from '../../src/io/index.js';
import { tensorAlgebra } from '../../src/linalg/tensor/index.js';
import { installWasmKernels } from '../../src/linalg/tensor/wasm/install.js';
import { multiplyStored, storedRows } from '../../src/linalg/tensor/wasm/stored-matrix.js';
import type { StoredMatrix } from '../../src/linalg/tensor/wasm/stored-rows.js';
import { balora, createAdapter, dora, mergeAdapter, olora, trainer } from '../../src/lora/index.js';
import { type CausalLM, loadCausalLM, type TokenBatch } from '../../src/models/index.js';
import { liveTensors } from '../support/engines.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { randomOverlay } from './overlays.js';

const FIXTURES = path.join(import.meta.dirname, '../fixtures');
const algebra = await tensorAlgebra({ backend: 'wasm' });
const folder = temporaryFolder('kept-weights');

/** Copies a checkpoint with all weights in a number format. */
async function converted(name: string, dtype: FloatDtype): Promise<string> {
  const from = path.join(FIXTURES, name);
  const to = path.join(folder, `${name.replace('/', '-')}-${dtype}`);
  await mkdir(to, { recursive: true });
  await cp(path.join(from, 'config.json'), path.join(to, 'config.json'));
  const store = await openSafetensors(from);
  const tensors = await Promise.all(
    [...store.entries.values()].map(async ({ name: tensor, shape }) => {
      const values = (await store.read(tensor)) as Float32Array;
      return [tensor, { dtype, shape, data: () => values }] as const;
    }),
  );
  await writeSafetensors(path.join(to, 'model.safetensors'), new Map(tensors));
  await store.close();
  return to;
}

const batch: TokenBatch = {
  batch: 2,
  length: 7,
  inputIds: Int32Array.from({ length: 14 }, (_, i) => (5 * i + 3) % 29),
  labels: Int32Array.from({ length: 14 }, (_, i) => (i % 7 < 2 ? -100 : (5 * i + 3) % 29)),
};

const CASES = ['tiny-llama', 'tiny-gpt2', 'tiny-mistral', 'tiny-gemma3-text', 'tiny-phi3', 'tiny-olmo2'].flatMap((name) =>
  (['F32', 'F16', 'BF16'] as const).map((dtype) => ({ name, dtype })),
);

describe.each([{ blas: 'auto' }, { blas: 'off' }] as const)('blas: $blas', ({ blas }) => {
  beforeAll(() => {
    installWasmKernels({ blas });
  });
  afterAll(() => {
    installWasmKernels();
  });

  it.each(CASES)('$name in $dtype: logits, loss, derivatives and text are the same', async ({ name, dtype }) => {
    const before = liveTensors();
    const directory = await converted(`models/${name}`, dtype);
    const models = await Promise.all((['f32', 'keep'] as const).map((weights) => loadCausalLM(directory, { algebra, weights })));
    const [norm] = [...models[0].parameters.keys()].filter((parameter) => /norm|ln_f/.test(parameter));
    const overlays = models.map((model) => randomOverlay(model, model.linearModules.keys(), [norm], 3));
    const found = await Promise.all(
      models.map(async (model, i) => {
        const overlay = overlays[i];
        const logits = model.logits(batch, { overlay });
        const values = logits.dataSync<'float32'>().slice();
        logits.dispose();
        const { loss, adapters, replaced } = await model.lossAndGradient(batch, overlay);
        const derivatives = [...[...adapters.values()].flatMap((arrays) => Object.values(arrays)), ...replaced.values()];
        const numbers = derivatives.map((each) => each.dataSync<'float32'>().slice());
        const text: number[] = [];
        for await (const token of model.generate([1, 2, 3], { maxNewTokens: 6, overlay })) text.push(token);
        for (const each of derivatives) each.dispose();
        return { values, loss, numbers, text };
      }),
    );
    const [inside, beside] = found;
    expect(beside.values).toBeAllClose(inside.values, 1e-5);
    expect(beside.loss).toBeCloseTo(inside.loss, 6);
    for (const [i, numbers] of beside.numbers.entries()) expect(numbers).toBeAllClose(inside.numbers[i], 1e-5);
    expect(beside.text).toEqual(inside.text);
    for (const overlay of overlays) disposeOverlay(overlay);
    for (const model of models) model.dispose();
    expect(liveTensors()).toBe(before);
  });

  it.each(['F32', 'F16', 'BF16'] as const)('products over several panels: %s', async (dtype) => {
    const [rows, columns, count] = [700, 900, 3];
    const entries = Float32Array.from({ length: rows * columns }, (_, i) => ((i * 37) % 128) / 64 - 1);
    const halves = (bits: (value: number) => number) => Uint16Array.from(entries, (value) => bits(value));
    const brain = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0] >>> 16;
    const half = (value: number): number => {
      const bits = new Uint32Array(Float32Array.of(value).buffer)[0];
      return value === 0 ? 0 : ((bits >>> 16) & 0x8000) | ((((bits >>> 23) & 255) - 112) << 10) | ((bits >>> 13) & 0x3ff);
    };
    const numbers = dtype === 'F32' ? entries : halves(dtype === 'BF16' ? brain : half);
    const matrix: StoredMatrix = { shape: [rows, columns], dtype, bytes: new Uint8Array(numbers.buffer as ArrayBuffer) };
    algebra.tidy(() => {
      for (const transposed of [false, true]) {
        const [inner, outer] = transposed ? [rows, columns] : [columns, rows];
        const left = Float32Array.from({ length: count * inner }, (_, i) => ((i * 11) % 16) / 8 - 1);
        const x = algebra.fromArray(left, [count, inner]);
        const product = multiplyStored(x, matrix, transposed).dataSync();
        const at = (i: number, j: number): number => (transposed ? entries[i * columns + j] : entries[j * columns + i]);
        const exact = Float64Array.from({ length: count * outer }, (_, index) => {
          const [row, j] = [Math.floor(index / outer), index % outer];
          let sum = 0;
          for (let i = 0; i < inner; i++) sum += left[row * inner + i] * at(i, j);
          return sum;
        });
        expect(product).toBeAllClose(exact, 1e-3);
      }
      expect(Array.from(storedRows(matrix, [5, 699]).dataSync())).toEqual([
        ...entries.subarray(5 * columns, 6 * columns),
        ...entries.subarray(699 * columns),
      ]);
    });
  });
});

function disposeOverlay({ adapters, replaced }: ReturnType<typeof randomOverlay>): void {
  for (const { parameters } of adapters.values()) for (const array of Object.values(parameters)) array.dispose();
  for (const array of replaced.values()) array.dispose();
}

describe('half precision', () => {
  it('is widened exactly, subnormal numbers, infinities and NaN included', () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const matrix: StoredMatrix = { shape: [1, 65536], dtype: 'F16', bytes: new Uint8Array(halves.buffer) };
    const found = algebra.tidy(() => storedRows(matrix, [0]).dataSync<'float32'>().slice());
    for (const [bits, value] of found.entries()) {
      const [sign, exponent, mantissa] = [bits >>> 15 ? -1 : 1, (bits >>> 10) & 31, bits & 1023];
      const special = mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
      const exact =
        exponent === 31 ? special : sign * (exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15));
      if (!Object.is(value, exact)) expect([bits, value]).toEqual([bits, exact]);
    }
  });
});

describe('a model whose weights are kept', () => {
  let model: CausalLM;
  afterEach(() => model.dispose());

  const logitsOf = (): Float32Array => {
    const logits: Tensor = model.logits(batch);
    const values = logits.dataSync<'float32'>().slice();
    logits.dispose();
    return values;
  };

  it('holds its matrices beside the heap', async () => {
    const directory = await converted('models/tiny-llama', 'BF16');
    const before = memory().numBytes;
    model = await loadCausalLM(directory, { algebra, weights: 'keep' });
    const vectors = [...model.parameters.values()].filter(({ shape }) => shape.length === 1);
    expect(memory().numBytes - before).toBe(4 * vectors.reduce((sum, { shape }) => sum + shape[0], 0));
  });

  it.each([
    ['olora', olora],
    ['dora', dora],
    ['balora', balora],
  ] as const)('trains and merges with %s', async (_, method) => {
    const directory = await converted('models/tiny-llama', 'BF16');
    model = await loadCausalLM(directory, { algebra, weights: 'keep' });
    const before = logitsOf();
    const adapter = await createAdapter(model, { method: method(), rank: 3, targetModules: 'all-linear' });
    const losses: number[] = [];
    const training = trainer(adapter, { nextBatch: () => batch, steps: 4, learningRate: 1e-2 });
    for await (const { loss } of training) losses.push(loss);
    training.dispose();
    expect(losses[3]).toBeLessThan(losses[0]);
    const merged = await mergeAdapter(adapter, { batch });
    expect(merged.deviation).toBeLessThan(1e-4);
    merged.unmerge();
    adapter.dispose();
    expect(logitsOf()).toBeAllClose(before, 1e-4);
  });
});

it('weights are kept on wasm alone', async () => {
  const cpu = await tensorAlgebra({ backend: 'cpu' });
  // Other files of this process go on on wasm.
  await tensorAlgebra({ backend: 'wasm' });
  await expect(loadCausalLM(path.join(FIXTURES, 'models/tiny-llama'), { algebra: cpu, weights: 'keep' })).rejects.toThrow(
    /loadCausalLM: expected the backend wasm for weights 'keep', got cpu/,
  );
});
