/** Trees of arrays: structure kept, mismatches named. */
import { describe, expect, it } from 'vitest';
import { keysOf } from '../../src/core/tree.js';
import { axpyTree, forEachLeaf, type HostArray, hostAlgebra, mapTree, ShapeError, scaleTree } from '../../src/index.js';

const la = hostAlgebra();
const leaf = (...values: number[]): HostArray => la.fromArray(values, [values.length]);

describe('trees', () => {
  const x = { q: { A: leaf(1, 2), B: leaf(3) }, v: leaf(4, 5, 6) };

  it('are combined leaf by leaf', () => {
    const sum = axpyTree(la, 2, x, scaleTree(la, -1, x));
    expect(sum.q.A).toBeAllClose([1, 2], 0);
    expect(sum.q.B).toBeAllClose([3], 0);
    expect(sum.v).toBeAllClose([4, 5, 6], 0);
    expect(axpyTree(la, 2, leaf(1), leaf(5))).toBeAllClose([7], 0);
  });

  it('are visited with paths', () => {
    const paths: string[] = [];
    forEachLeaf<HostArray>(la, x, (_leaf, path) => paths.push(path));
    expect(paths).toEqual(['q.A', 'q.B', 'v']);
  });

  it('have paths that tell names with dots from records, and give the names back', () => {
    const names = [['a.b'], ['a', 'b'], ['a\\', 'b'], ['a\\.b'], ['layer.0', 'A.']];
    const paths: string[] = [];
    for (const [first, second] of names)
      forEachLeaf<HostArray>(la, { [first]: second === undefined ? leaf(1) : { [second]: leaf(2) } }, (_leaf, path) => paths.push(path));
    expect(new Set(paths).size).toBe(names.length);
    expect(paths.map(keysOf)).toEqual(names);
    expect(keysOf('')).toEqual([]);
  });

  it('of different structure are an error that names the component', () => {
    expect(() => mapTree(la, (a: HostArray) => a, x, { q: { A: leaf(1, 2) }, v: leaf(1) } as typeof x)).toThrow(ShapeError);
    expect(() => mapTree(la, (a: HostArray) => a, x, { q: { A: leaf(1, 2) }, v: leaf(1) } as typeof x)).toThrow(
      /argument 2 has no component 'q.B'/,
    );
    expect(() => mapTree(la, (a: HostArray) => a, { q: 3 })).toThrow(/at 'q', got number/);
  });
});
