/** The lock of a run: one process has it, however many want it at once. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ConfigError } from 'bures';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockOwner, lockRun } from '../../src/cli/run/run-lock.js';

let run = '';
let file = '';
beforeEach(() => {
  run = mkdtempSync(path.join(tmpdir(), 'bures-lock-'));
  file = path.join(run, '.lock');
});
afterEach(() => rmSync(run, { recursive: true }));

/** A process that cannot be: numbers of processes end before it. */
const dead = 2 ** 30;

it.each([
  ['nobody has', undefined],
  ['a dead process had', `${dead} 1`],
  ['a crash left empty', ''],
])('of a run that %s goes to one of many, and leaves nothing behind', async (_, content) => {
  if (content !== undefined) writeFileSync(file, content);
  const results = await Promise.allSettled(Array.from({ length: 12 }, () => lockRun(run)));
  const winners = results.filter((result) => result.status === 'fulfilled');
  expect(winners).toHaveLength(1);
  for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ConfigError);
  expect(await lockOwner(run)).toBe(process.pid);
  expect(readdirSync(run)).toEqual(['.lock']);
  await winners[0].value.release();
  expect(readdirSync(run)).toEqual([]);
});

// Only Linux tells when a process began.
it.runIf(existsSync('/proc/self/stat'))('that names this process, but an earlier one of its number, is taken over', async () => {
  writeFileSync(file, `${process.pid} 1`);
  expect(await lockOwner(run)).toBeUndefined();
  const lock = await lockRun(run);
  await expect(lockRun(run)).rejects.toThrow(`in use by process ${process.pid}`);
  await lock.release();
});

it('that another has meanwhile is not removed by who gives back the own', async () => {
  const lock = await lockRun(run);
  writeFileSync(file, `${process.ppid}`);
  await lock.release();
  expect(readFileSync(file, 'utf8')).toBe(`${process.ppid}`);
});

describe('what is written into a run', () => {
  const fill = async (folder: string): Promise<void> => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'part'), '');
  };

  it('stays while the run does', async () => {
    writeFileSync(path.join(run, 'config.yaml'), '');
    const lock = await lockRun(run);
    const folder = path.join(run, 'checkpoints', 'step-4');
    await lock.write(folder, () => fill(folder));
    expect(readdirSync(folder)).toEqual(['part']);
    await expect(lock.write(folder, () => Promise.reject(new ConfigError('its own')))).rejects.toThrow('its own');
    expect(readdirSync(folder)).toEqual(['part']);
    await lock.release();
  });

  it.each(['and all of it is written', 'and writing fails'])('is removed with a run that goes meanwhile, %s', async (how) => {
    writeFileSync(path.join(run, 'config.yaml'), '');
    const lock = await lockRun(run);
    const folder = path.join(run, 'checkpoints', 'step-4');
    const write = async (): Promise<void> => {
      rmSync(path.join(run, 'config.yaml'));
      await fill(folder);
      if (how === 'and writing fails') throw new ConfigError('its own');
    };
    await expect(lock.write(folder, write)).rejects.toThrow('config.yaml was removed during training');
    expect(readdirSync(run)).toEqual(['.lock']);
    await lock.release();
  });

  it('stays where another run has come in the place of this one', async () => {
    writeFileSync(path.join(run, 'config.yaml'), '');
    const lock = await lockRun(run);
    const folder = path.join(run, 'best');
    const write = async (): Promise<void> => {
      writeFileSync(file, `${process.ppid}`);
      await fill(folder);
    };
    await expect(lock.write(folder, write)).rejects.toThrow(`was replaced by that of process ${process.ppid}`);
    expect(readdirSync(folder)).toEqual(['part']);
  });
});
