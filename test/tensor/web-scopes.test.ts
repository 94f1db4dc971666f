/**
 * Scopes where nobody tells asynchronous computations apart, as in a page; test/tensor/memory.test.ts has the others.
 */
import { dispose, type Tensor } from '@tensorflow/tfjs-core';
import { expect, it, vi } from 'vitest';

vi.mock('#platform/linalg/tensor/scope-context', () => import('../../src/linalg/tensor/scope-context.web.js'));

const { BackendError, balancedFactors, constantStep, gradientDescent, iterate, maxIterations, minimize, product, seededRandom } =
  await import('../../src/index.js');
const { createScopeContext } = await import('../../src/linalg/tensor/scope-context.web.js');
const { liveTensors, tensorEngines } = await import('../support/engines.js');

const [[, la]] = tensorEngines;
const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
const manifold = balancedFactors({ m: 6, n: 5, rank: 2, algebra: la });
type Pair = { A: Tensor; B: Tensor };

function problemTo(goal: Tensor) {
  const residual = (x: Pair): Tensor => la.subtract(manifold.toMatrix(x), goal);
  return {
    manifold,
    async cost(x: Pair) {
      await later();
      return 0.5 * (await la.norm(residual(x))) ** 2;
    },
    gradient: { kind: 'ambient', at: residual },
  } as const;
}

it('free what asynchronous computations within one another allocate, except results', async () => {
  const before = liveTensors();
  const result = await la.tidy(async () => {
    const x = la.full([2, 3], 1);
    await later();
    const y = await la.tidy(async () => {
      const inner = la.add(x, x);
      await later();
      return la.add(inner, x);
    });
    await later();
    return la.tidy(() => la.add(y, la.scale(2, x)));
  });
  expect(await la.toArray(result)).toEqual(new Float64Array(6).fill(5));
  expect(liveTensors()).toBe(before + 1);
  dispose(result);
});

it('free everything where a computation fails, now or later, and go on as before', async () => {
  const before = liveTensors();
  const fail = (): never => {
    la.full([3, 2], 1);
    throw new Error('as expected');
  };
  for (let attempt = 0; attempt < 2; attempt++) {
    expect(() => la.tidy(fail)).toThrow('as expected');
    await expect(la.tidy(async () => later().then(fail))).rejects.toThrow('as expected');
  }
  expect(liveTensors()).toBe(before);
});

it('hold as many tensors after 200 steps as after 2, with computations of the caller between two steps', async () => {
  const goal = la.tidy(() => manifold.toMatrix(manifold.randomPoint(seededRandom(7))));
  const before = liveTensors();
  const counts: number[] = [];
  for await (const { iteration } of iterate(problemTo(goal), { seed: 3, solver: gradientDescent({ stepSize: constantStep(0.01) }) })) {
    counts.push(liveTensors() - before);
    dispose(await la.tidy(async () => later().then(() => la.full([2], 1))));
    if (iteration === 200) break;
  }
  expect(counts.length).toBe(201);
  expect([...new Set(counts.slice(2))]).toEqual([counts[2]]);
  await la.tidy(async () => {
    const inner = await minimize(problemTo(goal), { seed: 4, stop: maxIterations(3) });
    expect(inner.x.A.isDisposed).toBe(false);
  });
  goal.dispose();
});

it('refuse computations that take turns, and say how to run them', async () => {
  const goal = la.tidy(() => manifold.toMatrix(manifold.randomPoint(seededRandom(7))));
  const run = () => minimize(problemTo(goal), { seed: 3, stop: maxIterations(4) });
  const outcomes = await Promise.allSettled([run(), run()]);
  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
  expect(refused.length).toBeGreaterThan(0);
  expect(refused[0]).toBeInstanceOf(BackendError);
  expect(refused[0].message).toMatch(/^tensorAlgebra: expected .* one after another.*; await the first, or run one of them in a worker$/);
  // Afterwards all is as before.
  const before = liveTensors();
  await la.tidy(async () => {
    await run();
  });
  expect(liveTensors()).toBe(before);
  goal.dispose();
});

it('wait for numbers of a device in any order, as for the norms of the components of a product', async () => {
  let wait = 0;
  const norm = async (x: Tensor): Promise<number> => {
    const known = la.norm(x);
    for (let turn = ++wait; turn > 0; turn--) await later();
    return known;
  };
  const part = balancedFactors({ m: 6, n: 5, rank: 2, algebra: { ...la, readsSynchronously: false, norm } });
  const { norm: whole } = product({ a: part, b: part, c: part });
  const u = { A: la.full([6, 2], 1), B: la.full([2, 5], 1) };
  expect(await whole({ a: u, b: u, c: u }, { a: u, b: u, c: u })).toBeCloseTo(Math.sqrt(3 * 22), 5);
  dispose(u);
});

it('leave the stack empty, whoever finishes first', async () => {
  const context = createScopeContext<string>();
  const first = context.run('first', () => later().then(later).then(later));
  const second = context.run('second', () => later());
  expect(context.current()).toBe('second');
  await second;
  expect(context.current()).toBe('first');
  await first;
  const [early, late] = [context.run('early', () => later()), context.run('late', () => later().then(later).then(later))];
  await early;
  expect(context.current()).toBe('late');
  await late;
  expect(context.current()).toBeUndefined();
  const third = context.run('third', () => later());
  const fourth = context.run('fourth', () => later().then(later).then(later));
  expect(context.owner()).toBe('fourth');
  await expect(third).rejects.toThrow(BackendError);
  expect(context.current()).toBe('fourth');
  await fourth;
  expect(context.current()).toBeUndefined();
});
