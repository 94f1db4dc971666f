import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BackendError, ConfigError } from '../../src/core/errors.js';
import { stageFolder, stagingPath, writeFolder } from '../../src/io/files/staging.node.js';
import { writeAtomic } from '../../src/io/files/write-atomic.node.js';
import { deadProcess } from '../support/dead-process.js';

let root: string;
const at = (...names: string[]) => path.join(root, ...names);
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'bures-staging-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** A staging file of another process than this one. */
async function stagedBy(pid: number | string, target: string): Promise<string> {
  const file = (await stagingPath(at(target))).replace(`.${process.pid}-`, `.${pid}-`);
  writeFileSync(file, 'half');
  return path.basename(file);
}

describe('what a process was writing', () => {
  it('is removed by the next writer of the same file once that process has died, and by no other', async () => {
    const dead = await deadProcess();
    await stagedBy(dead, 'file');
    const other = await stagedBy(dead, 'other');
    await writeAtomic(at('file'), 'new');
    expect(readdirSync(root).sort()).toEqual([other, 'file'].sort());
    expect(readFileSync(at('file'), 'utf8')).toBe('new');
  });

  it('stays while that process lives', async () => {
    const own = await stagedBy(process.pid, 'file');
    // Where the system does not tell when a process began, its number decides.
    const parent = path.basename(await stagingPath(at('file'))).replace(new RegExp(`\\.${process.pid}-\\d*-`), `.${process.ppid}--`);
    writeFileSync(at(parent), 'half');
    await writeAtomic(at('file'), 'new');
    await writeFolder('test', at('folder'), async (folder) => writeFileSync(path.join(folder, 'x'), ''));
    expect(readdirSync(root).sort()).toEqual([own, parent, 'file', 'folder'].sort());
  });

  it('is removed where its number has been given to another process', async () => {
    const name = path.basename(await stagingPath(at('file')));
    // The same number, another beginning.
    const [, start] = /-(\d*)-/.exec(name) ?? [];
    if (start === '') return;
    writeFileSync(at(name.replace(`-${start}-`, `-${Number(start) - 1}-`)), '');
    await writeAtomic(at('file'), 'new');
    expect(readdirSync(root)).toEqual(['file']);
  });

  it('on another machine stays for a day', async () => {
    const foreign = (await stagingPath(at('file'))).replace(/-[0-9a-f]{8}\./, '-00000000.');
    writeFileSync(foreign, '');
    await writeAtomic(at('file'), 'new');
    expect(readdirSync(root)).toHaveLength(2);
    const before = new Date(Date.now() - 25 * 60 * 60 * 1000);
    utimesSync(foreign, before, before);
    await writeAtomic(at('file'), 'newer');
    expect(readdirSync(root)).toEqual(['file']);
  });

  it('is not what errors name', async () => {
    for (const out of [at('beside'), at('within')]) {
      if (out === at('within')) mkdirSync(out);
      const writing = writeFolder('test', out, async (folder) => {
        writeFileSync(path.join(folder, 'file'), '');
        await writeAtomic(path.join(folder, 'file', 'below'), '');
      });
      await expect(writing).rejects.toThrow(`cannot write ${path.join(out, 'file', 'below')} (`);
    }
  });

  it('has a name that file systems take, however long the target’s', async () => {
    for (const name of ['x'.repeat(255), '数'.repeat(85), 'a\nb']) {
      await writeAtomic(at(name), 'new');
      expect(readFileSync(at(name), 'utf8')).toBe('new');
    }
    expect(readdirSync(root)).toHaveLength(3);
  });
});

describe('a folder', () => {
  const fill = async (folder: string): Promise<void> => {
    for (const name of ['a', 'b', 'last']) writeFileSync(path.join(folder, name), name);
  };

  it('takes its place by one renaming, with the folders above it', async () => {
    await writeFolder('test', at('new', 'deep', 'out'), async (folder) => {
      expect(path.dirname(folder)).toBe(at('new', 'deep'));
      await fill(folder);
      expect(readdirSync(at('new', 'deep'))).toEqual([path.basename(folder)]);
    });
    expect(readdirSync(at('new', 'deep'))).toEqual(['out']);
    expect(readdirSync(at('new', 'deep', 'out'))).toEqual(['a', 'b', 'last']);
  });

  it('leaves nothing where it fails, and touches no file that was there', async () => {
    mkdirSync(at('there'));
    writeFileSync(at('there', 'a'), 'mine');
    for (const out of [at('new', 'out'), at('there')]) {
      const failing = writeFolder('test', out, async (folder) => {
        await fill(folder);
        throw new RangeError('no');
      });
      await expect(failing).rejects.toThrow(RangeError);
    }
    expect(readdirSync(root, { recursive: true })).toEqual(['there', path.join('there', 'a')]);
    expect(readFileSync(at('there', 'a'), 'utf8')).toBe('mine');
  });

  it('that was there keeps its other files; the stale ones go first', async () => {
    mkdirSync(at('out'));
    for (const name of ['mine', 'last', 'stale']) writeFileSync(at('out', name), 'old');
    await writeFolder('test', at('out'), fill, { stale: ['last', 'stale'], last: ['last'] });
    expect(readdirSync(at('out'))).toEqual(['a', 'b', 'last', 'mine']);
    expect(['last', 'mine'].map((name) => readFileSync(at('out', name), 'utf8'))).toEqual(['last', 'old']);
  });

  it('that has a folder in the place of a file, or was filled meanwhile, is refused', async () => {
    mkdirSync(at('out', 'b'), { recursive: true });
    await expect(writeFolder('test', at('out'), fill)).rejects.toThrow(ConfigError);
    expect(readdirSync(at('out'))).toEqual(['b']);
    const staged = await stageFolder('test', at('late'));
    await fill(staged.folder);
    mkdirSync(at('late'));
    writeFileSync(at('late', 'mine'), '');
    await expect(staged.commit()).rejects.toThrow(BackendError);
    await staged.discard();
    expect(readdirSync(at('late'))).toEqual(['mine']);
    expect(readdirSync(root).sort()).toEqual(['late', 'out']);
  });
});
