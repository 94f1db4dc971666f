/** `bures complete`: never worse than biases, the same in every unit, and a word where nothing can be predicted. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/index.js';
import { planted, readCompletion, testFolder } from './completions.js';
import { runCli } from './run-cli.js';

const { inRoot, fileOf } = testFolder();

/** Rows of a table, values times a factor. */
function tableOf(entries: readonly { readonly row: number; readonly column: number; readonly value: number }[], factor = 1): string {
  return entries.map(({ row, column, value }) => `r${row},c${column},${factor * value}`).join('\n');
}

/** Biases and noise, no structure beside them. */
function additive(): ReturnType<typeof planted> {
  return planted({ m: 90, n: 70, singular: [0], bias: 0.5, noise: 0.7, share: 0.2 }).filter((entry) => entry.known);
}

async function completed(name: string, text: string, ...flags: readonly string[]) {
  const out = inRoot(name);
  const { status, stdout, stderr } = await runCli('complete', fileOf(`${name}.csv`, text), '--out', out, ...flags);
  expect(status, stderr).toBe(0);
  return { stdout, out, summary: JSON.parse(readFileSync(path.join(out, 'completion.json'), 'utf8')), written: await readCompletion(out) };
}

describe('bures complete', () => {
  it('writes biases alone where they predict best, as rank 0', async () => {
    const { stdout, summary, written } = await completed('additive', tableOf(additive()));
    expect(summary).toMatchObject({ rank: 0, singularValues: [], regularization: null });
    expect(summary.rmse).toEqual(summary.baselines.biases);
    expect([written.left.shape, written.right.shape]).toEqual([
      [90, 0],
      [70, 0],
    ]);
    expect(written.testRmse).toBeCloseTo(summary.rmse.test, 12);
    expect(stdout).toMatch(/rank 0: biases alone predict best/);
  });

  it.each(['stars', 'signs', 'counts', 'heavy counts'])('predicts %s no worse than biases', async (scale) => {
    const entries = planted({ m: 160, n: 120, singular: [0.6, 0.3], bias: 0.5, noise: 0.6, share: 0.2 }).filter((entry) => entry.known);
    const answer = (opinion: number): number =>
      scale === 'signs'
        ? Math.sign(opinion - 3.5) || 1
        : scale === 'counts'
          ? Math.ceil(Math.exp(opinion / 2))
          : scale === 'heavy counts'
            ? Math.ceil(Math.exp(opinion - 1))
            : Math.min(5, Math.max(0.5, Math.round(2 * opinion) / 2));
    const { summary } = await completed(scale, tableOf(entries.map((entry) => ({ ...entry, value: answer(entry.value) }))));
    expect(summary.rmse.test).toBeLessThanOrEqual(summary.baselines.biases.test);
  });

  it.each([2 ** 600, 1e200, 1e-200, 2 ** -600, -1e-3])('predicts the same in other units: times %s', async (factor) => {
    const entries = planted({ m: 60, n: 40, singular: [0.8, 0.4], bias: 0.5, noise: 0.4, share: 0.4 }).filter((entry) => entry.known);
    const one = await completed(`one-${factor}`, tableOf(entries));
    const other = await completed(`times-${factor}`, tableOf(entries, factor));
    expect(other.summary.rank).toBe(one.summary.rank);
    expect(Math.abs(other.summary.rmse.test / Math.abs(factor) / one.summary.rmse.test - 1)).toBeLessThan(1e-6);
    for (const { row, column } of entries.slice(0, 50)) {
      expect(other.written.predict(`r${row}`, `c${column}`) / factor).toBeCloseTo(one.written.predict(`r${row}`, `c${column}`), 6);
    }
  });

  it('fits the ridge that it is told to, in units that do not matter', async () => {
    const entries = planted({ m: 60, n: 40, singular: [0.8, 0.4], bias: 0.5, noise: 0.4, share: 0.4 }).filter((entry) => entry.known);
    const flags = ['--regularization', '3', '--rank', '2', '--keep-rank'];
    const [one, other] = [await completed('ridge', tableOf(entries), ...flags), await completed('ridge-8', tableOf(entries, 8), ...flags)];
    expect(one.summary).toMatchObject({ rank: 2, regularization: 3 });
    expect(other.summary.rmse.test).toBeCloseTo(8 * one.summary.rmse.test, 8);
  });

  it.each<[string, string, readonly string[], number, RegExp]>([
    [
      'a single row',
      'a,x,1\na,y,2\na,z,4\na,w,3\n',
      [],
      2,
      /expected at least two rows and two columns, got a 1×4 matrix, in which nothing can predict a missing entry/,
    ],
    ['a single column', 'a,x,1\nb,x,2\nc,x,4\n', [], 2, /got a 3×1 matrix, in which nothing can predict/],
    [
      'a test that takes everything',
      tableOf(additive().slice(0, 200)),
      ['--test-fraction', '0.9999'],
      2,
      /--test-fraction of the command\) 0\.9999 of 200 entries leaves \d+ to fit/,
    ],
    [
      'a validation that takes everything',
      tableOf(additive().slice(0, 200)),
      ['--validation-fraction', '0.9999'],
      2,
      /--validation-fraction of the command\) 0\.9999 of \d+ entries leaves/,
    ],
  ])('refuses %s', async (_fault, text, flags, expected, message) => {
    const { status, stdout, stderr } = await runCli('complete', fileOf('refused.csv', text), '--out', inRoot('refused'), ...flags);
    expect([status, stdout]).toEqual([expected, '']);
    expect(stderr).toMatch(message);
    expect(existsSync(inRoot('refused'))).toBe(false);
  });

  it('has a result for random numbers, constant rows, and fewer entries than unknowns', async () => {
    const random = seededRandom(4);
    const noise = Array.from({ length: 400 }, (_, k) => ({ row: k % 40, column: (k * 7) % 31, value: random.normal() }));
    const rows = noise.map((entry) => ({ ...entry, value: entry.row }));
    for (const [name, entries] of Object.entries({ noise, rows, few: noise.slice(0, 60) })) {
      const { summary, written } = await completed(name, tableOf(entries));
      expect(Number.isFinite(summary.rmse.train)).toBe(true);
      expect(Number.isFinite(written.predict('r0', 'c0'))).toBe(true);
    }
  });
});
