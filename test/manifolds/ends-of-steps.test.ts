/** Steps that leave the range of numbers, tangents with NaN, and batches whose members differ in scale. */
import {
  DomainError,
  dampedFactors,
  elliptope,
  euclidean,
  euclideanFactors,
  fixedRankPsd,
  generalizedStiefel,
  type HostArray,
  hostAlgebra,
  type Manifold,
  NumericalError,
  oblique,
  quotientFactors,
  seededRandom,
  spd,
  sphere,
} from 'bures';
import { describe, expect, it } from 'vitest';
import { mapTree } from '../../src/core/tree.js';

const la = hostAlgebra({ blas: 'off' });
type Any = Manifold<HostArray, unknown, unknown, unknown, unknown> & { exp?(x: unknown, u: unknown, t?: number): unknown };

const manifolds: Readonly<Record<string, Any>> = Object.fromEntries(
  [
    sphere({ shape: [3] }),
    oblique({ m: 4, n: 3 }),
    elliptope({ n: 5, rank: 2 }),
    euclidean({ shape: [3, 2] }),
    euclideanFactors({ m: 5, n: 4, rank: 2 }),
    quotientFactors({ m: 5, n: 4, rank: 2 }),
    dampedFactors({ m: 5, n: 4, rank: 2, damping: 0.1 }),
    fixedRankPsd({ n: 5, rank: 2 }),
  ].map((manifold) => [manifold.name, manifold as unknown as Any]),
);

describe.each(Object.entries(manifolds))('%s', (_name, manifold) => {
  it('refuses steps beyond the range of numbers, and tangents with NaN', async () => {
    const x = manifold.randomPoint(seededRandom(1));
    const u = await manifold.randomTangent(x, seededRandom(2));
    const huge = mapTree<HostArray, unknown>(la, (leaf) => la.scale(1e200, leaf), u);
    const none = mapTree<HostArray, unknown>(la, (leaf) => la.scale(Number.NaN, leaf), u);
    for (const [tangent, t] of [
      [huge, 1e200],
      [none, 1],
    ] as const) {
      expect(() => manifold.retract(x, tangent, t)).toThrow(NumericalError);
      expect(() => manifold.retract(x, tangent, t)).toThrow(new RegExp(`^${manifold.name.split('(')[0]}\\.retract: `));
      expect(() => manifold.retractTransport(x, tangent, t)).toThrow(NumericalError);
      if (manifold.exp !== undefined) expect(() => manifold.exp?.(x, tangent, t)).toThrow(NumericalError);
    }
  });
});

it('a small member of a batch must be symmetric beside a large one', async () => {
  const members = la.fromArray([1e12, 0, 0, 1e12, 1, 0.5, 0, 1], [2, 2, 2]);
  await expect((async () => spd({ n: 2, batch: [2] }).checkPoint(members))()).rejects.toThrow(/expected a symmetric matrix/);
  expect(() => generalizedStiefel({ m: 2, rank: 1, batch: [2], B: members })).toThrow(DomainError);
  const rounded = la.fromArray([1e-300, 1e-316, 0, 1e-300, 1, 0.5, 0.5 + 1e-16, 1], [2, 2, 2]);
  await spd({ n: 2, batch: [2] }).checkPoint(rounded);
});
