/** Steps and norms near the ends of the range of numbers: no operation leaves its manifold without an error. */
import {
  barycenter,
  DomainError,
  defineManifold,
  euclidean,
  type GeodesicManifold,
  type GradientDescentOptions,
  gradientDescent,
  grassmann,
  type HostArray,
  hostAlgebra,
  lbfgs,
  minimize,
  NumericalError,
  oblique,
  orthogonalGroup,
  polakRibiere,
  rotations,
  ShapeError,
  seededRandom,
  spd,
  sphere,
  stiefel,
  wolfe,
} from 'bures';
import { describe, expect, it } from 'vitest';
import { combine, specimens } from './specimens.js';

const la = hostAlgebra();
const shape = { m: 5, n: 4, r: 2, batch: [] };
const lengths = [1e-200, 1e-100, 1e100, 1e160, 1e200, 1e300];

describe.each(specimens)('%s', (_name, make) => {
  const specimen = make(la, shape);
  const { manifold } = specimen;
  const random = seededRandom(1);
  const x = specimen.point(Float64Array.from([1, 0.5]), random);
  const u = manifold.project(x, specimen.ambient(random));

  it.each(lengths)('a step of length %d ends on the manifold or in a NumericalError', async (t) => {
    const { exp } = manifold as Partial<GeodesicManifold<HostArray>>;
    const steps = [
      () => manifold.retract(x, u, t),
      () => manifold.retract(x, combine(la, t, u, 0, u)),
      ...(exp === undefined || _name.startsWith('product') ? [] : [() => exp(x as HostArray, u as HostArray, t)]),
    ];
    for (const step of steps) {
      let y: unknown;
      try {
        y = step();
      } catch (error) {
        expect(error).toBeInstanceOf(NumericalError);
        continue;
      }
      await manifold.checkPoint(y);
    }
  });

  it.each(lengths)('the norm of a tangent times %d is the norm times it', async (t) => {
    const expected = t * (await manifold.norm(x, u));
    const norm = await manifold.norm(x, combine(la, t, u, 0, u));
    expect(Math.abs(norm / expected - 1)).toBeLessThan(1e-12);
  });
});

it('lengths of vectors whose squares overflow or vanish are unit lengths all the same', () => {
  for (const size of [1e-160, 1e160, 1e300]) {
    const x = la.fromArray([1, 0, 0], [3]);
    expect(la.toArray(sphere({ shape: [3] }).retract(x, la.fromArray([0, size, 0], [3])))[1]).toBeCloseTo(size / Math.hypot(1, size), 15);
    const columns = la.fromArray([1, 0, 0, 1, 0, 0], [3, 2]);
    const moved = oblique({ m: 3, n: 2 }).retract(columns, la.fromArray([0, 0, size, 0, 0, 1], [3, 2]));
    expect(la.toArray(moved)[2]).toBeCloseTo(size / Math.hypot(1, size), 15);
  }
});

it('a minimum at which the manifold refuses the point is not called converged', async () => {
  const unit = sphere({ shape: [3] });
  const broken = { ...unit, retractTransport: (x: HostArray, u: HostArray, t = 1) => shrunk(unit.retractTransport(x, u, t)) };
  const shrunk = (step: ReturnType<typeof unit.retractTransport>) => ({ ...step, point: la.scale(0.5, step.point) });
  const height = la.fromArray([3, 2, 1], [3]);
  const gradient = { kind: 'ambient', at: (x: HostArray) => la.multiply(height, x) } as const;
  const enough = { name: 'enough', check: ({ iteration = 0 }) => (iteration === 3 ? { reason: 'enough', converged: true } : undefined) };
  const cost = (x: HostArray) => 0.5 * la.inner(x, la.multiply(height, x));
  const result = await minimize({ manifold: broken, cost, gradient }, { stop: enough });
  expect(result.converged).toBe(false);
  expect(result.stopReason).toMatch(/^enough, but at a point that the manifold refuses: sphere: expected vectors of length 1/);
});

it('a manifold of the user may refuse a point by any error', async () => {
  const unit = sphere({ shape: [3] });
  const refusals = [new Error('mine: expected a unit vector'), 'mine: expected a unit vector'];
  for (const refusal of refusals) {
    const own = defineManifold({
      name: 'mine',
      algebra: la,
      dim: 2,
      checkPoint(x: HostArray) {
        if (Math.abs(la.norm(x) - 1) > 1e-9) throw refusal;
      },
      project: (x: HostArray, z: HostArray) => unit.project(x, z),
      retract: (x: HostArray, u: HostArray, t = 1) => la.scale(0.5, unit.retract(x, u, t)),
      randomPoint: (random) => unit.randomPoint(random),
    });
    const height = la.fromArray([3, 2, 1], [3]);
    const enough = { name: 'enough', check: ({ iteration = 0 }) => (iteration === 1 ? { reason: 'enough', converged: true } : undefined) };
    const problem = {
      manifold: own,
      cost: (x: HostArray) => la.inner(height, x),
      gradient: { kind: 'ambient', at: () => height },
    } as const;
    const result = await minimize(problem, { stop: enough });
    expect(result.converged).toBe(false);
    expect(result.stopReason).toBe('enough, but at a point that the manifold refuses: mine: expected a unit vector');
    // The start is misuse, and its error the manifold's own.
    await expect(minimize(problem, { initial: height })).rejects.toBe(refusal);
  }
});

