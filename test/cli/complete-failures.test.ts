/** `bures complete`: what it refuses, whose folders it touches, and what stays where it fails. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { completionFiles, writeCompletion } from '../../src/cli/completion/completion-folder.js';
import type { Entries } from '../../src/cli/completion/entries.js';
import { sniffFormat } from '../../src/cli/completion/sniff-format.js';
import { csrFromTriplets, hostAlgebra, seededRandom } from '../../src/index.js';
import { stageFolder, stagingPath } from '../../src/io/files/staging.node.js';
import { readNpy } from '../../src/io/index.js';
import { deadProcess } from '../support/dead-process.js';
import { testFolder } from './completions.js';
import { runCli } from './run-cli.js';

const la = hostAlgebra();
const { inRoot, fileOf } = testFolder();

const small = 'a,x,1\na,y,2\nb,x,3\nb,y,5\nc,y,4\n';

describe('bures complete', () => {
  it('touches nobody’s folder', async () => {
    const file = fileOf('small.csv', small);
    const foreign = inRoot('foreign');
    mkdirSync(foreign);
    writeFileSync(path.join(foreign, 'left.npy'), 'mine');
    writeFileSync(path.join(foreign, 'notes.txt'), 'mine too');
    for (const flags of [[], ['--overwrite']]) {
      const { status, stderr } = await runCli('complete', file, '--out', foreign, ...flags);
      expect([status, stderr]).toEqual([2, expect.stringMatching(/foreign is not empty; choose another --out/)]);
    }
    expect(readFileSync(path.join(foreign, 'left.npy'), 'utf8')).toBe('mine');
    const [out, all] = [inRoot('small'), ['--test-fraction', '0', '--validation-fraction', '0', '--rank', '1']];
    expect(await runCli('complete', file, '--out', out)).toMatchObject({ status: 0 });
    expect(await runCli('complete', file, '--out', out, ...all)).toMatchObject({ status: 2, stderr: expect.stringMatching(/--overwrite/) });
    expect(await runCli('complete', file, '--out', out, ...all, '--overwrite')).toMatchObject({ status: 0 });
    expect(existsSync(path.join(out, 'test.csv'))).toBe(false);
    expect(readdirSync(out)).toHaveLength(9);
  });

  it('takes the place of what a killed one left, and of parts of unknown origin with --overwrite only', async () => {
    const out = inRoot('killed');
    mkdirSync(out);
    for (const name of ['right.npy', 'test.csv']) writeFileSync(path.join(out, name), 'of the killed one');
    const file = fileOf('killed.csv', small);
    expect(await runCli('complete', file, '--out', out)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/holds parts of a completion; replace it with --overwrite/),
    });
    // As a process that has died names it; this one's own would be that of a living one.
    const staging = (await stagingPath(out, out)).replace(`.${process.pid}-`, `.${await deadProcess()}-`);
    mkdirSync(staging);
    writeFileSync(path.join(staging, 'left.npy'), 'half');
    expect(await runCli('complete', file, '--out', out)).toMatchObject({ status: 0 });
    // So few entries leave none to test.
    const absent: readonly string[] = [completionFiles.test, completionFiles.predictions];
    const files = Object.values(completionFiles).filter((name) => !absent.includes(name));
    expect(readdirSync(out).sort()).toEqual(files.sort());
    expect((await readNpy(la, path.join(out, 'right.npy'))).shape[0]).toBe(2);
  });

  it('finds before it fits that the folder cannot be made', async () => {
    // Leads nowhere, and into a file.
    for (const target of ['nowhere/below', 'blocking.csv']) {
      const [out, file] = [inRoot('link'), fileOf('blocking.csv', small)];
      symlinkSync(inRoot(target), out);
      const { status, stdout, stderr } = await runCli('complete', file, '--out', path.join(out, 'new'));
      expect([status === 0, stdout]).toEqual([false, '']);
      expect(stderr).toMatch(/complete: (cannot write )?.*link/);
      expect(stderr).not.toMatch(/entries to fit/);
      rmSync(out);
    }
  });

  it('leaves the earlier completion whole where writing fails, and nothing beside it', async () => {
    const out = inRoot('earlier');
    expect(await runCli('complete', fileOf('earlier.csv', small), '--out', out)).toMatchObject({ status: 0 });
    const contents = () => readdirSync(out).map((name) => [name, readFileSync(path.join(out, name), 'utf8')]);
    const before = contents();
    const [m, n, r] = [5, 4, 1];
    const random = seededRandom(3);
    const factors = { left: la.randomNormal([m, r], random), right: la.randomNormal([n, r], random) };
    const rowFit = { kind: 'ratings', ridge: Float64Array.of(1) } as const;
    const model = { mean: 1, rowBiases: new Float64Array(m), columnBiases: new Float64Array(n), ...factors, rowFit };
    const matrix = csrFromTriplets(la, { rows: m, columns: n, rowIndices: [4], columnIndices: [1], values: [3] });
    const entries = { matrix, rowLabels: [...'abcde'], columnLabels: [...'wxyz'] } as unknown as Entries;
    // The summary is the last file, and JSON has no such number.
    const staged = await stageFolder('complete', out);
    const writing = writeCompletion(staged, entries, { model, test: undefined }, { rank: 1n });
    await expect(writing).rejects.toThrow(/BigInt/);
    await staged.discard();
    expect(contents()).toEqual(before);
  });

  it.each<[string, string, readonly string[], number, RegExp]>([
    ['an empty file', '', [], 1, /complete: \S*bad\.csv: expected lines of row, column and value, got none/],
    ['a header alone', 'user,item,rating\n', [], 1, /complete: \S*bad\.csv: expected lines of row, column and value, got none/],
    ['a value that is no number', 'a,x,1\na,y,2\nb,x,many\n', [], 1, /complete: \S*bad\.csv:3: expected a finite number in field 3/],
    ['a line that is too short', 'a;x;1\na;y\n', [], 1, /complete: \S*bad\.csv:2: expected 3 fields or more between ";", as on line 1/],
    ['no delimiter', 'hello\n', [], 1, /complete: \S*bad\.csv:1: expected 3 fields or more between commas/],
    ['constant values', 'a,x,3\nb,y,3\n', [], 1, /every value is 3, so there is nothing to fit/],
    ['a dense array', '%%MatrixMarket matrix array real general\n1 2\n1\n2\n', [], 1, /expected a coordinate file/],
    ['compressed data', '\x1f\x8b', [], 1, /compressed by gzip; unpack it/],
    [
      'a rank beyond the matrix',
      'a,x,3\nb,y,4\nb,z,5\n',
      ['--rank', '3'],
      2,
      /expected a rank of at most 2 for a 2×3 matrix, got 3; pass --rank 2 or less/,
    ],
    [
      'a column that is not there',
      'a,b,c\n1,2,3\n',
      ['--columns', 'a,b,z'],
      1,
      /complete: \S*bad\.csv:1: expected a field named "z", got a, b, c/,
    ],
    ['two columns', 'a,x,1\n', ['--columns', '1,2'], 2, /--columns must be three different columns/],
    [
      'a name of every object as delimiter',
      'a,x,1\nb,y,2\n',
      ['--delimiter', 'constructor'],
      1,
      /complete: \S*bad\.csv:2: expected at least 3 fields/,
    ],
    [
      'all for the test',
      'a,x,1\n',
      ['--test-fraction', '1'],
      2,
      /--test-fraction: must be below 1, got 1; it means: fraction of the entries/,
    ],
    ['an unknown centering', 'a,x,1\n', ['--center', 'median'], 2, /--center: must be one of biases, mean, none, got "median"/],
  ])('refuses %s', async (_fault, text, flags, expected, message) => {
    writeFileSync(inRoot('bad.csv'), text, 'latin1');
    const { status, stdout, stderr } = await runCli('complete', inRoot('bad.csv'), '--out', inRoot('bad'), ...flags);
    expect([status, stdout]).toEqual([expected, '']);
    expect(stderr).toMatch(message);
    expect(existsSync(inRoot('bad'))).toBe(false);
  });

  it('refuses a file that is not there', async () => {
    expect(await runCli('complete', inRoot('nowhere.csv'))).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/cannot read .*nowhere\.csv/),
    });
  });
});

it('labels may begin with # after a space: only a line that begins with it is a remark', async () => {
  expect(await sniffFormat(fileOf('tags.csv', '# a remark\n #a;x;1\n #b;y;2\n'), 3, {})).toMatchObject({ kind: 'table', delimiter: ';' });
});
