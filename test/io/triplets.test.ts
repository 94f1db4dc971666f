import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BackendError, type CsrMatrix, FormatError, type HostArray, hostAlgebra, NotImplementedError } from '../../src/index.js';
import { readMatrixMarket, readNpy, readTriplets, writeNpy } from '../../src/io/index.js';
import { parseNumber } from '../../src/io/text/parse-number.js';
import { textOf, visitLines } from '../../src/io/text/split-lines.js';
import { namedFile } from '../../src/io/text/text-encoding.js';
import { LabelTable } from '../../src/io/triplets/label-table.js';
import { splitEntries } from '../../src/problems/index.js';
import { tensorEngines } from '../support/engines.js';

const la = hostAlgebra();
let folder: string;
const inFolder = (name: string): string => path.join(folder, name);
const fixture = (name: string): string => path.join(import.meta.dirname, '../fixtures/npy', name);
const fileOf = async (text: string): Promise<string> => {
  await writeFile(inFolder('data'), text);
  return inFolder('data');
};

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'bures-files-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** All entries, zeros included. */
function dense(matrix: CsrMatrix<HostArray> | HostArray): number[][] {
  if (!('kind' in matrix)) return rowsOf(la.toArray(matrix), matrix.shape[1]);
  const { rows, columns, rowPointers, columnIndices } = matrix;
  const full = Array.from({ length: rows }, () => new Array<number>(columns).fill(0));
  const values = la.toArray(matrix.values);
  for (let i = 0; i < rows; i++) for (let e = rowPointers[i]; e < rowPointers[i + 1]; e++) full[i][columnIndices[e]] += values[e];
  return full;
}
const rowsOf = (values: Float64Array, n: number): number[][] =>
  Array.from({ length: values.length / n }, (_, i) => [...values.subarray(i * n, (i + 1) * n)]);

describe('lines', () => {
  it.each([
    ['', []],
    ['\n', ['']],
    ['a\r\nbc\n\nd', ['a', 'bc', '', 'd']],
    ['\ufeffa\n', ['a']],
    ['a\r', ['a']],
    [`${'x'.repeat(3_000_000)}\ny`, ['x'.repeat(3_000_000), 'y']],
    [`${'123456\n'.repeat(160_000)}end`, [...new Array<string>(160_000).fill('123456'), 'end']],
  ])('of a file, whatever falls on the edge of a block', async (text, expected) => {
    const lines: string[] = [];
    await visitLines(namedFile('test', await fileOf(text)), (bytes, start, end, line) => {
      if (line !== lines.length + 1) throw new Error(`line ${line} comes after ${lines.length}`);
      lines.push(textOf(bytes, start, end));
    });
    expect(lines).toEqual(expected);
  });

  it('of a file that is not there', async () => {
    await expect(visitLines(namedFile('readTriplets', inFolder('nowhere')), () => undefined)).rejects.toThrow(
      /^readTriplets: cannot read /,
    );
  });
});

describe('numbers', () => {
  const parse = (text: string): number => parseNumber(Buffer.from(`x${text}y`), 1, 1 + Buffer.byteLength(text));

  it('are those that JavaScript reads, to the last bit', () => {
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => Object.is(parse(String(x)), Number(String(x)))));
    const decimals = fc.tuple(fc.integer({ min: -1e9, max: 1e9 }), fc.nat(999_999_999)).map(([whole, part]) => `${whole}.${part}`);
    fc.assert(fc.property(decimals, (text) => Object.is(parse(text), Number(text))));
  });

  it.each(['', '-', '.', '1e', '0x10', '1_000', 'nan', 'inf', '1e999', '1 2', '--1', '1.2.3', 'Infinity'])('%o is none', (text) => {
    expect(parse(text)).toBeNaN();
  });
});

it('names are numbered by first appearance', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 4 }), { maxLength: 1500, size: 'max' }), (names) => {
      const table = new LabelTable(namedFile('test', 'labels'));
      const numbers = names.map((name) => table.indexOf(Buffer.from(name), 0, Buffer.byteLength(name)));
      const distinct = [...new Set(names.map((name) => Buffer.from(name).toString()))];
      expect(table.labels()).toEqual(distinct);
      expect(numbers).toEqual(names.map((name) => distinct.indexOf(Buffer.from(name).toString())));
    }),
    { numRuns: 5 },
  );
});

