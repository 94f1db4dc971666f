/** What a product makes of its components' claims, and how it spreads a random tangent. */
import { describe, expect, it } from 'vitest';
import { hessianSpectrum } from '../../src/diagnostics/index.js';
import {
  balancedFactors,
  barycenter,
  dampedFactors,
  defineManifold,
  euclidean,
  type HostArray,
  hyperbolic,
  minimize,
  type Problem,
  polarRetraction,
  product,
  qrRetraction,
  seededRandom,
  spd,
  stiefel,
  trustRegions,
} from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

describe.each(hostEngines)('on %s', (_engine, la) => {
  const first = stiefel({ m: 7, rank: 2, retraction: qrRetraction(), algebra: la });
  const second = stiefel({ m: 6, rank: 3, retraction: polarRetraction(), algebra: la });
  const factors = balancedFactors({ m: 9, n: 5, rank: 4, algebra: la });

  it('has a retraction of second order only if all its components do', () => {
    expect([first.retractionOrder, second.retractionOrder]).toEqual([1, 2]);
    expect(product({ first, second }).retractionOrder).toBe(1);
    expect(product({ second, first }).retractionOrder).toBe(1);
    expect(product({ second, factors }).retractionOrder).toBe(2);
  });

  it('spreads a random tangent over its components by dimension, at unit length in all', async () => {
    const parts = { second, factors };
    const manifold = product(parts);
    const random = seededRandom(3);
    const x = manifold.randomPoint(random);
    const u = await manifold.randomTangent(x, random);
    expect(manifold.dim).toBe(second.dim + factors.dim);
    expect(await manifold.norm(x, u)).toBeAllClose(1, tolerance(la, 100));
    expect((await second.norm(x.second, u.second)) ** 2).toBeAllClose(second.dim / manifold.dim, tolerance(la, 100));
    expect((await factors.norm(x.factors, u.factors)) ** 2).toBeAllClose(factors.dim / manifold.dim, tolerance(la, 100));
  });

  it('converts Hessians if all its components do, and leaves solvers to differences of gradients if not', async () => {
    const damped = dampedFactors({ m: 4, n: 3, rank: 2, algebra: la });
    const flat = euclidean({ shape: [2], algebra: la });
    const own = defineManifold({
      name: 'own',
      algebra: la,
      dim: 2,
      checkPoint: () => undefined,
      project: (_x: HostArray, z: HostArray) => z,
      retract: (x: HostArray, u: HostArray, t = 1) => la.axpy(t, u, x),
      randomPoint: (random) => la.randomNormal([2], random),
    });
    expect(Object.keys(product({ flat, factors }))).toEqual(expect.arrayContaining(['ehessToRhess', 'coordinatesToRhess']));
    for (const manifold of [product({ damped, flat }), product({ own, flat }), product({ flat, inner: product({ own }) })]) {
      expect(manifold.ehessToRhess).toBeUndefined();
      expect(manifold.coordinatesToRhess).toBeUndefined();
    }
    type Point = { readonly own: HostArray; readonly flat: HostArray };
    const problem: Problem<HostArray, Point> = {
      manifold: product({ own, flat }),
      cost: (x) => 0.5 * la.norm(x.own) ** 2 + 2 * la.norm(x.flat) ** 2,
      gradient: { kind: 'ambient', at: (x) => ({ own: x.own, flat: la.scale(4, x.flat) }) },
      hessian: { kind: 'ambient', at: (_x, u) => ({ own: u.own, flat: la.scale(4, u.flat) }) },
    };
    const { x, converged, solver } = await minimize(problem, { solver: trustRegions() });
    expect([converged, solver]).toEqual([true, 'trustRegions (Hessian products by differences of gradients)']);
    const { products, eigenvalues } = await hessianSpectrum(problem, x);
    expect(products).toBe('differences');
    expect([...eigenvalues].sort((a, b) => a - b)).toBeAllClose([1, 1, 4, 4], 1e-6);
  });

  it('finds means as its components do, however curved they are', async () => {
    const space = hyperbolic({ n: 2, algebra: la });
    const matrices = spd({ n: 2, algebra: la });
    const flat = euclidean({ shape: [1], algebra: la });
    const far = (d: number, angle: number) =>
      la.fromArray([Math.cosh(d), Math.sinh(d) * Math.cos(angle), Math.sinh(d) * Math.sin(angle)], [3]);
    const points = [far(8, 0), far(8, 2), far(8, 4), far(6, 5)];
    const unlike = [
      [1e6, 0, 1e-6],
      [1e-6, 0, 1e6],
      [5e5, 4.999e5, 5e5],
      [1e3, 5, 1],
    ].map(([a, b, c]) => la.fromArray([a, b, b, c], [2, 2]));
    const [mean, ofMatrices] = [await barycenter(space, points), await barycenter(matrices, unlike)];
    const alone = await barycenter(
      product({ space }),
      points.map((point) => ({ space: point })),
    );
    expect([alone.converged, alone.iterations]).toEqual([true, mean.iterations]);
    const all = points.map((point, i) => ({ space: point, inner: { matrices: unlike[i], flat: la.full([1], i) } }));
    const joint = await barycenter(product({ space, inner: product({ matrices, flat }) }), all);
    expect(joint.converged).toBe(true);
    expect(joint.point.space).toBeAllClose(mean.point, 1e-8);
    expect(joint.point.inner.matrices).toBeAllClose(ofMatrices.point, 1e-6);
    expect(joint.point.inner.flat).toBeAllClose([1.5], 1e-8);
  });

  it('is as long as its components together', () => {
    expect(product({ second, factors }).typicalDist).toBeAllClose(Math.hypot(second.typicalDist, factors.typicalDist), tolerance(la, 10));
  });
});
