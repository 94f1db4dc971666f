/**
 * Heads of checkpoints whose config says that the head is the embedding: the tensors of the file decide, as in
 * transformers (`tie_weights`).
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FormatError } from '../../src/core/errors.js';
import { openSafetensors, type TensorData, writeCheckpoint, writeSafetensors } from '../../src/io/index.js';
import { type CausalLM, loadCausalLM } from '../../src/models/index.js';
import { liveTensors, tensorEngines } from '../support/engines.js';

const FIXTURES = path.join(import.meta.dirname, '../fixtures/models');
const [[, algebra]] = tensorEngines;
const NAMES = ['tiny-qwen2', 'tiny-gpt2', 'tiny-gemma3', 'tiny-gemma3-text', 'tiny-smollm3'] as const;
const ids = Int32Array.of(5, 17, 3, 44, 9, 21);

type Tensors = Map<string, TensorData & { readonly data: Float32Array }>;

let scratch = '';
beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'bures-tied-'));
});
afterAll(() => rm(scratch, { recursive: true }));

let copies = 0;

/** Writes a checkpoint anew with other tensors and keys; returns its folder. */
async function changed(name: string, change: (tensors: Tensors, embedding: string) => void, config: object = {}, shards = false) {
  const folder = path.join(scratch, `${name}-${copies++}`);
  await cp(path.join(FIXTURES, name), folder, { recursive: true });
  const store = await openSafetensors(folder);
  const tensors: Tensors = new Map();
  for (const { name: tensor, shape } of store.entries.values()) {
    tensors.set(tensor, { dtype: 'F32', shape, data: (await store.read(tensor)) as Float32Array });
  }
  await store.close();
  const embedding = [...tensors.keys()].find((tensor) => /(^|\.)(wte|embed_tokens)\.weight$/.test(tensor)) as string;
  change(tensors, embedding);
  if (shards) {
    await rm(path.join(folder, 'model.safetensors'));
    await writeCheckpoint(folder, tensors, { maxShardBytes: 4096 });
  } else await writeSafetensors(path.join(folder, 'model.safetensors'), tensors);
  const file = path.join(folder, 'config.json');
  await writeFile(file, JSON.stringify({ ...(JSON.parse(await readFile(file, 'utf8')) as object), ...config }));
  return folder;
}

const logitsOf = (model: CausalLM): Float32Array => {
  const logits = model.logits({ batch: 1, length: ids.length, inputIds: ids });
  const values = logits.dataSync<'float32'>().slice();
  logits.dispose();
  return values;
};

async function logitsIn(folder: string) {
  const notices: string[] = [];
  const model = await loadCausalLM(folder, { algebra, onNotice: (line) => notices.push(line) });
  const result = { logits: logitsOf(model), tied: model.config.tiedHead, notices };
  model.dispose();
  return result;
}

/** Where a file of this architecture holds the head. */
const headOf = (embedding: string): string =>
  embedding.startsWith('language_model.') ? 'language_model.lm_head.weight' : 'lm_head.weight';

/** Puts a head into a checkpoint. */
const withHead =
  (head: (embedding: Float32Array) => Float32Array) =>
  (tensors: Tensors, embedding: string): void => {
    const { shape, data, dtype } = tensors.get(embedding) as TensorData & { readonly data: Float32Array };
    tensors.set(headOf(embedding), { dtype, shape, data: head(data) });
  };

describe.each(NAMES)('%s, said to be tied', (name) => {
  const before = liveTensors();
  afterAll(() => expect(liveTensors()).toBe(before));

  it.each([false, true])('a head of its own is used; in shards: %s', async (shards) => {
    // One number differs, the last: nothing short of the whole tells the two apart.
    const almost = (embedding: Float32Array) => embedding.map((value, index) => (index === embedding.length - 1 ? value + 3 : value));
    for (const head of [(embedding: Float32Array) => embedding.toReversed(), almost]) {
      const own = await logitsIn(await changed(name, withHead(head), {}, shards));
      const untied = await logitsIn(await changed(name, withHead(head), { tie_word_embeddings: false }));
      const plain = await logitsIn(path.join(FIXTURES, name));
      expect(own.logits).toEqual(untied.logits);
      expect(own.logits).not.toEqual(plain.logits);
      expect([own.tied, plain.tied]).toEqual([false, true]);
      expect(own.notices).toEqual([
        expect.stringMatching(/says tie_word_embeddings, but the checkpoint has a head other than the embedding/),
      ]);
      expect([...untied.notices, ...plain.notices]).toEqual([]);
    }
  });

  it('a head that is the embedding stays tied, in whatever number format', async () => {
    const plain = await logitsIn(path.join(FIXTURES, name));
    const same = await logitsIn(
      await changed(
        name,
        withHead((embedding) => embedding),
      ),
    );
    const [halves, plainHalves] = await Promise.all(
      [true, false].map((head) =>
        changed(name, (tensors, embedding) => {
          const own = tensors.get(embedding) as TensorData & { readonly data: Float32Array };
          const data = own.data.map((value) => Math.round(value * 64) / 64);
          tensors.set(embedding, { ...own, data });
          if (head) tensors.set(headOf(embedding), { ...own, dtype: 'BF16', data });
        }),
      ),
    );
    expect(same).toEqual(plain);
    expect(await logitsIn(halves)).toEqual(await logitsIn(plainHalves));
    expect((await logitsIn(halves)).tied).toBe(true);
  });

  it('with a head and no embedding, the head is the embedding', async () => {
    const plain = await logitsIn(path.join(FIXTURES, name));
    const folder = await changed(name, (tensors, embedding) => {
      withHead((values) => values)(tensors, embedding);
      tensors.delete(embedding);
    });
    expect(await logitsIn(folder)).toEqual(plain);
    const model = await loadCausalLM(folder, { algebra });
    const [, info] = [...model.parameters].find(([parameter]) => /(wte|embed_tokens)\.weight$/.test(parameter)) ?? [];
    expect(info?.tensor).toMatch(/lm_head\.weight$/);
    model.dispose();
  });
});

describe('tensors that contradict the config', () => {
  it('neither head nor embedding, and no head where it is not tied', async () => {
    const without = await changed('tiny-gpt2', (tensors, embedding) => void tensors.delete(embedding));
    await expect(loadCausalLM(without, { algebra })).rejects.toThrow(/expected the tensor 'transformer.wte.weight'/);
    const untied = await changed('tiny-gpt2', () => undefined, { tie_word_embeddings: false });
    await expect(loadCausalLM(untied, { algebra })).rejects.toThrow(/'lm_head.weight' in the checkpoint.*or set tie_word_embeddings/);
  });

  it('two tensors for one parameter are refused, not the first of them dropped', async () => {
    const folder = await changed('tiny-gpt2', (tensors) => {
      const gain = tensors.get('transformer.ln_f.weight') as TensorData & { readonly data: Float32Array };
      tensors.set('ln_f.weight', { ...gain, data: gain.data.map((value) => 2 * value) });
    });
    await expect(loadCausalLM(folder, { algebra })).rejects.toThrow(FormatError);
    await expect(loadCausalLM(folder, { algebra })).rejects.toThrow(/expected one tensor for the parameter 'transformer.ln_f.weight', got/);
  });
});
