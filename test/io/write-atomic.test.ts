import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BackendError, ConfigError } from '../../src/core/errors.js';
import type { ByteSink } from '../../src/io/files/file-content.js';
import { writeAllAtomic, writeAtomic } from '../../src/io/files/write-atomic.node.js';

let folder: string;
const at = (...names: string[]) => path.join(folder, ...names);

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'bures-atomic-'));
});

afterEach(() => rm(folder, { recursive: true }));

describe('writeAtomic', () => {
  it('writes text, bytes and pieces, over what was there', async () => {
    await writeFile(at('file'), 'old and longer');
    await writeAtomic(at('file'), 'é\n');
    expect(await readFile(at('file'), 'utf8')).toBe('é\n');
    await writeAtomic(at('file'), Uint8Array.of(0, 255));
    expect([...(await readFile(at('file')))]).toEqual([0, 255]);
    await writeAtomic(at('file'), async ({ write }) => {
      for (let i = 0; i < 3; i++) await write(Uint8Array.of(i, i));
    });
    expect([...(await readFile(at('file')))]).toEqual([0, 0, 1, 1, 2, 2]);
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('shows a reader the old file until the new one is whole', async () => {
    await writeFile(at('file'), 'old');
    await writeAtomic(at('file'), async ({ write }) => {
      await write(Buffer.from('ne'));
      expect(await readFile(at('file'), 'utf8')).toBe('old');
      await write(Buffer.from('w'));
    });
    expect(await readFile(at('file'), 'utf8')).toBe('new');
  });

  it('leaves nothing behind when the content fails', async () => {
    await writeFile(at('file'), 'old');
    const fail = async ({ write }: { write(bytes: Uint8Array): Promise<void> }) => {
      await write(Buffer.from('part'));
      throw new RangeError('no more');
    };
    await expect(writeAtomic(at('file'), fail)).rejects.toThrow(RangeError);
    await expect(writeAtomic(at('new', 'deep', 'file'), fail)).rejects.toThrow('no more');
    expect(await readFile(at('file'), 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('makes folders, and keeps those that hold something', async () => {
    await writeAtomic(at('a', 'b', 'file'), 'x');
    expect(await readdir(at('a', 'b'))).toEqual(['file']);
  });

  it('keeps permissions and symbolic links', async () => {
    await mkdir(at('blobs'));
    await writeFile(at('blobs', 'blob'), 'old');
    await chmod(at('blobs', 'blob'), 0o640);
    await symlink(path.join('blobs', 'blob'), at('link'));
    await writeAtomic(at('link'), 'new');
    expect(await readlink(at('link'))).toBe(path.join('blobs', 'blob'));
    expect(await readFile(at('blobs', 'blob'), 'utf8')).toBe('new');
    expect((await stat(at('blobs', 'blob'))).mode & 0o777).toBe(0o640);
  });

  it('refuses a directory, and what the file system refuses', async () => {
    await expect(writeAtomic(folder, 'x')).rejects.toThrow(ConfigError);
    await writeFile(at('file'), '');
    await expect(writeAtomic(at('file', 'below'), 'x')).rejects.toThrow(BackendError);
    expect(await readdir(folder)).toEqual(['file']);
  });
});

describe('writeAllAtomic', () => {
  it('replaces no file before all are whole', async () => {
    await writeFile(at('a'), 'old');
    const seen: string[] = [];
    const last = async () => {
      seen.push(await readFile(at('a'), 'utf8'));
    };
    await writeAllAtomic(
      new Map<string, string | (() => Promise<void>)>([
        [at('a'), 'new'],
        [at('b'), last],
      ]),
    );
    expect([seen, await readFile(at('a'), 'utf8'), await readFile(at('b'), 'utf8')]).toEqual([['old'], 'new', '']);
  });

  it('replaces none when one fails', async () => {
    await writeFile(at('a'), 'old');
    const fail = () => Promise.reject(new RangeError('no'));
    const files = new Map<string, string | (() => Promise<void>)>([
      [at('a'), 'new'],
      [at('sub', 'b'), 'new'],
      [at('c'), fail],
    ]);
    await expect(writeAllAtomic(files)).rejects.toThrow(RangeError);
    expect(await readFile(at('a'), 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['a']);
  });

  it('brings stale files back when no new file could be put in place', async () => {
    await writeFile(at('stale'), 'old');
    const files = new Map<string, string | ((sink: ByteSink) => Promise<void>)>([
      [at('a'), 'new'],
      [
        at('b'),
        async ({ write }) => {
          // In the way of the file before, which is whole already.
          await mkdir(at('a', 'in the way'), { recursive: true });
          await write(Buffer.from('new'));
        },
      ],
    ]);
    await expect(writeAllAtomic(files, { stale: [at('stale'), at('none')] })).rejects.toThrow(BackendError);
    expect(await readFile(at('stale'), 'utf8')).toBe('old');
    expect((await readdir(folder)).sort()).toEqual(['a', 'stale']);
    await rm(at('a'), { recursive: true });
    await writeAllAtomic(new Map([[at('a'), 'new']]), { stale: [at('stale')] });
    expect(await readdir(folder)).toEqual(['a']);
  });
});
