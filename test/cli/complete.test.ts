/** `bures complete`: what it recovers and writes, that its figures are those of its files, misuse. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mergeRepeated } from '../../src/cli/completion/merge-repeated.js';
import { dampedOffsets, lessOffsets } from '../../src/cli/completion/offsets.js';
import { csrFromTriplets, type HostArray, hostAlgebra, seededRandom } from '../../src/index.js';
import { readNpy } from '../../src/problems/index.js';
import { runCli } from './run-cli.js';

const la = hostAlgebra();
let root = '';
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'bures-complete-'));
});
afterAll(() => rmSync(root, { recursive: true }));
const inRoot = (name: string): string => path.join(root, name);
const fileOf = (name: string, text: string): string => {
  writeFileSync(inRoot(name), text);
  return inRoot(name);
};

interface PlantedEntry {
  readonly row: number;
  readonly column: number;
  readonly clean: number;
  readonly value: number;
  readonly known: boolean;
}

/** All entries of a matrix of low rank with biases and noise, in random order, some of them known. */
function planted(options: {
  m: number;
  n: number;
  singular: readonly number[];
  bias?: number;
  noise?: number;
  share: number;
}): PlantedEntry[] {
  const { m, n, singular, bias = 0, noise = 0, share } = options;
  const random = seededRandom(5);
  const [left, right] = [la.randomNormal([m, singular.length], random), la.randomNormal([n, singular.length], random)];
  const product = la.toArray(la.matmul(la.scaleColumns(left, la.fromArray(singular, [singular.length])), right, { transposeB: true }));
  const [b, c] = [m, n].map((size) => Array.from({ length: size }, () => bias * random.normal()));
  const entries = Array.from(product, (value, place) => {
    const [row, column] = [Math.floor(place / n), place % n];
    const clean = value + b[row] + c[column] + (bias === 0 ? 0 : 3.5);
    return { row, column, clean, value: clean + noise * random.normal(), known: random.uniform() < share, order: random.uniform() };
  });
  return entries.sort((one, other) => one.order - other.order);
}

interface Written {
  predict(row: string, column: string): number;
  readonly left: HostArray;
  readonly right: HostArray;
  readonly test: readonly { readonly row: string; readonly column: string; readonly value: number; readonly prediction: number }[];
  readonly testRmse: number;
}

