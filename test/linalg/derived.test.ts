/**
 * The functions written once over the operations of an engine, on every engine: values at the edges, what they say of
 * bad input, and that they allocate nothing but their results. Their values elsewhere are compared with naive ones in
 * the files of the operations they are like, and between engines in test/tensor/agreement.test.ts.
 */
import {
  abs,
  BuresError,
  ConfigError,
  eye,
  geometricMean,
  inverseSqrtSpd,
  type LinearAlgebra,
  outerSum,
  polar,
  ShapeError,
  solveLyapunov,
  solveSylvester,
  sqrtSpd,
  square,
  trace,
} from 'bures';
import { describe, expect, it } from 'vitest';
import { allEngines, hostEngines, liveTensors } from '../support/engines.js';

type Engine = LinearAlgebra<unknown>;

/** Calls with arrays of ones of the given shapes. */
type Call = (la: Engine, ...operands: readonly unknown[]) => unknown;

interface Case {
  readonly call: Call;
  /** Shapes that fit. */
  readonly shapes: readonly (readonly number[])[];
  /** Shapes that do not. */
  readonly misfits: readonly (readonly (readonly number[])[])[];
  /** Number of arrays in the result. */
  readonly results: number;
}

// Shapes: a 3×3, a 4×4 and a 3×4 matrix, two 3×3 matrices and two 1×1 ones.
const [three, four, wide] = [
  [3, 3],
  [4, 4],
  [3, 4],
] as const;
const [stack, numbers] = [
  [2, 3, 3],
  [2, 1, 1],
] as const;

const functions: Readonly<Record<string, Case>> = {
  trace: { call: (la, x) => trace(la, x), shapes: [stack], misfits: [[[2, 3]], [[3]], [[]]], results: 1 },
  outerSum: {
    call: (la, s, t) => outerSum(la, s, t),
    shapes: [
      [2, 3],
      [2, 4],
    ],
    misfits: [
      [[2, 3], [4]],
      [
        [2, 3],
        [3, 3],
      ],
      [[], [3]],
    ],
    results: 1,
  },
  square: { call: (la, x) => square(la, x), shapes: [[2, 3, 4]], misfits: [], results: 1 },
  abs: { call: (la, x) => abs(la, x), shapes: [[2, 3, 4]], misfits: [], results: 1 },
  polar: { call: (la, x) => polar(la, x), shapes: [[2, 4, 3]], misfits: [[wide], [[3]]], results: 2 },
  sqrtSpd: { call: (la, s) => sqrtSpd(la, s), shapes: [stack], misfits: [[wide], [[3]]], results: 1 },
  inverseSqrtSpd: { call: (la, s) => inverseSqrtSpd(la, s), shapes: [numbers], misfits: [[wide], [[3]]], results: 1 },
  solveLyapunov: {
    call: (la, p, c) => solveLyapunov(la, p, c),
    shapes: [stack, stack],
    misfits: [
      [wide, three],
      [three, wide],
      [stack, three],
    ],
    results: 1,
  },
  solveSylvester: {
    call: (la, p, q, c) => solveSylvester(la, p, q, c),
    shapes: [stack, [2, 4, 4], [2, 3, 4]],
    misfits: [
      [three, four, [4, 3]],
      [wide, four, wide],
      [three, four, [3]],
    ],
    results: 1,
  },
  geometricMean: {
    call: (la, p, q) => geometricMean(la, p, q),
    shapes: [numbers, numbers],
    misfits: [
      [three, [2, 2]],
      [wide, wide],
    ],
    results: 1,
  },
};

function errorOf(call: () => unknown): BuresError {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(BuresError);
    return error as BuresError;
  }
  return expect.fail('no error');
}

it.each(hostEngines)('they take arrays without entries on %s, as the other operations do', (_name, la) => {
  const none = (...shape: number[]) => la.fromArray([], shape);
  expect([eye(la, 0).shape, eye(la, 3, [0]).shape, outerSum(la, la.full([2], 1), none(0)).shape, square(la, none(0, 4)).shape]).toEqual([
    [0, 0],
    [0, 3, 3],
    [2, 0],
    [0, 4],
  ]);
  expect(la.toArray(trace(la, none(0, 0)))).toEqual(Float64Array.of(0));
});