describe('readMatrixMarket', () => {
  const banner = '%%MatrixMarket matrix';
  it.each([
    [
      'coordinate real general',
      '% by hand\n\n2 3 4\n2 1 -1.5e1\n1 3 2\n 2  3\t.5 \n1 1 1\n',
      [
        [1, 0, 2],
        [-15, 0, 0.5],
      ],
    ],
    [
      'coordinate pattern general',
      '2 2 2\n1 2\n2 1\n',
      [
        [0, 1],
        [1, 0],
      ],
    ],
    [
      'coordinate integer symmetric',
      '3 3 3\n1 1 4\n3 1 5\n3 2 6\n',
      [
        [4, 0, 5],
        [0, 0, 6],
        [5, 6, 0],
      ],
    ],
    [
      'coordinate real skew-symmetric',
      '2 2 1\n2 1 3\n',
      [
        [0, -3],
        [3, 0],
      ],
    ],
    [
      'array real general',
      '2 3\n1\n2\n3\n4\n5\n6\n',
      [
        [1, 3, 5],
        [2, 4, 6],
      ],
    ],
    [
      'array real symmetric',
      '2 2\n1\n2\n3\n',
      [
        [1, 2],
        [2, 3],
      ],
    ],
    [
      'array real skew-symmetric',
      '3 3\n1\n2\n3\n',
      [
        [0, -1, -2],
        [1, 0, -3],
        [2, 3, 0],
      ],
    ],
    [
      'coordinate real general',
      '2 2 0\n',
      [
        [0, 0],
        [0, 0],
      ],
    ],
  ])('reads %s', async (kind, body, expected) => {
    expect(dense(await readMatrixMarket(la, await fileOf(`${banner} ${kind}\n${body}`)))).toEqual(expected);
  });

  it.each<[string, string, RegExp]>([
    ['another file', 'hello\n', /data:1: expected '%%MatrixMarket matrix/],
    ['no sizes', `${banner} array real general\n% nothing\n`, /expected a line with the sizes/],
    ['sizes of the other format', `${banner} coordinate real general\n2 2\n`, /data:2: expected the line of sizes, 'rows columns entries'/],
    [
      'a row outside',
      `${banner} coordinate real general\n2 2 1\n3 1 1\n`,
      /data:3: expected a row from 1 to 2 and a column from 1 to 2, got "3 1 1"/,
    ],
    ['a row of zero', `${banner} coordinate real general\n2 2 1\n0 1 1\n`, /data:3: expected a row from 1 to 2/],
    [
      'a value that is none',
      `${banner} coordinate real general\n2 2 1\n1 1 nan\n`,
      /data:3: expected 'row column value', the value finite/,
    ],
    ['a missing value', `${banner} coordinate real general\n2 2 1\n1 1\n`, /data:3: expected 'row column value'/],
    ['too few entries', `${banner} coordinate real general\n2 2 2\n1 1 1\n`, /expected the 2 entries that line 2 promises, got 1/],
    ['too many values', `${banner} array real general\n1 1\n1\n2\n`, /data:4: expected 1 values and then the end, got "2"/],
    ['too few values', `${banner} array real general\n2 1\n1\n`, /expected 2 values .* got 1/],
    [
      'the upper half',
      `${banner} coordinate real symmetric\n2 2 1\n1 2 1\n`,
      /data:3: expected entries of a symmetric matrix below the diagonal or on it/,
    ],
    ['an oblong symmetric matrix', `${banner} coordinate real symmetric\n2 3 0\n`, /must be square, got 2×3/],
  ])('refuses %s, by line', async (_fault, text, message) => {
    await expect(readMatrixMarket(la, await fileOf(text))).rejects.toThrow(FormatError);
    await expect(readMatrixMarket(la, await fileOf(text))).rejects.toThrow(message);
    await expect(readMatrixMarket(la, await fileOf(text))).rejects.toThrow(/^readMatrixMarket: \S+:\d+: |^readMatrixMarket: \S+: /);
    await expect(readMatrixMarket(la, await fileOf(text), { caller: 'ours' })).rejects.toThrow(/^ours: /);
  });

  it('says that complex matrices are not implemented', async () => {
    await expect(readMatrixMarket(la, await fileOf(`${banner} coordinate complex general\n1 1 0\n`))).rejects.toThrow(NotImplementedError);
  });
});

describe('readTriplets', () => {
  const labelled = { rowLabels: ['ann', 'bob'], columnLabels: ['x', 'y'] };
  const values = [
    [1, 2.5],
    [3, 0],
  ];
  it.each<[string, string, object]>([
    ['without a header', 'ann,x,1\nann,y,2.5\nbob,x,3\n', {}],
    ['with one', '# a remark\nuser,item,rating,time\n\n# another\nann,x,1,7\n\nann,y,2.5,8\nbob,x,3,9', {}],
    [
      'with named fields',
      'rating,user,item\r\n1,ann,x\r\n2.5,ann,y\r\n3,bob,x\r\n',
      { fields: { row: 'user', column: 'item', value: 'rating' } },
    ],
    ['with tabs', 'ann\tx\t1\nann\ty\t2.5\nbob\tx\t3\n', { delimiter: '\t' }],
    ['with runs of spaces', '  ann  x 1\nann   y 2.5  \n bob x   3\n', { delimiter: ' ' }],
    ['as MovieLens has it', 'ann::x::1::97\nann::y::2.5::98\nbob::x::3::99\n', { delimiter: '::' }],
    ['with quotes and blanks', '"ann", x ,1\n ann ,"y",2.5\nbob,x,"3"\n', {}],
    ['with a header that looks like data', '1,2,3\nann,x,1\nann,y,2.5\nbob,x,3\n', { header: true }],
  ])('reads a table %s', async (_what, text, options) => {
    const { matrix, table: _table, ...labels } = await readTriplets(la, await fileOf(text), options);
    expect(labels).toEqual(labelled);
    expect(dense(matrix)).toEqual(values);
  });

  it('keeps delimiters inside quotes, and makes doubled quotes single', async () => {
    const { rowLabels, columnLabels } = await readTriplets(la, await fileOf('"a,b","12"" record",1\n'));
    expect(rowLabels).toEqual(['a,b']);
    expect(columnLabels).toEqual(['12" record']);
  });

  it('numbers integers by themselves', async () => {
    const { matrix, rowLabels } = await readTriplets(la, await fileOf('3,1,5\n1,2,6\n'), { ids: 'integers', indexBase: 1 });
    expect(rowLabels).toBeUndefined();
    expect(dense(matrix)).toEqual([
      [0, 6],
      [0, 0],
      [5, 0],
    ]);
  });

  it.each<[string, string, object, RegExp]>([
    ['a line that is too short', 'a,b,1\na,b\n', {}, /data:2: expected at least 3 fields, got "a,b"/],
    ['a value that is no number', 'a,b,1\na,b,c\n', {}, /data:2: expected a finite number in field 3, got "a,b,c"/],
    ['an empty name', 'a,b,1\n,b,1\n', {}, /data:2: expected a row and a column/],
    ['no entries', 'user,item,rating\n', {}, /expected lines of row, column and value, got none/],
    ['an index below the first', '0,1,5\n', { ids: 'integers', indexBase: 1 }, /data:1: expected row and column as integers from 1/],
    [
      'a name that the header lacks',
      'user,item,stars\n',
      { fields: { row: 'user', column: 'item', value: 'rating' } },
      /data:1: expected a field named "rating", got user, item, stars/,
    ],
  ])('refuses %s', async (_fault, text, options, message) => {
    await expect(readTriplets(la, await fileOf(text), options)).rejects.toThrow(FormatError);
    await expect(readTriplets(la, await fileOf(text), options)).rejects.toThrow(message);
    await expect(readTriplets(la, await fileOf(text), options)).rejects.toThrow(/^readTriplets: \S/);
    await expect(readTriplets(la, await fileOf(text), { ...options, caller: 'ours' })).rejects.toThrow(/^ours: \S/);
  });

  it.each<[object, RegExp]>([
    [{ delimiter: '' }, /delimiter must be text/],
    [{ header: 'no' }, /header must be true, false or 'auto'/],
    [{ fields: { row: -1, column: 1, value: 2 } }, /a field is a position from 0/],
    [{ ids: 'names' }, /ids must be one of 'labels', 'integers'/],
    [{ indexBase: 2 }, /indexBase must be 0 or 1/],
  ])('refuses the options %o', async (options, message) => {
    await expect(readTriplets(la, await fileOf('a,b,1\n'), options as never)).rejects.toThrow(message);
  });

  it('sorts entries into rows and keeps their order, for any table', async () => {
    const entry = fc.tuple(fc.nat(12), fc.nat(9), fc.double({ noNaN: true, noDefaultInfinity: true }));
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { minLength: 1, maxLength: 60 }), async (entries) => {
        const file = await fileOf(entries.map((fields) => fields.join(' ')).join('\n'));
        const { matrix } = await readTriplets(la, file, { delimiter: ' ', ids: 'integers', header: false });
        const found = la.toArray(matrix.values);
        const expected = [...entries]
          .map((fields, order) => ({ fields, order }))
          .sort((a, b) => a.fields[0] - b.fields[0] || a.order - b.order);
        expect([...matrix.columnIndices]).toEqual(expected.map(({ fields }) => fields[1]));
        expect(found).toBeAllClose(
          Float64Array.from(expected, ({ fields }) => fields[2]),
          0,
        );
      }),
      { numRuns: 30 },
    );
  });
});