/** What a user has: nothing but the files. */
async function readCompletion(folder: string): Promise<Written> {
  const read = (name: string) => readNpy(la, path.join(folder, `${name}.npy`));
  const labels = (name: string): Map<string, number> =>
    new Map((JSON.parse(readFileSync(path.join(folder, `${name}-labels.json`), 'utf8')) as string[]).map((label, k) => [label, k]));
  const [left, right] = [await read('left'), await read('right')];
  const [b, c] = [la.toArray(await read('row-offsets')), la.toArray(await read('column-offsets'))];
  const [rows, columns] = [labels('row'), labels('column')];
  const rank = left.shape[1];
  const predict = (row: string, column: string): number => {
    const [i, j] = [rows.get(row) ?? Number.NaN, columns.get(column) ?? Number.NaN];
    let sum = b[i] + c[j];
    for (let l = 0; l < rank; l++) sum += left.get(i, l) * right.get(j, l);
    return sum;
  };
  const test = readFileSync(path.join(folder, 'test.csv'), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => {
      const [, row, column, value, prediction] = /^("(?:[^"]|"")*"|[^,]*),("(?:[^"]|"")*"|[^,]*),([^,]*),([^,]*)$/.exec(line) ?? [];
      const bare = (field: string): string => (field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field);
      return { row: bare(row), column: bare(column), value: Number(value), prediction: Number(prediction) };
    });
  const squares = test.map(({ row, column, value }) => (predict(row, column) - value) ** 2);
  return { predict, left, right, test, testRmse: Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / test.length) };
}

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
      regularization: 0,
      interrupted: false,
      data: { rows: 40, columns: 28, entries: lines.length },
    });
    expect(result.counts.train + result.counts.validation + result.counts.test).toBe(lines.length);
    expect(result.rmse.test).toBeLessThan(1e-6);
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
    // What the unknowns, a fifth as many as the entries, leave beside the noise: √(1 + ¼) of it; biases fitted without regard to the low rank would leave more.
    expect(testRmse).toBeLessThan(1.2 * least);
    expect(summary.baselines.biases.test).toBeGreaterThan(2 * noise);
    expect(summary.baselines.mean.test).toBeGreaterThan(summary.baselines.biases.test);
    expect(stderr).toMatch(/110 rows, 80 columns/);
    expect(stderr).toMatch(/rank 2 {2}iteration 20 {2}RMSE \S+ {2}validation \d/);
    expect(stdout).toContain(`folder = ${JSON.stringify(out)}`);
    const best = summary.tried.reduce((one: { validationRmse: number }, other: { validationRmse: number }) =>
      other.validationRmse < one.validationRmse ? other : one,
    );
    expect(best).toMatchObject({ rank: 2, regularization: summary.regularization });
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
    expect(stderr).toMatch(/1 more at the place of another/);
    expect(stderr).toMatch(/none to choose by/);
    expect(stdout).toMatch(/1 rows and 0 columns have no entry that was fitted/);
    const { left, predict } = await readCompletion(inRoot('mtx'));
    expect(left.shape).toEqual([21, 4]);
    const { offsets } = JSON.parse(readFileSync(inRoot('mtx/completion.json'), 'utf8'));
    expect(predict('21', '3')).toBeCloseTo(offsets.mean, 12);
  });

  it('writes what there is on Ctrl-C', async () => {
    const known = planted({ m: 40, n: 30, singular: [1], noise: 1, share: 0.5 }).filter((entry) => entry.known);
    const file = fileOf('endless.csv', known.map(({ row, column, value }) => `${row},${column},${value}`).join('\n'));
    const out = inRoot('endless');
    const endless = ['--rank', '12', '--validation-fraction', '0', '--tolerance', '0', '--max-iterations', '100000000'];
    const before = process.listenerCount('SIGINT');
    const outcome = runCli('complete', file, ...endless, '--out', out, '--json');
    while (process.listenerCount('SIGINT') === before) await new Promise((resolve) => setImmediate(resolve));
    process.emit('SIGINT');
    const { status, stdout, stderr } = await outcome;
    expect(process.listenerCount('SIGINT')).toBe(before);
    expect(status).toBe(1);
    expect(stderr).toMatch(/interrupted: finishing the iteration/);
    const result = JSON.parse(stdout);
    expect(result.interrupted).toBe(true);
    expect((await readCompletion(out)).testRmse).toBeCloseTo(result.rmse.test, 12);
  });

  it('touches nobody’s folder', async () => {
    const file = fileOf('small.csv', 'a,x,1\na,y,2\nb,x,3\nb,y,5\nc,y,4\n');
    const foreign = inRoot('foreign');
    mkdirSync(foreign);
    writeFileSync(path.join(foreign, 'left.npy'), 'mine');
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
    expect(readdirSync(out)).toHaveLength(7);
  });

  it.each<[string, string, readonly string[], number, RegExp]>([
    ['an empty file', '', [], 1, /bad\.csv: expected lines of row, column and value, got none/],
    ['a header alone', 'user,item,rating\n', [], 1, /bad\.csv: expected lines of row, column and value, got none/],
    ['a value that is no number', 'a,x,1\na,y,2\nb,x,many\n', [], 1, /bad\.csv:3: expected a finite number in field 3/],
    ['a line that is too short', 'a;x;1\na;y\n', [], 1, /bad\.csv:2: expected 3 fields or more between ";", as on line 1/],
    ['no delimiter', 'hello\n', [], 1, /bad\.csv:1: expected 3 fields or more between commas/],
    ['constant values', 'a,x,3\nb,y,3\n', [], 1, /every value is 3, so that there is nothing to fit/],
    ['a dense array', '%%MatrixMarket matrix array real general\n1 2\n1\n2\n', [], 1, /expected a coordinate file/],
    ['compressed data', '\x1f\x8b', [], 1, /compressed by gzip; unpack it/],
    ['a rank beyond the matrix', 'a,x,3\nb,y,4\nb,z,5\n', ['--rank', '3'], 2, /rank 3 exceeds that of a 2×3 matrix; pass --rank 2 or less/],
    ['a column that is not there', 'a,b,c\n1,2,3\n', ['--columns', 'a,b,z'], 1, /bad\.csv:1: expected a field named "z", got a, b, c/],
    ['two columns', 'a,x,1\n', ['--columns', '1,2'], 2, /--columns must be three different columns/],
    ['all for the test', 'a,x,1\n', ['--test-fraction', '1'], 2, /--test-fraction must be below 1/],
    ['an unknown centering', 'a,x,1\n', ['--center', 'median'], 2, /--center must be one of biases, mean, none/],
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

it.each([0, 3])('biases solve their normal equations, damping %s', (damping) => {
  const known = planted({ m: 9, n: 7, singular: [1], bias: 1, noise: 1, share: 0.6 }).filter((entry) => entry.known);
  const matrix = csrFromTriplets(la, {
    rows: 10,
    columns: 8,
    rowIndices: known.map(({ row }) => row),
    columnIndices: known.map(({ column }) => column),
    values: known.map(({ value }) => value),
  });
  const offsets = dampedOffsets(matrix, damping);
  const rest = la.toArray(lessOffsets(matrix, offsets).values);
  const [rows, columns] = [new Float64Array(10), new Float64Array(8)];
  for (let i = 0; i < 10; i++) {
    for (let e = matrix.rowPointers[i]; e < matrix.rowPointers[i + 1]; e++) {
      rows[i] += rest[e];
      columns[matrix.columnIndices[e]] += rest[e];
    }
  }
  expect(rows).toBeAllClose(
    offsets.rows.map((offset) => damping * offset),
    1e-8,
  );
  expect(columns).toBeAllClose(
    offsets.columns.map((offset) => damping * offset),
    1e-8,
  );
  expect([offsets.rows[9], offsets.columns[7]]).toEqual([0, 0]);
});
