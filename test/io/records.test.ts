/** Files of records in all formats: the same records wherever they come from, and errors that name file and row. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Files, memoryFiles } from 'bures/io';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withExactNumbers } from '../../src/io/exact-numbers.js';
import { readRecords } from '../../src/io/records/read-records.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const root = temporaryFolder('records');
const fixtures = path.resolve(import.meta.dirname, '../fixtures/records');

/** Writes a file and reads its records. */
async function read(name: string, content: string | Uint8Array, mostBytes = 2 ** 20): Promise<{ values: unknown[]; places: string[] }> {
  const file = path.join(root, name);
  writeFileSync(file, content);
  return readAll(file, mostBytes);
}

async function readAll(file: string, mostBytes = 2 ** 20): Promise<{ values: unknown[]; places: string[] }> {
  const [values, places]: [unknown[], string[]] = [[], []];
  for await (const { value, where } of readRecords('readDataset', file, mostBytes)) {
    values.push(value);
    places.push(where.replace(path.join(path.dirname(file), path.sep), ''));
  }
  return { values, places };
}

const errorOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => {
      throw new Error('expected an error');
    },
    (error: Error) => error,
  );

const rows = [
  { prompt: 'a, "b"', completion: 'line\nand line' },
  { prompt: 'é😀', completion: '' },
];
const csv = '\uFEFFprompt,completion\r\n"a, ""b""","line\nand line"\r\n\r\né😀,""\r\n';

describe('the same records come from', () => {
  it.each<[string, string]>([
    ['rows.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join('')],
    ['rows.ndjson', rows.map((row) => `${JSON.stringify(row)}\n`).join('')],
    ['list.json', `\uFEFF \n${JSON.stringify(rows, null, 2)}\n`],
    ['list-without-extension', JSON.stringify(rows)],
    ['rows.csv', csv],
    ['rows.tsv', 'prompt\tcompletion\n"a, ""b"""\t"line\nand line"\né😀\t""'],
  ])('%s, and from it compressed', async (name, content) => {
    expect((await read(name, content)).values).toEqual(rows);
    expect((await read(`${name}.gz`, gzipSync(content))).values).toEqual(rows);
    // The bytes tell it, whatever the name.
    expect((await read(name, gzipSync(content))).values).toEqual(rows);
  });

  it('gzip in several members', async () => {
    expect((await read('two.jsonl.gz', Buffer.concat([gzipSync('{"a":1}\n'), gzipSync('{"a":2}\n')]))).values).toEqual([
      { a: 1 },
      { a: 2 },
    ]);
  });

  it('a list cut anywhere into entries: strings with brackets, escapes and quotes, nesting', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 8 }),
        fc.constantFrom(undefined, 1, 3),
        async (values, indent) => {
          const text = JSON.stringify(values, null, indent);
          // Numbers as they are written: what is no safe integer is kept exactly.
          expect((await read('law.json', text)).values).toEqual(withExactNumbers(text, JSON.parse(text)));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('a list of many pieces of the file', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => ({ text: `日 "${i}" ] , [ \\` }));
    const { values, places } = await read('many.json', JSON.stringify(many));
    expect(values).toEqual(many);
    expect(places.at(-1)).toBe('many.json: row 20000');
  });
});

describe('places', () => {
  it('are lines of JSON lines, rows of lists, rows and lines of tables', async () => {
    expect((await read('p.jsonl', '\n{"a":1}\n\n{"a":2}')).places).toEqual(['p.jsonl:2', 'p.jsonl:4']);
    expect((await read('p.json', '[{}, {}]')).places).toEqual(['p.json: row 1', 'p.json: row 2']);
    expect((await read('p.csv', csv)).places).toEqual(['p.csv: row 1, line 2', 'p.csv: row 2, line 5']);
  });
});

describe('Parquet', () => {
  it('gives nested lists of structures, large integers as text, times, and nulls', async () => {
    const { values } = await readAll(path.join(fixtures, 'messages-zstd.parquet'));
    expect(values).toEqual([
      {
        id: 1,
        messages: [
          { role: 'system', content: 'be brief' },
          { role: 'user', content: 'hi' },
          { role: 'assistant', content: 'yes' },
        ],
        written: '2024-01-02T03:04:05.000Z',
      },
      {
        id: '9007199254740993',
        messages: [
          { role: 'user', content: 'Grüße, 日本 😀' },
          { role: 'assistant', content: 'two\nlines' },
        ],
        written: null,
      },
    ]);
  });

  it('gives all row groups in order', async () => {
    const { values, places } = await readAll(path.join(fixtures, 'questions-snappy.parquet'));
    expect(values).toEqual(Array.from({ length: 5000 }, (_, i) => ({ question: `What is ${i} + 1?`, answer: i + 1, id: i })));
    expect(places[4095]).toBe('questions-snappy.parquet: row 4096');
  });

  it('is known by its bytes, and inside gzip by its name', async () => {
    const source = path.join(fixtures, 'sharegpt-gzip.parquet');
    copyFileSync(source, path.join(root, 'no-name'));
    const { values } = await readAll(source);
    expect((await readAll(path.join(root, 'no-name'))).values).toEqual(values);
    expect((await read('zipped.parquet.gz', gzipSync(readFileSync(source)))).values).toEqual(values);
  });

  it.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length - 40)],
    ['another file', () => Buffer.from('{"text":"a"}\n')],
    ['empty', () => Buffer.alloc(0)],
    ['damaged in its data', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 4), Buffer.alloc(30_000, 0xff), bytes.subarray(30_004)])],
  ])('that is damaged is refused by name: %s', async (_, damage) => {
    const bytes = readFileSync(path.join(fixtures, 'questions-snappy.parquet'));
    const error = await errorOf(read('bad.parquet', damage(bytes)));
    expect(error).toMatchObject({ name: 'FormatError' });
    expect(error.message).toMatch(/^readDataset: .*bad\.parquet.*: expected Parquet, got: /);
  });
});

