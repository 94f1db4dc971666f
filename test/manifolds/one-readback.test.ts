/**
 * On a device each number that is read costs a round trip: norms and inner products of tangents made of several arrays
 * read one.
 */
import { describe, expect, it } from 'vitest';
import {
  balancedFactors,
  type Component,
  euclideanFactors,
  fixedRank,
  type HostArray,
  hostAlgebra,
  type LinearAlgebra,
  product,
  quotientFactors,
  seededRandom,
} from '../../src/index.js';
import { tolerance } from '../support/tolerance.js';

const host = hostAlgebra();
const sizes = { m: 7, n: 5, rank: 2, batch: [3] };

/** The host as a device that answers later, with a list of what it was asked for. */
function distant(): { la: LinearAlgebra<HostArray>; asked: string[] } {
  const asked: string[] = [];
  const later =
    <Operands extends readonly HostArray[]>(name: string, compute: (...operands: Operands) => number) =>
    async (...operands: Operands): Promise<number> => {
      asked.push(name);
      await Promise.resolve();
      return compute(...operands);
    };
  const la = {
    ...host,
    readsSynchronously: false,
    peek: () => undefined,
    inner: later('inner', host.inner),
    norm: later('norm', host.norm),
    total: later('total', host.total),
    maxAbs: later('maxAbs', host.maxAbs),
    // The type says that numbers of host arrays are there at once.
  } as unknown as LinearAlgebra<HostArray>;
  return { la, asked };
}

const factories: Readonly<Record<string, (algebra: LinearAlgebra<HostArray>) => unknown>> = {
  balancedFactors: (algebra) => balancedFactors({ ...sizes, algebra }),
  euclideanFactors: (algebra) => euclideanFactors({ ...sizes, algebra }),
  quotientFactors: (algebra) => quotientFactors({ ...sizes, algebra }),
  fixedRank: (algebra) => fixedRank({ ...sizes, algebra }),
};

describe.each(Object.entries(factories))('%s', (_name, factory) => {
  const { la, asked } = distant();
  const near = factory(host) as Component;
  const far = factory(la) as Component;

  it('norm and inner read one number, the same as where reading is free', async () => {
    const x = near.randomPoint(seededRandom(1));
    const [u, v] = [await near.randomTangent(x, seededRandom(2)), await near.randomTangent(x, seededRandom(3))];
    asked.length = 0;
    const [norm, inner] = [await far.norm(x, u), await far.inner(x, u, v)];
    expect(asked).toHaveLength(2);
    expect(norm).toBeAllClose(await near.norm(x, u), tolerance(host, 100));
    expect(inner).toBeAllClose(await near.inner(x, u, v), tolerance(host, 100));
  });
});

describe('product', () => {
  it('asks all components before it waits for the first', async () => {
    const { la, asked } = distant();
    const parts = product({ one: balancedFactors({ ...sizes, algebra: la }), two: balancedFactors({ ...sizes, m: 9, algebra: la }) });
    const x = parts.randomPoint(seededRandom(1));
    const u = await parts.randomTangent(x, seededRandom(2));
    asked.length = 0;
    const norm = parts.norm(x, u);
    expect(asked).toEqual(['norm', 'norm']);
    expect(await norm).toBeAllClose(1, tolerance(host, 100));
  });
});
