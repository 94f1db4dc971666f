/** A folder that is replaced is the old one or the new one, whatever fails on the way. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

/** Renamings that are still to fail, by the name of what is to be put in place. */
const failing = vi.hoisted(() => new Set<string>());
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return {
    ...real,
    async rename(from: string, to: string) {
      const { basename } = await import('node:path');
      if (failing.delete(basename(to))) throw Object.assign(new Error('EIO: i/o error, rename'), { code: 'EIO', syscall: 'rename' });
      return real.rename(from, to);
    },
  };
});
const { replaceFolder } = await import('../../src/io/files/replace-folder.node.js');

let root: string;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'bures-replace-'));
});
afterAll(() => rm(root, { recursive: true }));

const fill = (text: string) => (staging: string) => writeFile(path.join(staging, 'content.txt'), text);

describe('replaceFolder', () => {
  it('puts the old folder back if the new one cannot take its place', async () => {
    const folder = path.join(root, 'best');
    await mkdir(folder);
    await writeFile(path.join(folder, 'content.txt'), 'old');
    failing.add('best');
    await expect(replaceFolder('resume', folder, fill('new'))).rejects.toThrow(/resume: cannot write .*best .*i\/o error/);
    expect(await readFile(path.join(folder, 'content.txt'), 'utf8')).toBe('old');
    expect(await readdir(root)).toEqual(['best']);
    await replaceFolder('resume', folder, fill('new'));
    expect(await readFile(path.join(folder, 'content.txt'), 'utf8')).toBe('new');
    expect(await readdir(root)).toEqual(['best']);
  });

  it('leaves nothing behind if there was none', async () => {
    failing.add('first');
    await expect(replaceFolder('resume', path.join(root, 'first'), fill('new'))).rejects.toThrow(/cannot write/);
    expect(await readdir(root)).toEqual(['best']);
  });
});