describe('rotations near half a turn', () => {
  /** exp of a skew matrix with an axis, by Rodrigues' formula; and the skew matrix. */
  const turn = (axis: readonly number[], angle: number) => {
    const [a, b, c] = axis.map((entry) => entry / Math.hypot(...axis));
    const skew = [0, -c, b, c, 0, -a, -b, a, 0];
    const outer = [a * a, a * b, a * c, b * a, b * b, b * c, c * a, c * b, c * c];
    const matrix = skew.map((s, i) => (i % 4 === 0 ? Math.cos(angle) : 0) + Math.sin(angle) * s + (1 - Math.cos(angle)) * outer[i]);
    return { matrix: la.fromArray(matrix, [3, 3]), log: skew.map((s) => angle * s) };
  };
  const identity = la.fromArray([1, 0, 0, 0, 1, 0, 0, 0, 1], [3, 3]);
  const cases = [0.3, Math.PI / 2, 2, 3.1, Math.PI - 1e-4, Math.PI - 1e-8, Math.PI - 1e-10, Math.PI - 1e-12];

  it.each(cases)('the logarithm of a turn by %d is skew, and exact', (angle) => {
    for (const axis of [
      [1, 2, 2],
      [-3, 1, 0.2],
      [0, 0, 1],
    ]) {
      const { matrix, log } = turn(axis, angle);
      const u = la.toArray(rotations({ n: 3 }).log(identity, matrix));
      for (const [i, entry] of u.entries()) {
        expect(Math.abs(entry + u[(i % 3) * 3 + Math.floor(i / 3)])).toBeLessThan(1e-15);
        expect(Math.abs(entry - log[i])).toBeLessThan(1e-13);
      }
    }
  });

  it('planes of several angles keep theirs', async () => {
    const manifold = orthogonalGroup({ n: 7, batch: [2] });
    const basis = manifold.randomPoint(seededRandom(3));
    const blocks = Array.from({ length: 2 * 49 }, () => 0);
    for (const [member, angles] of [
      [1e-9, Math.PI - 1e-9, 1],
      [Math.PI - 1e-3, 2.5, 1.5707],
    ].entries())
      for (const [plane, angle] of angles.entries()) {
        blocks[49 * member + 7 * (2 * plane) + 2 * plane + 1] = -angle;
        blocks[49 * member + 7 * (2 * plane + 1) + 2 * plane] = angle;
      }
    const skew = la.matmul(la.matmul(basis, la.fromArray(blocks, [2, 7, 7])), basis, { transposeB: true });
    const x = manifold.randomPoint(seededRandom(4));
    const u = la.matmul(x, skew);
    const y = manifold.exp(x, u);
    expect(await la.maxAbs(la.subtract(manifold.log(x, y), u))).toBeLessThan(1e-12);
  });
});

it('a manifold of single points is refused', () => {
  expect(() => grassmann({ m: 3, rank: 3 })).toThrow(ShapeError);
  expect(() => grassmann({ m: 1, rank: 1, batch: [4] })).toThrow('grassmann: expected a manifold with directions to move in, got 1×1');
  expect(() => stiefel({ m: 1, rank: 1 })).toThrow(ShapeError);
  expect(stiefel({ m: 2, rank: 2 }).dim).toBe(1);
});

it('the affine-invariant mean of matrices of very different sizes is their geometric mean', async () => {
  const diagonal = (a: number, b: number) => la.fromArray([a, 0, 0, b], [2, 2]);
  const { point, converged } = await barycenter(spd({ n: 2 }), [diagonal(1e300, 1e298), diagonal(1e-300, 1e-290)]);
  expect(converged).toBe(true);
  const [a, , , b] = la.toArray(point);
  expect([a, b / 1e4]).toEqual([expect.closeTo(1, 10), expect.closeTo(1, 10)]);
  await expect(barycenter(spd({ n: 2 }), [diagonal(1e300, 1), diagonal(1e-300, 1)])).rejects.toThrow(DomainError);
});

describe('costs at the ends of the range', () => {
  const falling = (slope: number) => ({
    manifold: euclidean({ shape: [3] }),
    cost: (x: HostArray) => -slope * la.total(x),
    gradient: { kind: 'ambient', at: () => la.full([3], -slope) } as const,
  });
  const never = { name: 'never', check: () => undefined };

  const searches: readonly GradientDescentOptions[] = [
    {},
    { stepSize: wolfe() },
    { direction: polakRibiere() },
    { stepSize: wolfe(), direction: lbfgs() },
  ];
  it.each(searches)('a cost without a lower bound is followed down, and named (%#)', async (options) => {
    const solver = gradientDescent(options);
    const { cost, converged, stopReason } = await minimize(falling(1), { solver, initial: la.full([3], 0) });
    expect(cost).toBeLessThan(-1e300);
    expect(converged).toBe(false);
    expect(stopReason).toMatch(/not finite at any of them: it may have no lower bound/);
  });

  it.each([1e170, 1e-170])('a slope of the square of %d is named, not called uphill', async (slope) => {
    for (const solver of [gradientDescent(), gradientDescent({ stepSize: wolfe() })]) {
      const { stopReason } = await minimize(falling(slope), { solver, initial: la.full([3], 0), stop: never });
      expect(stopReason).toMatch(/is beyond the range of numbers; scale the cost/);
    }
  });
});
