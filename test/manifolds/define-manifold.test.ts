/** Manifolds from seven members: their defaults obey the laws, on one array and on trees of arrays. */
import { describe, expect, it } from 'vitest';
import { checkManifold } from '../../src/diagnostics/index.js';
import {
  ConfigError,
  defineManifold,
  gradientNormBelow,
  type LinearAlgebra,
  type ManifoldParts,
  minimize,
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

  it('with an inner product of its own needs its own gradient', () => {
    expect(() => defineManifold({ ...parts, inner: () => 1 })).toThrow(/^defineManifold: expected egradToRgrad with an inner of its own/);
  });

  it('whose projection is no function is refused', () => {
    expect(() => defineManifold({ ...parts, project: 3 as never })).toThrow(/expected project to be a function, got 3/);
  });
});
