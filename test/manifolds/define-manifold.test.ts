/** Manifolds from seven members: their defaults obey the laws, on one array and on trees of arrays. */
import { describe, expect, it } from 'vitest';
import { checkManifold } from '../../src/diagnostics/index.js';
import {
  balancedFactors,
  ConfigError,
  defineManifold,
  fixedRank,
  gradientNormBelow,
  type LinearAlgebra,
  type ManifoldParts,
  minimize,
  ShapeError,
  seededRandom,
  sphere,
} from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

interface Pair<M> {
  readonly direction: M;
  readonly offset: M;
}

const [m, n] = [5, 3];

/** Unit vectors of m entries beside any vector of n. */
function rays<M>(la: LinearAlgebra<M>): ManifoldParts<M, Pair<M>> {
  const row = (x: M) => la.reshape(x, [1, m]);
  const dot = (x: M, y: M) => la.innerEach(row(x), row(y));
  const unit = (x: M) => la.scaleEach(la.divide(la.full([], 1), la.sqrt(dot(x, x))), x);
  return {
    name: 'rays',
    algebra: la,
    dim: m - 1 + n,
    async checkPoint({ direction }) {
      if (!(Math.abs((await la.norm(direction)) - 1) < 1e-5)) throw new Error('rays: expected a unit vector; divide it by its norm');
    },
    project: (x, z) => ({
      direction: la.subtract(z.direction, la.scaleEach(dot(x.direction, z.direction), x.direction)),
      offset: z.offset,
    }),
    retract: (x, u, t = 1) => ({ direction: unit(la.axpy(t, u.direction, x.direction)), offset: la.axpy(t, u.offset, x.offset) }),
    randomPoint: (random) => ({ direction: unit(la.randomNormal([m], random)), offset: la.randomNormal([n], random) }),
  };
}

describe.each(hostEngines)('on %s', (_engine, la) => {
  const manifold = defineManifold(rays(la));

  it('obeys the laws of a manifold', async () => {
    const laws = await checkManifold(manifold);
    expect(laws.ok, laws.verdict).toBe(true);
  });

  it('takes what its author writes before the defaults', async () => {
    const own = defineManifold({ ...rays(la), typicalDist: 7, retractionOrder: 2 as const, note: 'mine' });
    expect([own.typicalDist, own.retractionOrder, own.note]).toEqual([7, 2, 'mine']);
    expect([manifold.typicalDist, manifold.retractionOrder]).toEqual([Math.sqrt(m - 1 + n), 1]);
  });

  it('is minimized over as the library’s own manifold is', async () => {
    const target = la.randomNormal([m], seededRandom(4));
    const cost = (x: Pair<typeof target>) => la.inner(target, x.direction) + 0.5 * la.norm(x.offset) ** 2;
    const gradient = { kind: 'ambient', at: (x: Pair<typeof target>) => ({ direction: target, offset: x.offset }) } as const;
    const initial = manifold.randomPoint(seededRandom(5));
    const found = await minimize({ manifold, cost, gradient }, { initial, stop: gradientNormBelow(1e-9) });
    expect(found.cost).toBeAllClose(-la.norm(target), tolerance(la, 1e4));
    const alone = sphere({ shape: [m], algebra: la });
    const reference = await minimize(
      { manifold: alone, cost: (x: typeof target) => la.inner(target, x), gradient: { kind: 'ambient', at: () => target } as const },
      { initial: initial.direction, stop: gradientNormBelow(1e-9) },
    );
    expect(found.cost).toBeAllClose(reference.cost, tolerance(la, 1e4));
  });
});

describe('points and tangents of different shapes', () => {
  const [[, la]] = hostEngines;
  const [x, u, wrong] = [la.fromArray([1, 0, 0], [3]), la.fromArray([0, 1, 0], [3]), la.fromArray([0, 1, 0, 0], [4])];
  const round = sphere({ shape: [3], algebra: la });

  it.each<[string, () => unknown]>([
    ['norm', () => round.norm(x, wrong)],
    ['inner', () => round.inner(x, u, wrong)],
    ['dist', () => round.dist(x, wrong)],
    ['log', () => round.log(x, wrong)],
    ['transport', () => round.transport(x, x, wrong)],
    ['difference', () => round.difference(x, wrong)],
  ])('are refused by %s', (operation, call) => {
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(new RegExp(`^sphere\\(3\\)\\.${operation}: expected points and tangents of one shape, got \\[3\\] and \\[4\\]`));
  });

  it('are refused by factors and by fixed-rank matrices', () => {
    const pairs = balancedFactors({ m: 5, n: 4, rank: 2, algebra: la });
    const other = balancedFactors({ m: 6, n: 4, rank: 2, algebra: la }).randomPoint(seededRandom(1));
    const pair = pairs.randomPoint(seededRandom(1));
    expect(() => pairs.norm(pair, other)).toThrow(/^balancedFactors\.norm: A must have shape \[5,2\], got \[6,2\]/);
    expect(() => pairs.inner(pair, other, other)).toThrow(/^balancedFactors\.inner: A must have shape \[5,2\], got \[6,2\]/);
    const matrices = fixedRank({ m: 5, n: 4, rank: 2, algebra: la });
    const point = matrices.randomPoint(seededRandom(1));
    const tangent = fixedRank({ m: 6, n: 4, rank: 2, algebra: la }).zeroTangent(
      fixedRank({ m: 6, n: 4, rank: 2, algebra: la }).randomPoint(seededRandom(1)),
    );
    expect(() => matrices.norm(point, tangent)).toThrow(/^fixedRank\.inner: Up must have shape \[5,2\], got \[6,2\]/);
    expect(() => matrices.transport(point, point, tangent)).toThrow(/^fixedRank\.transport: Up must have shape/);
  });
});

describe('a manifold that is not complete', () => {
  const [[, la]] = hostEngines;
  const parts = rays(la);
  it.each(['name', 'algebra', 'dim', 'checkPoint', 'project', 'retract', 'randomPoint'] as const)(
    'without %s is refused by name',
    (member) => {
      const { [member]: _, ...rest } = parts;
      const call = () => defineManifold(rest as never);
      expect(call).toThrow(ConfigError);
      expect(call).toThrow(new RegExp(`^defineManifold: expected a manifold with .*, got one without ${member}; write it$`));
    },
  );

  it.each([
    ['egrad2rgrad', 'egradToRgrad'],
    ['ehess2rhess', 'ehessToRhess'],
    ['typicaldist', 'typicalDist'],
    ['proj', 'project'],
    ['retr', 'retract'],
    ['random_point', 'randomPoint'],
    ['transp', 'transport'],
  ])('with %s is told to name it %s', (key, meant) => {
    expect(() => defineManifold({ ...parts, [key]: () => 0 })).toThrow(
      new RegExp(`^defineManifold: '${key}' would be ignored; name it ${meant}$`),
    );
    expect(() => defineManifold({ ...parts, note: 'mine', shape: [3] })).not.toThrow();
  });

  it('with an inner product of its own needs its own gradient', () => {
    expect(() => defineManifold({ ...parts, inner: () => 1 })).toThrow(/^defineManifold: expected egradToRgrad with an inner of its own/);
  });

  it('whose projection is no function is refused', () => {
    expect(() => defineManifold({ ...parts, project: 3 as never })).toThrow(/expected project to be a function, got 3/);
  });
});
