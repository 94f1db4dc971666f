/** `bures complete`: what it recovers and writes, that its figures are those of its files. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { csrFromTriplets, type HostArray, hostAlgebra } from '../../src/index.js';
import { mergeRepeated } from '../../src/problems/completion/merge-repeated.js';
import { planted, readCompletion, testFolder } from './completions.js';
import { runCli } from './run-cli.js';

const la = hostAlgebra();
const { inRoot, fileOf } = testFolder();

describe('bures complete', () => {
  it('recovers a matrix of low rank, whatever rows and columns are called', async () => {
    const entries = planted({ m: 40, n: 28, singular: [2, 1, 0.4], share: 0.55 });
    const lines = entries.flatMap(({ row, column, value, known }) => (known ? [`9,"user, ${row}",${value},"item ""${column}"""`] : []));
    const file = fileOf('planted.csv', `\ufefftime,who,stars,what\r\n${lines.join('\r\n')}\r\n`);
    const out = inRoot('planted');
    const flags = ['--rank', '3', '--center', 'none', '--columns', 'who,what,stars', '--seed', '2', '--out', out, '--json'];
    const { status, stdout } = await runCli('complete', file, ...flags);
    expect(status).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      out,
      rank: 3,
      interrupted: false,
      data: { rows: 40, columns: 28, entries: lines.length },
    });
    expect(result.counts.train + result.counts.validation + result.counts.test).toBe(lines.length);
    expect(result.rmse.test).toBeLessThan(1e-6);
    expect(result.regularization).toBeLessThan(1e-6);
    const written = await readCompletion(out);
    expect([written.left.shape, written.right.shape]).toEqual([
      [40, 3],
      [28, 3],
    ]);
    expect(written.test).toHaveLength(result.counts.test);
    expect(Math.abs(written.testRmse - result.rmse.test)).toBeLessThan(1e-12);
    for (const { row, column, prediction } of written.test) expect(written.predict(row, column)).toBeCloseTo(prediction, 10);
    // Also where nothing was known.
    for (const { row, column, clean } of entries) {
      expect(Math.abs(written.predict(`user, ${row}`, `item "${column}"`) - clean)).toBeLessThan(1e-5);
    }
    const gram = (factor: HostArray) => la.matmul(factor, factor, { transposeA: true });
    expect(gram(written.left)).toBeAllClose(gram(written.right), 1e-10);
  });

  it('chooses for noisy data how much to shrink and which rank, and prints what its files give', async () => {
    const noise = 0.5;
    const entries = planted({ m: 110, n: 80, singular: [0.9, 0.6], bias: 0.5, noise, share: 0.35 });
    const lines = entries.flatMap(({ row, column, value, known }) => (known ? [`${row + 100}  ${column + 500}  ${value.toFixed(2)}`] : []));
    const out = inRoot('noisy');
    const { status, stdout, stderr } = await runCli('complete', fileOf('noisy.txt', lines.join('\n')), '--rank', '6', '--out', out);
    expect(status).toBe(0);
    const summary = JSON.parse(readFileSync(path.join(out, 'completion.json'), 'utf8'));
    const { testRmse, left, test } = await readCompletion(out);
    const clean = new Map(entries.map((entry) => [`${entry.row + 100} ${entry.column + 500}`, entry.clean]));
    const squares = test.map(({ row, column, value }) => (value - (clean.get(`${row} ${column}`) ?? 0)) ** 2);
    const least = Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
    expect(summary.rank).toBe(2);
    expect(left.shape).toEqual([110, 2]);
    expect(summary.regularization).toBeGreaterThan(0);
    expect(Math.abs(testRmse - summary.rmse.test)).toBeLessThan(1e-12);
    expect(stdout).toMatch(new RegExp(`rank 2, λ \\S+ +${summary.rmse.train.toFixed(4)} +${testRmse.toFixed(4)}`));
    // What the unknowns, a fifth as many as the entries, leave beside the noise: √(1 + ¼) of it; biases fitted without
    // regard to the low rank would leave more.
    expect(testRmse).toBeLessThan(1.2 * least);
    expect(summary.baselines.biases.test).toBeGreaterThan(2 * noise);
    expect(summary.baselines.mean.test).toBeGreaterThan(summary.baselines.biases.test);
    expect(stderr).toMatch(/110 rows, 80 columns/);
    expect(stderr).toMatch(/fit {2}rank 2 {2}iteration \d+ {2}RMSE \S+ {2}validation \d/);
    expect(stdout).toContain(`folder = ${JSON.stringify(out)}`);
    const [alone, low] = summary.tried;
    expect([alone.rank, low.rank]).toEqual([0, 2]);
    expect(low.validationRmse).toBeLessThan(alone.validationRmse);
    expect(Math.abs(summary.noise - noise)).toBeLessThan(0.1 * noise);
  });

  it('reads Matrix Market, keeps the rank it is told to keep, and names rows of which nothing is known', async () => {
    const known = planted({ m: 20, n: 14, singular: [1, 0.5], share: 0.7 }).filter((entry) => entry.known);
    const lines = known.map(({ row, column, value }) => `${row + 1} ${column + 1} ${value}`);
    const text = `%%MatrixMarket matrix coordinate real general\n21 14 ${lines.length + 1}\n${[...lines, lines[0]].join('\n')}\n`;
    const flags = [
      '--rank',
      '4',
      '--keep-rank',
      '--validation-fraction',
      '0',
      '--regularization',
      '0.1',
      '--center',
      'mean',
      '--out',
      inRoot('mtx'),
    ];
    const { status, stdout, stderr } = await runCli('complete', fileOf('m.mtx', text), ...flags);
    expect(status).toBe(0);
    expect(stderr).toMatch(/1 more repeats a place and was averaged/);
    expect(stderr).toMatch(/none for validation/);
    expect(stdout).toMatch(/1 row and 0 columns have no fitted entry/);
    const { left, predict } = await readCompletion(inRoot('mtx'));
    expect(left.shape).toEqual([21, 4]);
    const { offsets } = JSON.parse(readFileSync(inRoot('mtx/completion.json'), 'utf8'));
    expect(predict('21', '3')).toBeCloseTo(offsets.mean, 12);
  });

  it('writes what there is on Ctrl-C', async () => {
    // Large enough that the fit does not settle before the event loop is given its first turn.
    const known = planted({ m: 300, n: 200, singular: [1], noise: 1, share: 0.5 }).filter((entry) => entry.known);
    const file = fileOf('endless.csv', known.map(({ row, column, value }) => `${row},${column},${value}`).join('\n'));
    const out = inRoot('endless');
    const endless = ['--rank', '12', '--validation-fraction', '0', '--tolerance', '0', '--max-iterations', '100000000'];
    const before = process.listenerCount('SIGINT');
    let settled = false;
    const outcome = runCli('complete', file, ...endless, '--out', out, '--json').finally(() => {
      settled = true;
    });
    while (process.listenerCount('SIGINT') === before && !settled) await new Promise((resolve) => setImmediate(resolve));
    // Where nobody listens the signal would end the tests.
    if (!settled) process.emit('SIGINT');
    const { status, stdout, stderr } = await outcome;
    expect(process.listenerCount('SIGINT')).toBe(before);
    expect(status, stderr).toBe(1);
    expect(stderr).toMatch(/[^\n]\ninterrupted: stopping the iteration/);
    const result = JSON.parse(stdout);
    expect(result.interrupted).toBe(true);
    expect((await readCompletion(out)).testRmse).toBeCloseTo(result.rmse.test, 12);
  });
});

it('the mean of entries at one place is no larger than they are, whatever their sum', () => {
  const places = { rows: 1, columns: 2, rowIndices: [0, 0, 0, 0], columnIndices: [0, 0, 1, 1] };
  const { matrix } = mergeRepeated(csrFromTriplets(la, { ...places, values: [1.5e308, 1.7e308, 1.7e308, -1.7e308] }));
  expect([...(la.toArray(matrix.values) as Float64Array)]).toEqual([1.6e308, 0]);
});

it('entries at one place become their mean', () => {
  const matrix = csrFromTriplets(la, {
    rows: 3,
    columns: 4,
    rowIndices: [2, 0, 2, 2, 0],
    columnIndices: [3, 1, 0, 3, 2],
    values: [1, 5, 7, 4, 6],
  });
  const { matrix: merged, repeated } = mergeRepeated(matrix);
  expect(repeated).toBe(1);
  expect([...merged.rowPointers]).toEqual([0, 2, 2, 4]);
  expect([...merged.columnIndices]).toEqual([1, 2, 3, 0]);
  expect(merged.values).toBeAllClose([5, 6, 2.5, 7], 1e-15);
  expect(mergeRepeated(merged)).toEqual({ matrix: merged, repeated: 0 });
});
