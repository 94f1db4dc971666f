import { adaptive, armijo, barzilaiBorwein, lbfgs, levenbergMarquardt, trustRegions, wolfe } from 'bures';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { ConfigError, ShapeError } from '../../src/core/errors.js';
import { choice, count, declareOptions, flag, number, option, size } from '../../src/core/options.js';

interface Options<P = unknown> {
  readonly rank: number;
  readonly factor?: number;
  readonly mode?: 'fast' | 'exact';
  readonly seed?: number;
  readonly strict?: boolean;
  readonly start?: P;
  readonly limit?: number;
  readonly trials?: number;
}

const declared = declareOptions<Options>()({
  rank: size({}),
  factor: number({ default: 0.5, above: 0, below: 1 }),
  mode: choice(['fast', 'exact'], { default: 'fast' }),
  seed: count({ default: 0 }),
  strict: flag({ default: false }),
  start: option({ optional: true }),
  limit: number({ optional: true, min: 1 }),
  trials: number({ optional: true, min: 1, integer: true }),
});

/** What a caller in JavaScript could pass. */
const wrong = (value: unknown): never => value as never;

describe('declareOptions', () => {
  it('fills in the defaults, for what is left out and for undefined', () => {
    const settings = declared.read('solve', wrong({ rank: 3, factor: undefined, seed: 7, limit: undefined }));
    expect(settings).toEqual({ rank: 3, factor: 0.5, mode: 'fast', seed: 7, strict: false });
    expect(Object.keys(settings)).not.toContain('limit');
    expect(declared.defaults).toEqual({ factor: 0.5, mode: 'fast', seed: 0, strict: false });
  });

  it.each<[unknown, typeof ConfigError | typeof ShapeError, string]>([
    [
      undefined,
      ConfigError,
      'solve: expected an options object, got nothing; pass { rank, factor, mode, seed, strict, start, limit, trials }',
    ],
    [
      { rank: 1, ranks: 2 },
      ConfigError,
      "solve: unknown option 'ranks'; the options are rank, factor, mode, seed, strict, start, limit, trials; did you mean 'rank'?",
    ],
    [
      { rank: 1, zzz: 2 },
      ConfigError,
      "solve: unknown option 'zzz'; the options are rank, factor, mode, seed, strict, start, limit, trials",
    ],
    [{}, ShapeError, 'solve: rank must be a positive integer, got nothing; pass rank ≥ 1'],
    [{ rank: null }, ShapeError, 'solve: rank must be a positive integer, got null; pass rank ≥ 1'],
    [{ rank: 1, factor: 1 }, ConfigError, 'solve: factor must be a finite number above 0 and below 1, got 1; pass such a number'],
    [{ rank: 1, factor: null }, ConfigError, 'solve: factor must be a finite number above 0 and below 1, got null; pass such a number'],
    [{ rank: 1, mode: 'slow' }, ConfigError, "solve: mode must be one of 'fast', 'exact', got \"slow\""],
    [{ rank: 1, seed: -1 }, ConfigError, 'solve: seed must be a count, an integer of at least 0, got -1; pass such a number'],
    [{ rank: 1, strict: 'yes' }, ConfigError, 'solve: strict must be true or false, got "yes"; pass one of them'],
    [{ rank: 1, limit: 0 }, ConfigError, 'solve: limit must be a finite number at least 1, got 0; pass such a number'],
    [{ rank: 1, trials: 1.5 }, ConfigError, 'solve: trials must be an integer at least 1, got 1.5; pass such a number'],
    [{ rank: 1, trials: 0 }, ConfigError, 'solve: trials must be an integer at least 1, got 0; pass such a number'],
  ])('rejects %o', (given, kind, message) => {
    const read = () => declared.read('solve', wrong(given));
    expect(read).toThrow(kind);
    expect(read).toThrow(message);
    expect(() => declared.read('other', wrong(given))).toThrow(/^other: /);
  });

  it.each<[string, () => unknown]>([
    ['trustRegions', () => trustRegions({ maxInner: 1.5 })],
    ['levenbergMarquardt', () => levenbergMarquardt({ maxInner: 1.5 })],
    ['wolfe', () => wolfe({ maxTrials: 2.5 })],
    ['armijo', () => armijo({ maxTrials: 2.5 })],
    ['adaptive', () => adaptive({ maxTrials: 2.5 })],
    ['barzilaiBorwein', () => barzilaiBorwein({ window: 2.5 })],
    ['lbfgs', () => lbfgs({ memory: 2.5 })],
  ])('%s refuses a count that is no integer', (caller, make) => {
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(new RegExp(`^${caller}: \\w+ must be an integer at least 1, got [12]\\.5;`));
  });

  it('says so where there are no options', () => {
    expect(() => declareOptions<object>()({}).read('solve', wrong({ rank: 1 }))).toThrow("solve: unknown option 'rank'; it has no options");
  });

  it('one declaration extends another, and options within options carry their place', () => {
    const more = declareOptions<Options & { readonly depth?: number }>()({ ...declared.options, depth: count({ default: 2 }) });
    expect(more.read('solve', { rank: 1 })).toMatchObject({ factor: 0.5, depth: 2 });
    expect(() => more.read('solve', { rank: 1, depth: -1 }, 'inner.')).toThrow('solve: inner.depth must be a count');
  });

  it('types: defaults are there, the others as the interface has them', () => {
    const settings = declared.read('solve', { rank: 1 } as Options<string>);
    expectTypeOf(settings.factor).toEqualTypeOf<number>();
    expectTypeOf(settings.mode).toEqualTypeOf<'fast' | 'exact'>();
    expectTypeOf(settings.start).toEqualTypeOf<string | undefined>();
    expectTypeOf(settings.limit).toEqualTypeOf<number | undefined>();
    expectTypeOf(declared.defaults).toEqualTypeOf<Required<Pick<Options, 'factor' | 'mode' | 'seed' | 'strict'>>>();
  });

  it('the compiler rejects a declaration that disagrees with the interface', () => {
    interface Two {
      readonly a: number;
      readonly b?: 'x' | 'y';
    }
    const declare = declareOptions<Two>();
    declare({ a: number({}), b: choice(['x', 'y'], { optional: true }) });
    // @ts-expect-error: b is missing.
    declare({ a: number({}) });
    // @ts-expect-error: there is no c.
    declare({ a: number({}), b: choice(['x', 'y'], { default: 'x' }), c: number({}) });
    // @ts-expect-error: a is required.
    declare({ a: number({ default: 1 }), b: choice(['x', 'y'], { default: 'x' }) });
    // @ts-expect-error: b may be left out.
    declare({ a: number({}), b: choice(['x', 'y'], {}) });
    // @ts-expect-error: a is a number.
    declare({ a: flag({}), b: choice(['x', 'y'], { default: 'x' }) });
    // @ts-expect-error: 'y' is no choice.
    declare({ a: number({}), b: choice(['x'], { default: 'x' }) });
    // @ts-expect-error: 'z' is none.
    declare({ a: number({}), b: choice(['x', 'y', 'z'], { default: 'x' }) });
    // @ts-expect-error: the default is no choice.
    declare({ a: number({}), b: choice(['x', 'y'], { default: 'z' }) });
  });
});
