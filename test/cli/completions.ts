/** What the tests of `bures complete` share: matrices to complete, and how a user reads the result. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type HostArray, hostAlgebra, seededRandom } from '../../src/index.js';
import { readNpy } from '../../src/io/index.js';

const la = hostAlgebra();

/** A folder for the tests of a file, there while they run. */
export function testFolder() {
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(path.join(tmpdir(), 'bures-complete-'));
  });
  afterAll(() => rmSync(root, { recursive: true }));
  const inRoot = (name: string): string => path.join(root, name);
  return {
    inRoot,
    /** Writes a file in it. */
    fileOf(name: string, text: string): string {
      writeFileSync(inRoot(name), text);
      return inRoot(name);
    },
  };
}

/** An entry of a planted matrix. */
interface PlantedEntry {
  readonly row: number;
  readonly column: number;
  readonly clean: number;
  readonly value: number;
  readonly known: boolean;
}

/** All entries of a matrix of low rank with biases and noise, in random order, some of them known. */
export function planted(options: {
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

/** What a completion says. */
interface Written {
  predict(row: string, column: string): number;
  readonly left: HostArray;
  readonly right: HostArray;
  readonly test: readonly { readonly row: string; readonly column: string; readonly value: number; readonly prediction: number }[];
  readonly testRmse: number;
}

/** What a user has: nothing but the files. */
export async function readCompletion(folder: string): Promise<Written> {
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
