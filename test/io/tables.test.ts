/**
 * Tables and matrices as other programs write them, and as files claim that they are: what is read, what is refused,
 * and with which line.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allocate, checkRoom } from '../../src/core/allocate.js';
import { BackendError, FormatError, hostAlgebra } from '../../src/index.js';
import { type ReadTripletsOptions, readMatrixMarket, readTriplets } from '../../src/io/index.js';

const la = hostAlgebra();
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'bures-tables-'));
});
afterAll(() => rm(folder, { recursive: true }));
const fileOf = async (content: string | Buffer): Promise<string> => {
  await writeFile(path.join(folder, 'data'), content);
  return path.join(folder, 'data');
};
const read = async (content: string | Buffer, options?: ReadTripletsOptions) => {
  const { matrix, rowLabels, columnLabels, table } = await readTriplets(la, await fileOf(content), options);
  return { rowLabels, columnLabels, values: [...la.toArray(matrix.values)], table };
};

const text = 'José,naïve,1\nAnn,naïve,2\n';
const expected = { rowLabels: ['José', 'Ann'], columnLabels: ['naïve'], values: [1, 2] };
const bigEndian = (what: string): Buffer => Buffer.from(what, 'utf16le').swap16();

describe('the encoding of a table', () => {
  it.each<[string, string | Buffer, string, ReadTripletsOptions]>([
    ['UTF-8', text, 'utf-8', {}],
    ['UTF-8 with a mark', `\ufeff${text}`, 'utf-8', {}],
    ['UTF-8 with a mark, as said', `\ufeff${text}`, 'utf-8', { encoding: 'utf8' }],
    ['Latin-1', Buffer.from(text, 'latin1'), 'windows-1252', { encoding: 'latin1' }],
    ['UTF-16 by its mark', Buffer.from(`\ufeff${text}`, 'utf16le'), 'utf-16le', {}],
    ['big-endian UTF-16 by its mark', bigEndian(`\ufeff${text}`), 'utf-16be', {}],
    ['UTF-16 without a mark', Buffer.from(text, 'utf16le'), 'utf-16le', { encoding: 'utf-16le' }],
  ])('%s', async (_name, content, encoding, options) => {
    expect(await read(content, options)).toEqual({ ...expected, table: { encoding, remarks: 0, missing: 0 } });
  });

  it('over more than one block of the file', async () => {
    const lines = Array.from({ length: 60_000 }, (_, i) => `é${i % 7},ü${i % 11},${i}\n`).join('');
    const utf8 = await read(lines);
    const { table: _utf8, ...labels } = utf8;
    for (const [content, options] of [
      [Buffer.from(lines, 'latin1'), { encoding: 'latin1' }],
      [Buffer.from(`\ufeff${lines}`, 'utf16le'), {}],
    ] as const) {
      expect(await read(content, options)).toMatchObject(labels);
    }
    // A wrong byte far behind the first block.
    const damaged = Buffer.from(lines);
    damaged[damaged.indexOf('é2,ü1,58004')] = 0xff;
    const line = lines.slice(0, lines.indexOf('é2,ü1,58004')).split('\n').length;
    await expect(read(damaged)).rejects.toThrow(`data:${line}: expected UTF-8 text, got 0xFF at byte 1 of the line`);
  });

  it.each<[string, string | Buffer, ReadTripletsOptions, RegExp]>([
    [
      'Latin-1',
      Buffer.from(`a,b,1\n${text}`, 'latin1'),
      {},
      /data:2: expected UTF-8 text, got 0xE9 at byte 4 of the line, .*--encoding latin1/,
    ],
    ['Latin-1 in a column that is not read', Buffer.from('a,b,1,x\na,c,2,é\n', 'latin1'), {}, /data:2: .* got 0xE9 at byte 7/],
    ['a character cut off at the end', Buffer.from('a,b,1\na,é', 'utf8').subarray(0, -1), {}, /data:2: .* got 0xC3 at byte 3/],
    ['half a surrogate in UTF-8', Buffer.from([0xed, 0xa0, 0x80, 0x2c, 0x62, 0x2c, 0x31]), {}, /data:1: .* got 0xED at byte 1/],
    ['UTF-16 without a mark', Buffer.from('a,b,1\n', 'utf16le'), {}, /data:1: expected text, got a NUL at byte 2 .*--encoding utf-16le/],
    ['a NUL', 'a,b,1\na\0,b,2\n', {}, /data:2: expected text, got a NUL at byte 2/],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 97, 0, 0, 0]), {}, /got UTF-32 by its byte-order mark/],
    [
      'another mark than was said',
      `\ufeff${text}`,
      { encoding: 'latin1' },
      /expected windows-1252, as was asked for, got the byte-order mark of utf-8/,
    ],
    [
      'half a character of UTF-16',
      Buffer.from(text, 'utf16le').subarray(0, -1),
      { encoding: 'utf-16le' },
      /expected text in utf-16le, got other bytes/,
    ],
  ])('%s is refused by line and byte', async (_name, content, options, message) => {
    await expect(read(content, options)).rejects.toThrow(FormatError);
    await expect(read(content, options)).rejects.toThrow(message);
  });

  it('has to be known', async () => {
    await expect(read(text, { encoding: 'klingon' })).rejects.toThrow(/readTriplets: encoding must be a label such as .* got "klingon"/);
  });
});

describe('the lines of a table', () => {
  it.each<[string, string, ReadTripletsOptions, object]>([
    ['# before the first row only', '# one\n\n#two\nu,i,v\n# three\n#1,x,1\nb,x,2\n', {}, { rowLabels: ['b'], table: { remarks: 4 } }],
    ['# afterwards is data', '# one\na,x,1\n#2,x,2\n', {}, { rowLabels: ['a', '#2'], table: { remarks: 1 } }],
    ['\\r alone', 'u,i,v\ra,x,1\rb,x,2\r', {}, { rowLabels: ['a', 'b'], values: [1, 2] }],
    ['all ends of lines at once', 'a,x,1\rb,x,2\r\nc,x,3\nd,x,4', {}, { rowLabels: ['a', 'b', 'c', 'd'] }],
    [
      'line ends and delimiters in quotes',
      '"a\r\n,""1""",x,1\nb,"y\nz",2\n',
      {},
      { rowLabels: ['a\r\n,"1"', 'b'], columnLabels: ['x', 'y\nz'] },
    ],
    ['blanks before quotes', 'a, "x,y" ,1\n', {}, { columnLabels: ['x,y'] }],
    ['quotes within a label', '5" disk,x,1\nb "c",x,2\n', {}, { rowLabels: ['5" disk', 'b "c"'] }],
    ['a delimiter at the end of each row', 'u,i,v\na,x,1,\nb,x,2,\n', {}, { values: [1, 2] }],
    ['a delimiter at the end of some rows', 'a,x,1\nb,x,2,\n', {}, { values: [1, 2] }],
    ['decimal commas', 'a;x;3,5\nb;x;-,25\nc;x;1,5e1\n', { delimiter: ';', decimal: ',' }, { values: [3.5, -0.25, 15] }],
    ['missing values', 'a,x,\nb,x,NA\nc,x,NaN\nd,x, null \ne,x,5\n', { missing: 'skip' }, { rowLabels: ['e'], table: { missing: 4 } }],
    [
      'a first column without a name, given by position',
      ',u,i,v\n0,a,x,1\n',
      { fields: { row: 1, column: 2, value: 3 } },
      { rowLabels: ['a'] },
    ],
    ['a header that lacks it', 'u,i,v\n0,a,x,1\n', { fields: { row: 1, column: 2, value: 3 } }, { rowLabels: ['a'] }],
  ])('%s', async (_name, content, options, found) => {
    expect(await read(content, options)).toMatchObject(found);
  });

  it.each<[string, string, ReadTripletsOptions, RegExp]>([
    ['more fields than the first row', 'a,x,1\nLock, Stock,x,2\n', {}, /data:2: expected 3 fields, as on line 1, got "Lock, Stock,x,2"/],
    ['fewer, though enough', 'u,i,v,t\na,x,1,9\na,1,978\n', {}, /data:3: expected 4 fields, as on line 2/],
    ['fewer names than fields', 'u,i,v\n0,a,x,1\n', {}, /data:2: expected 3 fields, as the header on line 1 names, got 4/],
    ['a first field without a name', ',u,i,v\n0,a,x,1\n', {}, /expected a name for the first field, got none/],
    [
      'a name twice',
      'u,u,v\na,b,1\n',
      { fields: { row: 'u', column: 'v', value: 'v' } },
      /data:1: expected one field named "u", got several/,
    ],
    ['a decimal comma', 'a;x;1\nb;x;3,5\n', { delimiter: ';' }, /data:2: .*field 3 with a decimal point \(.*decimal: ','/],
    ['a decimal point', 'a;x;3.5\n', { delimiter: ';', decimal: ',', header: false }, /data:1: .*field 3 with a decimal comma/],
    ['thousands', 'a;x;1\nb;x;1.234.567\n', { delimiter: ';' }, /data:2: .* without marks between thousands/],
    ['a missing value', 'a,x,1\nb,x,NA\n', {}, /data:2: .*missing: 'skip'/],
    ['a quote that is not closed', 'a,x,1\n"b,x,2\nc,x,3\n', {}, /data:2: expected a field in quotes to end .* goes on to line 3/],
    ['a quote closed in another line', 'a\tx\t1\n"b\tx\t2\n"c\tx\t3\n', { delimiter: '\t' }, /data:2: expected a field in quotes to end/],
  ])('%s is refused by line', async (_name, content, options, message) => {
    await expect(read(content, options)).rejects.toThrow(FormatError);
    await expect(read(content, options)).rejects.toThrow(message);
  });
});

describe('what a file claims', () => {
  const banner = '%%MatrixMarket matrix';
  it.each<[string, string, RegExp]>([
    [
      'an array of 4e18 values',
      `${banner} array real general\n2000000000 2000000000\n1\n`,
      /data:2: expected at least \d+ bytes for the 4000000000000000000 values/,
    ],
    [
      'a symmetric array',
      `${banner} array real symmetric\n2000000000 2000000000\n1\n`,
      /data:2: expected at least \d+ bytes for the \d+ values/,
    ],
    [
      'two billion entries',
      `${banner} coordinate real general\n10 10 2000000000\n1 1 1\n`,
      /data:2: expected at least 11999999999 bytes for the 2000000000 entries that this line promises, got a file of \d+/,
    ],
    ['entries of a pattern', `${banner} coordinate pattern general\n10 10 1000\n1 1\n`, /data:2: expected at least 3999 bytes/],
    [
      'two billion rows for three entries',
      `${banner} coordinate double general\n2147483647 1 3\n1 1 1\n2 1 1\n3 1 1\n`,
      /^readMatrixMarket: \S+data:2: expected at most 16777216 rows in a file of this size, got 2147483647, .*: 17179869184 bytes of memory for the offsets .*; number only/,
    ],
  ])('%s is held against its size', async (_name, content, message) => {
    await expect(readMatrixMarket(la, await fileOf(content))).rejects.toThrow(message);
  });

  it('is held against memory, with the bytes and the remedy', () => {
    const allocation = { where: 'a.mtx', bytes: 800, what: 'the offsets of 100 rows', remedy: 'transpose it' };
    expect(() => checkRoom(allocation, 799)).toThrow(BackendError);
    expect(() => checkRoom(allocation, 799)).toThrow(
      'a.mtx: expected 800 bytes of memory for the offsets of 100 rows, got 799 that are free; transpose it',
    );
    expect(() => checkRoom(allocation, 800)).not.toThrow();
    // A limit of the process shows only when memory is asked for.
    const refused = (): never => {
      throw new RangeError('Array buffer allocation failed');
    };
    expect(() => allocate(allocation, refused)).toThrow(
      /expected 800 bytes .* got a refusal \(Array buffer allocation failed\); transpose it/,
    );
  });

  it('of two billion rows is held against the size of a table, too', async () => {
    await expect(read('0,0,1\n2147483646,0,5\n', { ids: 'integers' })).rejects.toThrow(
      /^readTriplets: \S+data:2: expected at most 16777216 rows in a file of this size, got 2147483647/,
    );
  });

  it('of columns takes no memory', async () => {
    const matrix = await readMatrixMarket(la, await fileOf(`${banner} coordinate real general\n2 2147483647 1\n1 2147483647 5\n`));
    expect(matrix).toMatchObject({ rows: 2, columns: 2147483647 });
  });

  it('is a whole number that an index can be', async () => {
    await expect(read('3000000000,1,5\n', { ids: 'integers' })).rejects.toThrow(/data:1: expected row and column as integers from 0/);
  });
});
