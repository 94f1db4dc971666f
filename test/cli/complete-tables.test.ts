/** `bures complete` on tables as other programs write them: what is recognized and said, and what is asked back. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readEntries } from '../../src/cli/completion/read-entries.js';
import { testFolder } from './completions.js';
import { runCli } from './run-cli.js';

const { inRoot } = testFolder();
const fileOf = (content: string | Buffer): string => {
  writeFileSync(inRoot('t.csv'), content);
  return inRoot('t.csv');
};

const plain = 'userId,movieId,rating\nann,x,1\nann,y,2.5\nbob,x,3\nbob,y,4\n';
const read = async (content: string | Buffer, flags = {}) => {
  const { rowLabels, columnLabels, least, greatest, understood } = await readEntries(fileOf(content), flags);
  return { rowLabels, columnLabels, least, greatest, understood: understood.join('\n') };
};
const expected = { rowLabels: ['ann', 'bob'], columnLabels: ['x', 'y'], least: 1, greatest: 4 };
const numbered = (from: number): string => {
  const [header, ...rows] = plain.trimEnd().split('\n');
  return [`,${header}`, ...rows.map((row, index) => `${from + index},${row}`)].join('\n');
};
const lines = (separator: string, ...rows: readonly (readonly unknown[])[]): string => rows.map((row) => row.join(separator)).join('\n');

describe('a table', () => {
  it.each<[string, string | Buffer, object, RegExp]>([
    [
      'with a header',
      plain,
      {},
      /utf-8 text, fields between ",", header userId, movieId, rating; row: column 1 \(userId\), column: column 2 \(movieId\), value: column 3 \(rating\)/,
    ],
    [
      'with the index of pandas',
      numbered(0),
      {},
      /value: column 4 \(rating\)\ncolumn 1 has no name and numbers the lines; it was skipped as an index/,
    ],
    ['with a filtered index', `,${plain.replace(/^(ann|bob)/gm, '7,$1')}`, {}, /column 1 has no name; it was skipped/],
    ['with an index read back', `Unnamed: 0${numbered(0)}`, {}, /column 1 has no name and numbers/],
    [
      'as R writes it',
      numbered(1).slice(1),
      {},
      /row: column 2 \(userId\), column: column 3 \(movieId\), value: column 4 \(rating\)\ncolumn 1 has no name and numbers the lines/,
    ],
    ['with an index, and columns named', numbered(0), { columns: 'userId,movieId,rating' }, /row: userId, column: movieId, value: rating/],
    ['with remarks', `# made by hand\n#\n${plain}`, {}, /2 lines before the first row begin with # and were skipped as remarks/],
    [
      'with decimal commas',
      plain.replaceAll(',', ';').replace('2.5', '2,5'),
      {},
      /fields between ";".*\nvalues are written with a decimal comma/,
    ],
    [
      'with decimal commas and no header',
      'ann;x;1,0\nann;y;2,5\nbob;x;3,0\nbob;y;4,0\n',
      {},
      /no header.*\nvalues are written with a decimal comma/,
    ],
    ['with quoted decimal commas', plain.replace('2.5', '"2,5"'), {}, /decimal comma/],
    ['with missing values', `${plain}eve,x,\neve,y,NA\n`, {}, /2 lines without a value .* were skipped/],
    ['in UTF-16', Buffer.from(`\ufeff${plain}`, 'utf16le'), {}, /utf-16le text/],
    ['with a column of words that have commas', 'ann;a, b, c;1\nbob;a, b, c;4\n', {}, /fields between ";"/],
    [
      'with a timestamp behind',
      plain
        .replaceAll(/\n(?=.)/g, ',978300760\n')
        .replace(',978300760', ',timestamp')
        .replace(/4\n$/, '4,978300760\n'),
      {},
      /value: column 3/,
    ],
  ])('%s is read', async (_name, content, flags, understood) => {
    const { understood: said, ...entries } = await read(content, flags);
    expect(said).toMatch(understood);
    if (!/words/.test(_name)) expect(entries).toEqual(expected);
  });

  it.each<[string, string | Buffer, readonly string[], RegExp]>([
    [
      'Latin-1',
      Buffer.from('José,x,1\nAnn,y,2\n', 'latin1'),
      [],
      /complete: \S*t\.csv:1: expected UTF-8 text, got 0xE9 at byte 4 .*--encoding latin1/,
    ],
    ['an encoding that is none', plain, ['--encoding', 'klingon'], /bures complete: --encoding must be a label such as utf-8, latin1/],
    [
      'a timestamp in the place of the value',
      lines(',', ['u', 'i', 'timestamp', 'rating'], ['a', 'x', 978300760, 3]),
      [],
      /got one named 'timestamp'; pass --columns u,i,rating/,
    ],
    [
      'a timestamp by its numbers',
      lines('\t', ...[1, 1, 2].map((u, k) => [u, k + 5, 978300760 + k, k + 1])),
      [],
      /expected the value in column 3, got a column of timestamps; pass --columns 1,2,4/,
    ],
    ['milliseconds', lines('::', ...[1, 1, 2].map((u, k) => [u, k + 5, 978300760123, k + 1])), [], /a column of timestamps/],
    [
      'a number of the line without a header',
      lines(',', ...[0, 1, 2, 3].map((k) => [k, 7 + k, 20 - k, k])),
      [],
      /complete: \S*t\.csv:1: .*a column that numbers the lines; pass --columns 2,3,4/,
    ],
    [
      'a named number of the line',
      lines(',', ['id', 'user', 'item', 'rating'], ...[1, 2, 3].map((k) => [k, 'a', k, k])),
      [],
      /pass --columns user,item,rating/,
    ],
    [
      'columns in another order',
      lines(',', ['rating', 'user', 'item'], [3, 'a', 'x']),
      [],
      /expected the value in column 3, got one named 'item' beside 'rating'; pass --columns user,item,rating/,
    ],
    ['thousands or decimals', 'a;x;1,234\nb;x;2,345\n', [], /comma may be decimal or between thousands; pass --decimal comma/],
    ['a title with commas', 'u,i,v\na,x,1\nLock, Stock,x,2\n', [], /complete: \S*t\.csv:3: expected 3 fields, as on line 2/],
    [
      'a matrix of nearly nothing',
      '%%MatrixMarket matrix coordinate real general\n100000000 100 3\n1 1 1\n2 2 2\n3 3 3\n',
      [],
      /complete: \S*t\.csv:2: expected at most 100 rows and columns an entry, got 100000000 rows and 100 columns for 3 entries/,
    ],
    [
      'the largest square',
      '%%MatrixMarket matrix coordinate real general\n2147483647 2147483647 3\n1 1 1\n2 2 2\n3 3 3\n',
      [],
      /complete: \S*t\.csv:2: expected at most 100 rows/,
    ],
    [
      'a dense matrix of 4e18',
      '%%MatrixMarket matrix array real general\n2000000000 2000000000\n1\n',
      [],
      /complete: \S*t\.csv:2: expected at least 8000000000000000000 bytes|expected at least 7999999999999999999 bytes/,
    ],
  ])('with %s is asked about', async (_name, content, flags, message) => {
    const { status, stdout, stderr } = await runCli('complete', fileOf(content), '--out', inRoot('out'), ...flags);
    expect([status === 0, stdout]).toEqual([false, '']);
    expect(stderr).toMatch(message);
    expect(existsSync(inRoot('out'))).toBe(false);
  });

  it('in Latin-1 has the labels that it was written with, and the notice says so', async () => {
    const file = fileOf(Buffer.from('José,x,1\nJosé,y,2\nZoë,x,3\nZoë,y,5\n', 'latin1'));
    const { status, stderr } = await runCli('complete', file, '--out', inRoot('latin'), '--encoding', 'latin1');
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(
      /t\.csv: windows-1252 text, fields between ",", no header; row: column 1, column: column 2, value: column 3\n.*2 rows, 2 columns/,
    );
    expect((await read(Buffer.from('José,x,1\nZoë,y,2\n', 'latin1'), { encoding: 'latin1' })).rowLabels).toEqual(['José', 'Zoë']);
    rmSync(inRoot('latin'), { recursive: true });
  });

  const named = { row: { number: 1, name: 'userId' }, column: { number: 2, name: 'movieId' }, value: { number: 3, name: 'rating' } };
  const comma = { format: 'table', encoding: 'utf-8', delimiter: ',', header: true, decimal: '.', columns: named, remarks: 0, missing: 0 };
  it.each<[string, string | Buffer, readonly string[], object]>([
    ['with a header', plain, [], comma],
    ['with columns asked for by name', plain, ['--columns', 'userId,movieId,rating'], comma],
    [
      'with an index, as R writes it',
      numbered(1).slice(1),
      [],
      {
        ...comma,
        columns: Object.fromEntries(Object.entries(named).map(([what, taken]) => [what, { ...taken, number: taken.number + 1 }])),
      },
    ],
    [
      'without a header, in Latin-1, with tabs, commas, a remark and a missing value',
      Buffer.from('# by hand\nJosé\tx\t1,5\nJosé\ty\tNA\nZoë\tx\t3\nZoë\ty\t5\n', 'latin1'),
      ['--encoding', 'latin1'],
      {
        ...comma,
        encoding: 'windows-1252',
        delimiter: '\t',
        header: false,
        decimal: ',',
        columns: { row: { number: 1 }, column: { number: 2 }, value: { number: 3 } },
        remarks: 1,
        missing: 1,
      },
    ],
    ['that is none', '%%MatrixMarket matrix coordinate real general\n2 2 4\n1 1 1\n1 2 2\n2 1 3\n2 2 5\n', [], { format: 'matrix-market' }],
  ])('%s: completion.json says how it was read', async (_name, content, flags, reading) => {
    const { status, stderr } = await runCli('complete', fileOf(content), '--out', inRoot('read'), ...flags);
    expect(status, stderr).toBe(0);
    expect(JSON.parse(readFileSync(inRoot('read/completion.json'), 'utf8')).data.reading).toEqual(reading);
    rmSync(inRoot('read'), { recursive: true });
  });
});