describe('.npy files', () => {
  it('are byte for byte what NumPy writes', async () => {
    await writeNpy(la, inFolder('own.npy'), la.fromArray([0.5, 1.5, 2.5, 3.5, 4.5, 5.5], [2, 3]));
    expect(await readFile(inFolder('own.npy'))).toEqual(await readFile(fixture('float64.npy')));
  });

  it.each(['float64.npy', 'float32-fortran.npy'])('of NumPy are read: %s', async (name) => {
    const array = await readNpy(la, fixture(name));
    expect(array.shape).toEqual([2, 3]);
    expect(array).toBeAllClose(la.fromArray([0.5, 1.5, 2.5, 3.5, 4.5, 5.5], [2, 3]), 0);
  });

  it('of NumPy are read: integers', async () => {
    expect(await readNpy(la, fixture('int64.npy'))).toBeAllClose([3, -4, 5], 0);
  });

  it.each(tensorEngines)('go through %s in float32', async (_name, device) => {
    await device.tidy(async () => {
      await writeNpy(device, inFolder('device.npy'), device.fromArray([0.1, 0.2, 0.3], [1, 3, 1]));
      expect((await readFile(inFolder('device.npy'))).toString('latin1')).toMatch(/'<f4'.*\(1, 3, 1\)/);
      const back = await readNpy(device, inFolder('device.npy'));
      expect(await device.toArray(back)).toBeAllClose([0.1, 0.2, 0.3].map(Math.fround), 0);
    });
  });

  it('of other types, cut short, or other files, are refused', async () => {
    await expect(readNpy(la, fixture('complex.npy'))).rejects.toThrow(NotImplementedError);
    await writeFile(inFolder('short.npy'), (await readFile(fixture('float64.npy'))).subarray(0, -3));
    await expect(readNpy(la, inFolder('short.npy'))).rejects.toThrow(/expected 48 bytes for \[2,3\] of '<f8', got 45/);
    await expect(readNpy(la, await fileOf('user,item'))).rejects.toThrow(FormatError);
    await expect(readNpy(la, inFolder('nowhere'))).rejects.toThrow(BackendError);
  });
});

it('splitEntries keeps every entry once, and is the same for the same seed', async () => {
  const file = await fileOf(Array.from({ length: 500 }, (_, e) => `${(e * 7) % 23},${(e * 11) % 17},${e}`).join('\n'));
  const { matrix } = await readTriplets(la, file);
  const { train, test } = await splitEntries(la, matrix, { fraction: 0.3, seed: 4 });
  expect(train.columnIndices.length + test.columnIndices.length).toBe(500);
  expect(test.columnIndices.length).toBeGreaterThan(100);
  const [left, right] = [dense(train), dense(test)];
  expect(left.map((row, i) => row.map((value, j) => value + right[i][j]))).toEqual(dense(matrix));
  expect(dense((await splitEntries(la, matrix, { fraction: 0.3, seed: 4 })).test)).toEqual(right);
});
