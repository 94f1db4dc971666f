import { type BatchStreamOptions, batchStream, collateRows, type TokenBatch, type TokenRow } from 'bures/models';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, FormatError, ShapeError } from '../../../src/core/errors.js';

const padId = 9999;

/** Rows whose tokens tell which row and place they come from; every third token is masked. */
function rowsOf(lengths: readonly number[]): readonly TokenRow[] {
  return lengths.map((length, row) => {
    const inputIds = Int32Array.from({ length }, (_, t) => 100 * row + t);
    return { inputIds, labels: inputIds.map((id) => (id % 3 === 0 ? -100 : id)) };
  });
}

/** Takes a batch apart into the rows that it holds, and checks that all else is padding. */
function unpack({ batch, length, inputIds, attentionMask, segmentIds, labels }: TokenBatch): readonly TokenRow[] {
  const rows: TokenRow[] = [];
  for (let b = 0; b < batch; b++) {
    const [from, to] = [b * length, (b + 1) * length];
    const count = attentionMask?.subarray(from, to).reduce((sum, bit) => sum + bit, 0) ?? length;
    expect(attentionMask?.subarray(from, to).join()).toBe(Uint8Array.from({ length }, (_, t) => (t < count ? 1 : 0)).join());
    expect([...inputIds.subarray(from + count, to)].every((id) => id === padId)).toBe(true);
    expect([...(labels?.subarray(from + count, to) ?? [])].every((label) => label === -100)).toBe(true);
    const segments = segmentIds?.subarray(from, to) ?? new Int32Array(length);
    expect(segments.join()).toBe(segments.toSorted().join());
    for (let segment = 0; segment <= (segments.at(-1) ?? 0); segment++) {
      const [start, end] = [segments.indexOf(segment), Math.min(count, segments.lastIndexOf(segment) + 1)];
      rows.push({
        inputIds: inputIds.slice(from + start, from + end),
        labels: labels?.slice(from + start, from + end) ?? new Int32Array(0),
      });
    }
  }
  return rows;
}

/** Batches and rows as text: a matcher walks through typed arrays entry by entry, which takes its time. */
function plain(value: object): string {
  return JSON.stringify(value, (_, part: unknown) => (part instanceof Int32Array || part instanceof Uint8Array ? part.join() : part));
}

const byFirst = (a: TokenRow, b: TokenRow): number => a.inputIds[0] - b.inputIds[0];
const cases = fc.record({
  lengths: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 40 }),
  batchSize: fc.integer({ min: 1, max: 7 }),
  order: fc.constantFrom('shuffled' as const, 'length' as const, 'file' as const),
  packLength: fc.option(fc.integer({ min: 30, max: 70 }), { nil: undefined }),
  seed: fc.nat(),
});

/** Takes the batches of one pass. */
function passOf(stream: ReturnType<typeof batchStream>): readonly TokenBatch[] {
  const batches = [stream.next()];
  while (stream.state().batch < stream.batchesPerEpoch) batches.push(stream.next());
  return batches;
}

/** Options without those that are undefined. */
function optionsOf({
  packLength,
  ...rest
}: Omit<BatchStreamOptions, 'packLength' | 'padId'> & { readonly packLength: number | undefined }): BatchStreamOptions {
  return packLength === undefined ? { padId, ...rest } : { padId, packLength, ...rest };
}