describe('errors name file and row', () => {
  it.each<[string, string, string | Uint8Array, RegExp]>([
    [
      'a row with more fields',
      'e.csv',
      'a,b\n1,2\n1,2,3\n',
      /e\.csv: row 2, line 3: .*columns length is 2, got 3.*put fields with the delimiter in quotes/,
    ],
    ['a row with fewer fields', 'e.csv', 'a,b\n"x\ny",2\n1\n', /e\.csv: row 2, line 4: .*got 1/],
    ['a quote that does not end', 'e.csv', 'a,b\n1,"2\n3,4\n', /e\.csv: row 1, .*close the quote/],
    ['a quote inside a field', 'e.csv', 'a,b\n1,x"y\n', /e\.csv: row 1, line 2: .*put the whole field in quotes/],
    ['text after a quote', 'e.csv', 'a,b\n1,"x"y\n', /e\.csv: row 1, line 2: .*double a quote/],
    ['a column twice', 'e.csv', 'a,b,a\n1,2,3\n', /e\.csv: line 1: expected a header, got the column "a" twice/],
    ['a column without a name', 'e.csv', 'a,,b\n1,2,3\n', /got no name for column 2/],
    [
      'other bytes in a table',
      'e.csv',
      Buffer.from([0x61, 0x0a, 0xff, 0x0a]),
      /e\.csv: expected UTF-8 text, got other bytes between bytes 0 and 4/,
    ],
    ['half a character at the end of a table', 'e.csv', Buffer.from([0x61, 0x0a, 0x62, 0xe6]), /e\.csv: expected UTF-8 text/],
    [
      'a list that does not end',
      'e.json',
      '[{"a":1},',
      /e\.json: row 2: expected a list with a bracket at its end, got the end of the file/,
    ],
    ['a list in two', 'e.json', '[{"a":1}] [', /e\.json: row 2: expected the end of the file after the list, got "\["/],
    ['a comma too many', 'e.json', '[{"a":1},]', /e\.json: row 2 must be JSON/],
    ['entries without a comma', 'e.json', '[{"a":1} {"a":2}]', /e\.json: row 1 must be JSON/],
    ['a key twice in an entry', 'e.json', '[{"a":1},{"a":1,"a":2}]', /e\.json: row 2 has the key "a" twice/],
    [
      'other bytes in an entry',
      'e.json',
      Buffer.concat([Buffer.from('["'), Buffer.of(0xff), Buffer.from('"]')]),
      /e\.json: row 1 must be UTF-8/,
    ],
    [
      'an object over several lines',
      'e.json',
      '{\n "data": [1]\n}',
      /e\.json: expected a list of rows.*got an object that goes on over several lines/,
    ],
    [
      'gzip cut short',
      'e.jsonl.gz',
      gzipSync('{"a":1}\n'.repeat(100)).subarray(0, 25),
      /e\.jsonl\.gz: expected a whole file compressed by gzip/,
    ],
    [
      'gzip that is damaged',
      'e.jsonl.gz',
      Buffer.concat([gzipSync('{"a":1}').subarray(0, 10), Buffer.alloc(20, 0xff)]),
      /e\.jsonl\.gz: expected a whole file/,
    ],
  ])('%s', async (_, name, content, message) => {
    const error = await errorOf(read(name, content));
    expect(error).toMatchObject({ name: 'FormatError' });
    expect(error.message).toMatch(message);
  });

  it.each([
    ['long.jsonl', `{"a":"${'x'.repeat(2000)}"}\n`, /long\.jsonl:1 must be a line of at most 1000 bytes/],
    ['long.json', `[1, "${'x'.repeat(2000)}"]`, /long\.json: row 2: expected an entry of at most 1000 bytes/],
    ['long.csv', `a\n${'x'.repeat(2000)}\n`, /long\.csv: row 1, line 2: .*raise maxLineBytes/],
  ])('a record that is too long: %s', async (name, content, message) => {
    expect((await errorOf(read(name, content, 1000))).message).toMatch(message);
  });

  it.each([
    ['lines.jsonl', '{"a":1}\n{"a":2}\n'],
    ['list.json', '[{"a":1},{"a":2}]'],
    ['table.csv', 'a\n1\n2\n'],
    ['lines.jsonl.gz', gzipSync('{"a":1}\n{"a":2}\n')],
    ['broken.jsonl', '{"a":1}\n{"a":'],
    ['broken.csv', 'a\n1\n"2\n'],
  ])('closes %s when whoever reads stops, and after an error', async (name, content) => {
    const memory = memoryFiles({ [name]: content });
    let open = 0;
    const files: Files = {
      ...memory,
      async open(place) {
        const file = await memory.open(place);
        open++;
        return { ...file, close: async () => void open-- };
      },
    };
    for await (const { value } of readRecords('readDataset', name, 1000, files)) {
      expect(value).toBeDefined();
      break;
    }
    expect(open).toBe(0);
    const all = async () => {
      for await (const { value } of readRecords('readDataset', name, 1000, files)) expect(value).toBeDefined();
    };
    await (name.startsWith('broken') ? expect(all()).rejects.toThrow('readDataset') : all());
    expect(open).toBe(0);
  });

  it('a file that is not there', async () => {
    for (const name of ['none.jsonl', 'none.csv', 'none.parquet'])
      expect((await errorOf(readAll(path.join(root, name)))).message).toMatch(/^readDataset: cannot read .*none/);
  });
});
