import { describe, expect, it } from 'vitest';
import { BackendError, ConfigError, FormatError } from '../../src/index.js';
import { type Files, memoryFiles, nodeFiles, readAll } from '../../src/io/index.js';
import { type CopyProgress, copyModel, loadTokenizer } from '../../src/models/index.js';

const small = 'examples/models/tiny-math-base';

/** A model of two shards; every file is some bytes that tell it from others. */
async function sharded(): Promise<Files> {
  const files = memoryFiles();
  await files.write('m/config.json', '{}');
  await files.write('m/tokenizer.json', '{"version": "1.0"}');
  await files.write('m/chat_template.jinja', '{{ messages }}');
  await files.write('m/README.md', 'not for the loaders');
  const map = { a: 'model-1.safetensors', b: 'model-2.safetensors', c: 'model-1.safetensors' };
  await files.write('m/model.safetensors.index.json', JSON.stringify({ weight_map: map }));
  await files.write('m/model-1.safetensors', new Uint8Array(9_000_001).fill(1));
  await files.write('m/model-2.safetensors', new Uint8Array(5).fill(2));
  return files;
}

/** Compares the bytes of two files, as `toEqual` does in a thousand times the time. */
async function areSame(...files: readonly (readonly [Files, string])[]): Promise<boolean> {
  const [a, b] = await Promise.all(files.map(([place, path]) => readAll(place, path)));
  return Buffer.compare(a, b) === 0;
}

/** Files that count what is written. */
function counted(files: Files): { readonly files: Files; readonly written: string[] } {
  const written: string[] = [];
  return {
    written,
    files: {
      ...files,
      write(path, content) {
        written.push(path);
        return files.write(path, content);
      },
    },
  };
}

const copied = ['config.json', 'tokenizer.json', 'chat_template.jinja', 'model-1.safetensors', 'model-2.safetensors'];

describe('copyModel', () => {
  it('copies a model of one file, which loads from there', async () => {
    const to = memoryFiles();
    await copyModel(small, 'kept/tiny', { from: nodeFiles, to });
    for (const name of await to.list('kept/tiny'))
      expect([name, await areSame([to, `kept/tiny/${name}`], [nodeFiles, `${small}/${name}`])]).toEqual([name, true]);
    const [there, here] = [await loadTokenizer(small), await loadTokenizer('kept/tiny', { files: to })];
    expect(here.encode('12 * 34 =')).toEqual(there.encode('12 * 34 ='));
    expect(await to.describe('kept/tiny/model.safetensors')).toEqual(await nodeFiles.describe(`${small}/model.safetensors`));
  });

  it('copies shards, their index last, and what is missing at a second call', async () => {
    const from = await sharded();
    const { files: to, written } = counted(memoryFiles());
    const seen: CopyProgress[] = [];
    await copyModel('m', 'x', { from, to, onProgress: (progress) => seen.push(progress) });
    expect(written).toEqual([...copied, 'model.safetensors.index.json'].map((name) => `x/${name}`));
    expect(await areSame([to, 'x/model-1.safetensors'], [from, 'm/model-1.safetensors'])).toBe(true);
    expect(seen.filter(({ file }) => file === 'model-1.safetensors')).toEqual(
      [2 ** 22, 2 ** 23, 9_000_001].map((bytes) => ({ file: 'model-1.safetensors', bytes, totalBytes: 9_000_001 })),
    );
    await to.write('x/model-2.safetensors', 'of');
    written.length = 0;
    await copyModel('m', 'x', { from, to });
    expect(written).toEqual(['x/model-2.safetensors']);
  });

  it('takes no older model of the same lengths for this one, and leaves nothing of it', async () => {
    const [older, to] = [await sharded(), memoryFiles()];
    await older.write('m/model-1.safetensors', new Uint8Array(9_000_001).fill(3));
    await older.write('m/generation_config.json', '{}');
    await copyModel('m', 'x', { from: older, to });
    const newer = await sharded();
    await copyModel('m', 'x', { from: newer, to });
    expect(await areSame([to, 'x/model-1.safetensors'], [newer, 'm/model-1.safetensors'])).toBe(true);
    expect(await to.describe('x/generation_config.json')).toBeUndefined();
    const single = memoryFiles();
    for (const name of ['config.json', 'tokenizer.json']) await single.write(`m/${name}`, '{ }');
    await single.write('m/model.safetensors', 'weights');
    await copyModel('m', 'x', { from: single, to });
    expect(await to.describe('x/model.safetensors.index.json')).toBeUndefined();
    await copyModel('m', 'x', { from: newer, to });
    expect(await to.describe('x/model.safetensors')).toBeUndefined();
  });

  it('stops at a signal, leaves whole files, and goes on from them', async () => {
    const from = await sharded();
    const { files: to, written } = counted(memoryFiles());
    const abort = new AbortController();
    const onProgress = ({ file, bytes }: CopyProgress) => file === 'model-1.safetensors' && bytes > 2 ** 22 && abort.abort();
    await expect(copyModel('m', 'x', { from, to, signal: abort.signal, onProgress })).rejects.toThrow(/abort/i);
    expect(await to.describe('x/model-1.safetensors')).toBeUndefined();
    written.length = 0;
    await copyModel('m', 'x', { from, to });
    expect(written).toEqual([...copied.slice(3), 'model.safetensors.index.json'].map((name) => `x/${name}`));
  });

  it.each([
    ['config.json', 'copyModel: expected config.json in m, found none'],
    ['tokenizer.json', 'copyModel: expected tokenizer.json in m, found none'],
    ['model.safetensors.index.json', 'copyModel: expected model.safetensors or model.safetensors.index.json in m'],
    ['model-2.safetensors', 'copyModel: expected the shard model-2.safetensors in m, found none'],
  ])('says that a model lacks %s, and writes no index', async (name, message) => {
    const [from, to] = [await sharded(), memoryFiles()];
    await from.remove(`m/${name}`);
    const outcome = copyModel('m', 'x', { from, to });
    await expect(outcome).rejects.toThrow(ConfigError);
    await expect(outcome).rejects.toThrow(message);
    expect(await to.describe('x/model.safetensors.index.json')).toBeUndefined();
  });

  it('refuses an index that leads out of the folder, and a file that ends early', async () => {
    const [from, to] = [await sharded(), memoryFiles()];
    const index = 'm/model.safetensors.index.json';
    await from.write(index, JSON.stringify({ weight_map: { a: '../secret.safetensors' } }));
    await expect(copyModel('m', 'x', { from, to })).rejects.toThrow(FormatError);
    await from.write(index, JSON.stringify({ weight_map: { a: 'model-1.safetensors' } }));
    const cut: Files = {
      ...from,
      async open(path) {
        const file = await from.open(path);
        return path.endsWith('1.safetensors') ? { ...file, bytes: 10_000_000 } : file;
      },
    };
    await expect(copyModel('m', 'y', { from: cut, to })).rejects.toThrow(
      new BackendError('copyModel: m/model-1.safetensors ended after 9000001 of 10000000 bytes; call it again'),
    );
    expect(await to.describe('y/model-1.safetensors')).toBeUndefined();
  });
});
