/** Matrices from rows and back, on every engine. */
import { type LinearAlgebra, ShapeError } from 'bures';
import { autodiff } from 'bures/autodiff';
import { describe, expect, it } from 'vitest';
import { allEngines } from '../support/engines.js';

describe.each(allEngines)('on %s', (_name, engine) => {
  const la = engine as LinearAlgebra<unknown>;

  it('rows come back as they went in', async () => {
    const rows = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    const x = la.fromRows(rows);
    expect(la.shape(x)).toEqual([2, 3]);
    expect([...(await la.toArray(x))]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await la.toRows(x)).toEqual(rows);
    expect(await la.toRows(la.transpose(x))).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    expect(await la.toRows(la.fromRows([Float64Array.of(7), Float32Array.of(8)]))).toEqual([[7], [8]]);
  });

  it.each<[unknown, RegExp]>([
    [[[1, 2], [3]], /^fromRows: expected rows of numbers, of one length, got 1 in row 1 and 2 in row 0; write \[\[1, 2\], \[3, 4\]\]/],
    [[1, 2], /got 1 for row 0/],
    [[], /got an array of 0/],
    [5, /got 5/],
    [[[1, '2']], /got "2" at \[0, 1\]/],
  ])('refuses %j', (rows, message) => {
    expect(() => la.fromRows(rows as never)).toThrow(ShapeError);
    expect(() => la.fromRows(rows as never)).toThrow(message);
  });

  it('refuses arrays of other axes', async () => {
    await expect(async () => la.toRows(la.full([2, 2, 2], 1))).rejects.toThrow(
      /^toRows: expected a matrix, got an array of shape \[2,2,2\]/,
    );
  });

  it('constants of a differentiated cost may be rows', async () => {
    const { gradient } = autodiff(la, (ops, x: unknown) => ops.inner(x, ops.fromRows([[1, 2]])));
    expect(await la.toRows(gradient.at(la.full([1, 2], 3)))).toEqual([[1, 2]]);
  });
});