describe.each(allEngines)('on %s', (_name, la) => {
  const read = async (x: unknown): Promise<{ readonly shape: readonly number[]; readonly values: readonly number[] }> => ({
    shape: la.shape(x),
    values: [...(await la.toArray(x))],
  });
  const of = (shape: readonly number[], ...values: number[]): unknown => la.fromArray(values, shape);

  it('eye is the identity of any size, repeated over a batch', () =>
    la.tidy(async () => {
      expect(await read(eye(la, 2, [2]))).toEqual({ shape: [2, 2, 2], values: [1, 0, 0, 1, 1, 0, 0, 1] });
      expect(await read(eye(la, 1, [1, 2]))).toEqual({ shape: [1, 2, 1, 1], values: [1, 1] });
      const misuses: readonly (readonly [unknown, unknown?])[] = [[-1], [1.5], [Number.NaN], [undefined], ['2'], [2, [-1]], [2, 3]];
      for (const [n, batch] of misuses) {
        const error = errorOf(() => eye(la, n as number, batch as number[]));
        expect(error.message).toMatch(/^eye: /);
        expect(error).toBeInstanceOf(ShapeError);
      }
    }));

  it('trace and outerSum, with and without a batch', () =>
    la.tidy(async () => {
      expect(await read(trace(la, of([2, 2], 1, 5, 7, 2)))).toEqual({ shape: [], values: [3] });
      expect(await read(trace(la, of([2, 1, 1], 4, -4)))).toEqual({ shape: [2], values: [4, -4] });
      expect(await read(outerSum(la, of([2], 1, 2), of([3], 10, 20, 30)))).toEqual({ shape: [2, 3], values: [11, 21, 31, 12, 22, 32] });
      expect(await read(outerSum(la, of([2, 1], 1, 2), of([2, 2], 10, 20, 30, 40)))).toEqual({
        shape: [2, 1, 2],
        values: [11, 21, 32, 42],
      });
    }));

  it('square and abs of every kind of number', () =>
    la.tidy(async () => {
      const kinds = of([3, 2], -1.5, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 2);
      expect(await read(abs(la, kinds))).toEqual({
        shape: [3, 2],
        values: [1.5, 0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NaN, 2],
      });
      expect(await read(square(la, kinds))).toEqual({
        shape: [3, 2],
        values: [2.25, 0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NaN, 4],
      });
      expect(await read(abs(la, of([], -3)))).toEqual({ shape: [], values: [3] });
      expect(await read(square(la, of([1, 2], -3, 3)))).toEqual({ shape: [1, 2], values: [9, 9] });
    }));

  it.each(Object.entries(functions))('%s allocates its result alone, and leaves its operands', (_function, { call, shapes, results }) => {
    const operands = shapes.map((shape) => la.full(shape, 1));
    const before = liveTensors();
    const result = call(la, ...operands);
    const arrays = la.isArray(result) ? [result] : Object.values(result as object);
    expect(arrays).toHaveLength(results);
    // On the host nothing is counted.
    if (la.epsilon > 1e-10) expect(liveTensors() - before).toBe(results);
    for (const array of [...arrays, ...operands]) la.dispose(array);
  });

  it.each(Object.entries(functions))(
    '%s names itself and what came if it is misused, and leaves nothing behind',
    (name, { call, shapes, misfits }) => {
      const fit = shapes.map((shape) => la.full(shape, 1));
      const before = liveTensors();
      for (const misfit of misfits) {
        const operands = misfit.map((shape) => la.full(shape, 1));
        const error = errorOf(() => call(la, ...operands));
        expect(error.message).toContain(`${name}: `);
        expect(error.message).toMatch(/; ./);
        expect(error).toBeInstanceOf(ShapeError);
        for (const operand of operands) la.dispose(operand);
      }
      for (let place = 0; place < fit.length; place++) {
        for (const [foreign, shown] of [
          [undefined, 'nothing'],
          [3, '3'],
          [[1, 2], 'an array of 2'],
        ] as const) {
          const error = errorOf(() => call(la, ...fit.with(place, foreign)));
          expect(error).toBeInstanceOf(ConfigError);
          expect(error.message).toBe(`${name}: expected an array of ${la.name}, got ${shown}; convert it with fromArray(values, shape)`);
        }
      }
      for (const engine of [undefined, 3, {}]) {
        const error = errorOf(() => call(engine as never, ...fit));
        expect(error).toBeInstanceOf(ConfigError);
        expect(error.message).toMatch(new RegExp(`^${name}: `));
      }
      expect(liveTensors()).toBe(before);
      for (const operand of fit) la.dispose(operand);
    },
  );
});