describe('batchStream', () => {
  it('gives the rows of a part as often as its weight says, and draws fractions anew', () => {
    const property = fc.property(
      cases,
      fc.array(fc.record({ rows: fc.integer({ min: 1, max: 9 }), weight: fc.constantFrom(0.6, 1, 1.5, 2, 3.25) }), {
        minLength: 1,
        maxLength: 4,
      }),
      ({ lengths: drawn, ...options }, parts) => {
        const total = parts.reduce((sum, { rows }) => sum + rows, 0);
        const rows = rowsOf(Array.from({ length: total }, (_, i) => drawn[i % drawn.length]));
        const stream = batchStream(rows, { ...optionsOf(options), parts });
        for (let pass = 0; pass < 3; pass++) {
          const given = passOf(stream).flatMap(unpack);
          let first = 0;
          for (const part of parts) {
            const own = given.map(({ inputIds }) => inputIds[0] / 100).filter((row) => row >= first && row < first + part.rows);
            expect(own).toHaveLength(Math.round(part.rows * part.weight));
            for (let row = first; row < first + part.rows; row++) {
              const times = own.filter((one) => one === row).length;
              expect(times).toBeGreaterThanOrEqual(Math.floor(part.weight));
              expect(times).toBeLessThanOrEqual(Math.ceil(part.weight));
            }
            first += part.rows;
          }
        }
      },
    );
    fc.assert(property, { numRuns: 60 });
    const stream = batchStream(rowsOf(Array.from({ length: 60 }, () => 2)), { padId, order: 'file', parts: [{ rows: 60, weight: 0.5 }] });
    const pass = (): string => plain(passOf(stream).map(({ inputIds }) => inputIds));
    expect(pass()).not.toBe(pass());
  });

  it('goes on with parts where it stopped, and with no others', () => {
    const rows = rowsOf([3, 5, 2, 7, 4, 6, 1]);
    const parts = [
      { rows: 4, weight: 1.5 },
      { rows: 3, weight: 0.4 },
    ];
    const stream = batchStream(rows, { padId, batchSize: 2, parts });
    for (let i = 0; i < 5; i++) stream.next();
    const state = JSON.parse(JSON.stringify(stream.state())) as ReturnType<typeof stream.state>;
    const later = batchStream(rows, { padId, batchSize: 2, parts, state });
    for (let i = 0; i < 8; i++) expect(plain(later.next())).toBe(plain(stream.next()));
    for (const other of [[{ rows: 7, weight: 1 }], undefined])
      expect(() => batchStream(rows, { padId, batchSize: 2, state, ...(other === undefined ? {} : { parts: other }) })).toThrow(
        FormatError,
      );
    expect(() => batchStream(rows, { padId, batchSize: 2, state: batchStream(rows, { padId, batchSize: 2 }).state(), parts })).toThrow(
      FormatError,
    );
  });

  it.each([
    [[{ rows: 3, weight: 1 }], /expected parts of 2 rows in all, got 3/],
    [[{ rows: 2, weight: 0 }], /a positive weight, got/],
    [[{ rows: 2, weight: 0.1 }], /at least one of 2 rows is given in a pass, got 0.1/],
    [[{ rows: 2, weight: 1e9 }], /at most 100000000 rows in a pass/],
    [[], /a list of \{ rows, weight \}/],
    [[2], /a list of \{ rows, weight \} .* got 2/],
  ])('refuses the parts %j', (parts, message) => {
    expect(() => batchStream(rowsOf([1, 2]), { padId, parts: parts as never })).toThrow(message);
  });

  it('gives every row once in each pass, whole', () => {
    fc.assert(
      fc.property(cases, ({ lengths, ...options }) => {
        const rows = rowsOf(lengths);
        const stream = batchStream(rows, optionsOf(options));
        // The first label of a segment follows another row's token: it does not count.
        const expected =
          options.packLength === undefined
            ? rows
            : rows.map(({ inputIds, labels }) => ({ inputIds, labels: labels.map((label, t) => (t === 0 ? -100 : label)) }));
        for (let epoch = 0; epoch < 3; epoch++) {
          const batches: TokenBatch[] = [stream.next()];
          while (batches.length < stream.batchesPerEpoch) batches.push(stream.next());
          expect(plain(batches.flatMap(unpack).sort(byFirst))).toBe(plain(expected));
          expect(batches.slice(0, -1).every(({ batch }) => batch <= options.batchSize)).toBe(true);
          expect(batches.every(({ length }) => length <= (options.packLength ?? Math.max(...lengths)))).toBe(true);
        }
      }),
    );
  });

  it('goes on from a saved state as if it had not stopped', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 0, max: 40 }), ({ lengths, seed, ...options }, taken) => {
        const rows = rowsOf(lengths);
        const stream = batchStream(rows, optionsOf({ ...options, seed }));
        for (let i = 0; i < taken; i++) stream.next();
        const state = JSON.parse(JSON.stringify(stream.state())) as ReturnType<typeof stream.state>;
        const resumed = batchStream(rows, { ...optionsOf(options), state });
        for (let i = 0; i < 20; i++) expect(plain(resumed.next())).toBe(plain(stream.next()));
        expect(resumed.state()).toEqual(stream.state());
      }),
    );
  });

  it('shuffles anew in each pass, alike for one seed only', () => {
    const rows = rowsOf(new Array<number>(50).fill(3));
    const passes = (seed: number): readonly string[] => {
      const stream = batchStream(rows, { padId, batchSize: 50, seed });
      return [stream.next(), stream.next()].map(({ inputIds }) => inputIds.join());
    };
    expect(passes(1)).toEqual(passes(1));
    expect(new Set([...passes(1), ...passes(2)]).size).toBe(4);
  });

  it('puts rows of like length together', () => {
    const rows = rowsOf(Array.from({ length: 64 }, (_, i) => 1 + ((7 * i) % 64)));
    const stream = batchStream(rows, { padId, batchSize: 8, order: 'length' });
    const lengths = Array.from({ length: 8 }, () => stream.next().length);
    expect(lengths.toSorted((a, b) => a - b)).toEqual([8, 16, 24, 32, 40, 48, 56, 64]);
    expect(lengths).not.toEqual(lengths.toSorted((a, b) => a - b));
  });

  it('puts other rows of like length together in each pass', () => {
    const [count, batchSize] = [320, 4];
    const rows = rowsOf(Array.from({ length: count }, (_, i) => 1 + ((7 * i) % count)));
    const stream = batchStream(rows, { padId, batchSize, order: 'length' });
    const passes = Array.from({ length: 2 }, () => Array.from({ length: count / batchSize }, () => stream.next()));
    const groups = passes.map((pass) => new Set(pass.map((batch) => JSON.stringify(unpack(batch).map(({ inputIds }) => inputIds[0])))));
    expect([...groups[0]].filter((group) => groups[1].has(group)).length).toBeLessThan(4);
    const tokens = rows.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
    for (const pass of passes) expect(tokens / pass.reduce((sum, { batch, length }) => sum + batch * length, 0)).toBeGreaterThan(0.9);
  });

  it('packs closely', () => {
    const rows = rowsOf(Array.from({ length: 400 }, (_, i) => 1 + ((13 * i) % 31)));
    const stream = batchStream(rows, { padId, batchSize: 1, packLength: 64 });
    const tokens = rows.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
    expect(tokens / (64 * stream.batchesPerEpoch)).toBeGreaterThan(0.95);
  });
});

