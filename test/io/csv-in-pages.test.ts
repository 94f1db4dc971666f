/**
 * Tables read by csv-parse's build for pages, whose streams are not those of Node.js: what is read and what is refused.
 */
import { expect, it, vi } from 'vitest';
import { memoryFiles } from '../../src/io/index.js';

vi.mock('#platform/io/records/csv-parse', () => import('../../src/io/records/csv-parse.web.js'));
const { readRecords } = await import('../../src/io/records/read-records.js');

async function recordsOf(content: string): Promise<readonly unknown[]> {
  const files = memoryFiles({ 'rows.csv': new TextEncoder().encode(content) });
  const found: unknown[] = [];
  for await (const { value } of readRecords('test', 'rows.csv', 2 ** 20, files)) found.push(value);
  return found;
}

const rows = (count: number): string => Array.from({ length: count }, (_, i) => `${i},"b ${i}"\n`).join('');

it.each([0, 1, 100, 40_000])('reads a table of %d rows', async (count) => {
  const found = await recordsOf(`p,q\n${rows(count)}`);
  expect(found).toHaveLength(count);
  if (count > 0) expect(found.at(-1)).toEqual({ p: String(count - 1), q: `b ${count - 1}` });
});

it.each(['', '\ufeff', '\n\n'])('finds nothing in %j', async (content) => {
  expect(await recordsOf(content)).toEqual([]);
});

it.each<[string, string, RegExp]>([
  ['a quote that is not closed', `p,q\n${rows(50)}50,"b\n${'1,2\n'.repeat(49)}`, /^test: rows\.csv: row 51, .*close the quote/],
  ['it late in a long table', `p,q\n${rows(20_000)}50,"b\n${rows(19_999)}`, /^test: rows\.csv: row 20001, .*double a quote/],
  ['a bad row that is the only one', 'p,q\n"a', /close the quote/],
  ['a row with more fields', `p,q\n${rows(50)}1,2,3\n${rows(50)}`, /^test: rows\.csv: row 51, .*as many fields as the header/],
  ['a quote within a field', 'p,q\n1,a "b"\n', /in quotes|closing quote|double/],
  ['a name twice', 'p,p\n1,2\n', /the column 'p' twice|the column "p" twice/],
])('refuses %s', async (_, content, message) => {
  await expect(recordsOf(content)).rejects.toThrow(message);
});
