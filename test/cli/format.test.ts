/** Numbers and tables for people; what has changed between two machines. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { environmentDifferences, readEnvironment } from '../../src/cli/environment.js';
import { duration, gibibytes, short, table } from '../../src/cli/format.js';
import { counted } from '../../src/core/counted.js';

it.each([
  [0, '0'],
  [1234.5, '1235'],
  [12.345, '12.3'],
  [-0.001234, '-0.00123'],
  [1.5e-9, '1.50e-9'],
  [123456, '1.23e5'],
  [Number.POSITIVE_INFINITY, '∞'],
  [Number.NaN, 'NaN'],
])('%d is shown as %s', (value, text) => expect(short(value)).toBe(text));

it.each([
  [0.04, '0.0 s'],
  [9.96, '10 s'],
  [99.6, '1 min 40 s'],
  [3599.6, '1 h 00 min'],
  [90061, '25 h 01 min'],
  // A record on the disk may hold 1e999.
  [Number.POSITIVE_INFINITY, '∞ s'],
])('%d seconds are %s', (seconds, text) => expect(duration(seconds)).toBe(text));

it('bytes are shown in the larger unit that they fill', () => {
  expect([gibibytes(2 ** 20), gibibytes(1.5 * 2 ** 30)]).toEqual(['1 MiB', '1.5 GiB']);
});

it('columns of numbers are aligned right, others left', () => {
  expect(
    table([
      ['name', 'loss'],
      ['α', '1.5'],
      ['beta', '10.25'],
    ]),
  ).toBe('  name   loss\n  α       1.5\n  beta  10.25');
});

it('another BLAS, backend or version is a difference, and nothing else', () => {
  const before = readEnvironment();
  expect(environmentDifferences(before, { ...before, memory: 1 })).toEqual([]);
  const now = { ...before, versions: { ...before.versions, node: 'v99' }, blas: { available: true, library: 'other', threads: 3 } };
  const lines = environmentDifferences(before, now);
  expect(lines).toEqual([
    expect.stringMatching(/^Node was v\d+.* and is now v99$/),
    expect.stringMatching(/^BLAS was .* and is now other$/),
    expect.stringMatching(/^BLAS threads was .* and is now 3$/),
  ]);
  // A file of an older version may lack what is compared.
  expect(environmentDifferences({} as typeof before, before).length).toBeGreaterThan(4);
});

describe('numbers with their nouns', () => {
  it('have the singular for one, and for one alone', () => {
    expect([0, 1, 2].map((number) => counted(number, 'row'))).toEqual(['0 rows', '1 row', '2 rows']);
    expect([1, 21].map((number) => counted(number, 'entry', 'entries'))).toEqual(['1 entry', '21 entries']);
  });

  it('are made by that function wherever a command counts', () => {
    // Those that are two at least, or limits.
    const several = [
      'most',
      'steps',
      'locations.length',
      'positionals.length',
      'count',
      'positions',
      'labelsAnEntry',
      'millions(memory.adapterParameters)',
    ];
    const nouns =
      'rows|steps|modules|tokens|runs|files|entries|adapters|folders|data sets|processes|columns|numbers|seeds|messages|prompts';
    const folder = path.resolve(import.meta.dirname, '../../src/cli');
    const found = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => [...readFileSync(path.join(folder, name), 'utf8').matchAll(new RegExp(`\\$\\{([^{}]+)\\} (?:${nouns})\\b`, 'g'))])
      .map(([, expression]) => expression)
      .filter((expression) => !/^most[A-Z]|^MOST_/.test(expression));
    expect(found.filter((expression) => !several.includes(expression))).toEqual([]);
  });
});