describe('misuse', () => {
  const rows = rowsOf([3, 5]);
  it.each<[string, () => unknown, new (...parameters: never[]) => Error]>([
    ['no rows', () => batchStream([], { padId }), ShapeError],
    ['a row longer than the sequences', () => batchStream(rows, { padId, packLength: 4 }), ShapeError],
    ['an empty row', () => batchStream(rowsOf([2, 0]), { padId }), ShapeError],
    ['a token for padding that is none', () => batchStream(rows, { padId: -1 }), ConfigError],
    ['an option that is not there', () => batchStream(rows, { padId, size: 3 } as BatchStreamOptions), ConfigError],
    ['batches of nothing', () => batchStream(rows, { padId, batchSize: 0 }), ShapeError],
    ['a state of other rows', () => batchStream(rows, { padId, state: batchStream(rowsOf([1]), { padId }).state() }), FormatError],
    [
      'a state of other options',
      () => batchStream(rows, { padId, order: 'file', state: batchStream(rows, { padId }).state() }),
      FormatError,
    ],
    [
      'a state beyond the end',
      () => batchStream(rows, { padId, state: { ...batchStream(rows, { padId }).state(), batch: 7 } }),
      FormatError,
    ],
    [
      'a state that is none',
      () => batchStream(rows, { padId, state: {} as ReturnType<ReturnType<typeof batchStream>['state']> }),
      FormatError,
    ],
    ['a batch of no rows', () => collateRows([], { padId }), ShapeError],
    ['labels of another number', () => collateRows([{ inputIds: Int32Array.of(1, 2), labels: Int32Array.of(1) }], { padId }), ShapeError],
  ])('%s is refused', (_, misuse, kind) => {
    expect(misuse).toThrow(kind);
  });
});
