/**
 * Trust regions: quadratic convergence to the accuracy of the gradient, what a step costs, saddles, interruption,
 * resumption, device memory.
 */

import {
  any,
  balancedFactors,
  ConfigError,
  costBelow,
  euclidean,
  type FactorPair,
  gradientNormBelow,
  type HostArray,
  hostAlgebra,
  iterate,
  maxIterations,
  minimize,
  type Problem,
  product,
  relativeGradientNormBelow,
  seededRandom,
  sphere,
  square,
  type TrustRegionsOptions,
  trustRegions,
} from 'bures';
import { describe, expect, it, vi } from 'vitest';
import { allEngines, hostEngines, liveTensors, tensorEngines } from '../support/engines.js';
import { type AnyProblem, approximation, completion, quarticBowl, secondOrderProblems, sizes } from './second-order-problems.js';

const host = hostAlgebra();

/** The share of the first gradient norm that an engine's gradients can fall to. */
const reachable = (la: { readonly epsilon: number }): number => (la.epsilon < 1e-10 ? 1e-9 : 1e-4);

describe.each(allEngines)('on %s', (_engine, la) => {
  it.each(secondOrderProblems(la))('$name: converges, with exact products and with differences of gradients', async ({ make }) => {
    await la.tidy(async () => {
      const { problem, initial } = make();
      const { hessian: _exact, ...withoutHessian } = problem;
      for (const tried of [problem, withoutHessian as AnyProblem<unknown>]) {
        const stop = any(relativeGradientNormBelow(reachable(la)), maxIterations(60));
        const { converged, stopReason, history } = await minimize(tried, { solver: trustRegions(), initial, stop });
        expect(stopReason).toMatch(/gradient norm .* × the initial/);
        expect(converged).toBe(true);
        // Never uphill, but for what the rounding of the cost hides.
        history.slice(1).forEach(({ cost }, k) => {
          expect(cost).toBeLessThanOrEqual(history[k].cost + 16 * la.epsilon * Math.abs(history[k].cost));
        });
      }
    });
  });
});

describe.each(hostEngines)('on %s', (_engine, la) => {
  it.each(secondOrderProblems(la).filter(({ isolated }) => isolated))('$name: the last steps are of second order', async ({ make }) => {
    const { problem, initial } = make();
    const { history } = await minimize(problem, {
      solver: trustRegions(),
      initial,
      stop: any(relativeGradientNormBelow(1e-12), maxIterations(60)),
    });
    const relative = history.map(({ gradientNorm }) => gradientNorm / history[0].gradientNorm);
    expect(relative.at(-1)).toBeLessThan(1e-12);
    // The order p of ‖g₊‖ ≈ C‖g‖^p, of three norms that follow each other, the last above rounding; the two before it
    // small enough for the quadratic to rule.
    const orders = relative
      .slice(2)
      .flatMap((last, k) =>
        relative[k] < 5e-2 && last > 1e-15 ? [Math.log(last / relative[k + 1]) / Math.log(relative[k + 1] / relative[k])] : [],
      );
    expect(orders.at(-1)).toBeGreaterThan(1.8);
    // From 1e-4 on, one step more is enough for 1e-9.
    expect(relative.filter((norm) => norm < 1e-4 && norm > 1e-9).length).toBeLessThanOrEqual(2);
  });

  it('runs on products of which a component has no zero to be measured from', async () => {
    const manifold = product({ direction: sphere({ shape: [4], algebra: la }), offset: euclidean({ shape: [3], algebra: la }) });
    type Point = { readonly direction: HostArray; readonly offset: HostArray };
    const [goal, bias] = [la.fromArray([1, 2, 3, 4], [4]), la.fromArray([5, 6, 7], [3])];
    const { x, converged } = await minimize(
      {
        manifold,
        cost: (at: Point) => 0.5 * la.norm(la.subtract(at.offset, bias)) ** 2 - la.inner(goal, at.direction),
        gradient: { kind: 'ambient', at: (at: Point) => ({ direction: la.scale(-1, goal), offset: la.subtract(at.offset, bias) }) },
      },
      { solver: trustRegions(), seed: 1 },
    );
    expect(converged).toBe(true);
    expect(x.offset).toBeAllClose([5, 6, 7], 1e-6);
  });

  it('the result says where Hessian products were differences of gradients', async () => {
    const problem = quarticBowl(la);
    const { hessian: _exact, ...without } = problem;
    const options = { solver: trustRegions(), stop: maxIterations(1), seed: 1 };
    expect((await minimize(problem, options)).solver).toBe('trustRegions');
    expect((await minimize(without as typeof problem, options)).solver).toBe('trustRegions (Hessian products by differences of gradients)');
    expect((await minimize(problem, { stop: maxIterations(1) })).solver).toBe('gradientDescent(sgd, armijo)');
  });

  it('theta is the order less one', async () => {
    const last = async (options: TrustRegionsOptions) => {
      const initial = la.fromArray([3, -2, 1, 2, -1, 1, 1], [7]);
      const stop = any(relativeGradientNormBelow(1e-11), maxIterations(60));
      return (await minimize(quarticBowl(la), { solver: trustRegions(options), initial, stop })).iterations;
    };
    expect(await last({ theta: 0 })).toBeGreaterThan((await last({ theta: 1 })) + 2);
  });

  it('a step costs its Hessian products: gradients once a point, costs once a region, products counted', async () => {
    const stated = completion(la, balancedFactors({ ...sizes, algebra: la }));
    const cost = vi.fn(stated.cost);
    const gradient = vi.fn(stated.gradient.at);
    const hessian = vi.fn((stated.hessian as NonNullable<typeof stated.hessian>).at);
    const problem = {
      ...stated,
      cost,
      gradient: { kind: 'ambient', at: gradient },
      hessian: { kind: 'ambient', at: hessian },
    } as typeof stated;
    const stop = any(relativeGradientNormBelow(1e-6), maxIterations(60));
    const { iterations, state } = await minimize(problem, { solver: trustRegions({ saddleProducts: 0 }), seed: 3, stop });
    expect(iterations).toBeGreaterThan(3);
    expect(gradient).toHaveBeenCalledTimes(iterations + 1);
    expect(new Set(gradient.mock.calls.map(([x]) => x)).size).toBe(iterations + 1);
    expect(new Set(cost.mock.calls.map(([x]) => x)).size).toBe(cost.mock.calls.length);
    expect(hessian).toHaveBeenCalledTimes(state.memory.trustRegions.numbers.products);
    // All products of a step are at its one point, also those of regions tried after a rejection.
    expect(new Set(hessian.mock.calls.map(([x]) => x)).size).toBe(iterations);
  });

  it('after a rejected step it goes back along the known path: smaller regions cost no products', async () => {
    const problem = quarticBowl(la);
    const cost = vi.fn(problem.cost);
    const hessian = vi.fn((problem.hessian as NonNullable<typeof problem.hessian>).at);
    const tried = { ...problem, cost, hessian: { kind: 'riemannian', at: hessian } } as typeof problem;
    const initial = la.fromArray([1e-3, -1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3], [7]);
    // A cost with a wall, of which the model at the start knows nothing.
    const walled = { ...tried, cost: async (x: HostArray) => (await cost(x, undefined)) + ((await la.norm(x)) > 0.01 ? 1e6 : 0) };
    const solver = trustRegions({ initialRadius: 10, kappa: 1e-6 });
    const { state } = await minimize(walled, { solver, initial, stop: maxIterations(1) });
    expect(state.iteration).toBe(1);
    expect(cost.mock.calls.length).toBeGreaterThan(4);
    expect(hessian.mock.calls.length).toBeLessThanOrEqual(7);
    expect(hessian).toHaveBeenCalledTimes(state.memory.trustRegions.numbers.products);
    expect(await la.norm(state.x)).toBeGreaterThan(0.01 / 8);
  });

  it('a preconditioner saves products, and changes nothing else', async () => {
    const shape = [40];
    const lambda = la.fromArray(
      Array.from({ length: 40 }, (_, i) => 10 ** (i / 8)),
      shape,
    );
    const stated: Problem<HostArray, HostArray> = {
      manifold: euclidean({ shape, algebra: la }),
      cost: (x) => 0.5 * (la.inner(x, la.multiply(lambda, x)) as number) + 0.25 * (la.norm(square(la, x)) as number) ** 2,
      gradient: { kind: 'riemannian', at: (x) => la.add(la.multiply(lambda, x), la.multiply(square(la, x), x)) },
      hessian: { kind: 'riemannian', at: (x, u) => la.multiply(la.axpy(3, square(la, x), lambda), u) },
    };
    const productsOf = async (problem: typeof stated) => {
      const stop = any(relativeGradientNormBelow(1e-9), maxIterations(80));
      const { converged, state, cost } = await minimize(problem, { solver: trustRegions(), initial: la.full(shape, 1), stop });
      expect(converged).toBe(true);
      expect(cost).toBeLessThan(1e-8);
      return state.memory.trustRegions.numbers.products;
    };
    const preconditioned = { ...stated, preconditioner: { at: (_x: HostArray, u: HostArray) => la.divide(u, lambda) } };
    expect(await productsOf(preconditioned)).toBeLessThan(0.3 * (await productsOf(stated)));
  });

  it('resumes from a state that was stored', async () => {
    const problem = completion(la, balancedFactors({ ...sizes, algebra: la }));
    const whole = await minimize(problem, { solver: trustRegions(), seed: 3, stop: maxIterations(8) });
    const half = await minimize(problem, { solver: trustRegions(), seed: 3, stop: maxIterations(3) });
    const rest = await minimize(problem, { solver: trustRegions(), state: structuredClone(half.state), stop: maxIterations(8) });
    expect(rest.cost).toBe(whole.cost);
    expect(rest.state.memory.trustRegions.numbers).toEqual(whole.state.memory.trustRegions.numbers);
  });
});

describe('saddles', () => {
  const la = host;
  const manifold = euclidean({ shape: [2], algebra: la });
  /** ½x² − ½y² + ¼y⁴: a saddle at zero, minima at y = ±1 of cost −¼. */
  const problem: Problem<HostArray, HostArray> = {
    manifold,
    cost: (p) => {
      const [x, y] = la.toArray(p) as Float64Array;
      return 0.5 * x * x - 0.5 * y * y + 0.25 * y ** 4;
    },
    gradient: {
      kind: 'riemannian',
      at: (p) => {
        const [x, y] = la.toArray(p) as Float64Array;
        return la.fromArray([x, y ** 3 - y], [2]);
      },
    },
    hessian: {
      kind: 'riemannian',
      at: (p, u) => {
        const y = (la.toArray(p) as Float64Array)[1];
        return la.multiply(la.fromArray([1, 3 * y * y - 1], [2]), u);
      },
    },
  };
  const { hessian: _exact, ...differences } = problem;
  const saddle = la.fromArray([0, 0], [2]);

  it.each([
    ['exact products', problem],
    ['differences of gradients', differences],
  ])('started at one, leaves it whether a rule calls it success or none does: %s', async (_name, tried) => {
    for (const stop of [any(gradientNormBelow(1e-10), maxIterations(50)), any(costBelow(-0.25 + 1e-12), maxIterations(50))]) {
      const result = await minimize(tried, { solver: trustRegions(), initial: saddle, stop });
      expect(result.converged).toBe(true);
      expect(result.cost).toBeCloseTo(-0.25, 11);
    }
  });

  it('drawn into one along its stable manifold, leaves it', async () => {
    const initial = la.fromArray([3, 0], [2]);
    const result = await minimize(problem, { solver: trustRegions(), initial, stop: any(gradientNormBelow(1e-10), maxIterations(50)) });
    expect(result.cost).toBeCloseTo(-0.25, 11);
  });

  it('with saddleProducts 0 takes a stationary point for what the rule says', async () => {
    const result = await minimize(problem, { solver: trustRegions({ saddleProducts: 0 }), initial: saddle });
    expect(result).toMatchObject({ converged: true, iterations: 0 });
  });

  it('a rule that judges the cost ends a run at a saddle too', async () => {
    const result = await minimize(problem, { solver: trustRegions(), initial: saddle, stop: costBelow(1) });
    expect(result).toMatchObject({ converged: true, iterations: 0 });
  });

  it('at a minimum with zero gradient it says so', async () => {
    const minimum = la.fromArray([0, 1], [2]);
    const result = await minimize(problem, { solver: trustRegions(), initial: minimum, stop: maxIterations(5) });
    expect(result).toMatchObject({ converged: false, iterations: 0 });
    expect(result.stopReason).toMatch(/gradient is zero, and no negative curvature was found/);
  });

  it('a loop of one’s own sees the saddle and then the way out', async () => {
    const costs: number[] = [];
    for await (const { cost } of iterate(problem, { solver: trustRegions(), initial: saddle })) {
      costs.push(cost);
      if (costs.length === 5) break;
    }
    expect(costs[0]).toBe(0);
    expect(costs.at(-1)).toBeLessThan(-0.1);
  });
});

describe('ends', () => {
  it('a wrong Hessian and a wrong gradient stall, with a reason', async () => {
    const stated = quarticBowl(host);
    const wrong = {
      ...stated,
      gradient: { kind: 'riemannian', at: async (x: HostArray) => host.scale(-1, (await stated.gradient.at(x, undefined)) as HostArray) },
    } as typeof stated;
    const { converged, stopReason } = await minimize(wrong, { solver: trustRegions(), seed: 1, stop: maxIterations(50) });
    expect(converged).toBe(false);
    expect(stopReason).toMatch(/trustRegions: no decrease in any region.*checkGradient, checkHessian/);
  });

  it('a signal is honoured within a step, which is then not taken', async () => {
    const shape = [2000];
    const lambda = host.fromArray(
      Array.from({ length: 2000 }, (_, i) => 1 + i ** 2),
      shape,
    );
    const controller = new AbortController();
    let products = 0;
    const problem: Problem<HostArray, HostArray> = {
      manifold: euclidean({ shape, algebra: host }),
      cost: (x) => 0.5 * (host.inner(x, host.multiply(lambda, x)) as number),
      gradient: { kind: 'riemannian', at: (x) => host.multiply(lambda, x) },
      hessian: {
        kind: 'riemannian',
        at: (_x, u) => {
          if (++products === 20) controller.abort('enough');
          return host.multiply(lambda, u);
        },
      },
    };
    const solver = trustRegions({ kappa: 1e-12, initialRadius: 1e9 });
    const result = await minimize(problem, { solver, seed: 1, signal: controller.signal, stop: maxIterations(3) });
    expect(result.stopReason).toBe('aborted after iteration 0: enough');
    expect(products).toBe(20);
    expect(result.state.iteration).toBe(0);
  });

  it('refuses a cost that changes with the batch, and options out of range', async () => {
    const stated = quarticBowl(host);
    const stochastic = { ...stated, nextBatch: () => undefined };
    await expect(minimize(stochastic, { solver: trustRegions() })).rejects.toThrow(/trustRegions: it compares costs.*svrg/);
    for (const options of [{ theta: -1 }, { kappa: 1 }, { acceptance: 0.25 }, { initialRadius: 0 }, { maxInner: 0 }, { radius: 1 }]) {
      expect(() => trustRegions(options as TrustRegionsOptions)).toThrow(ConfigError);
    }
  });
});

describe.each(tensorEngines)('device memory on %s', (_name, la) => {
  it('holds within a step what the path needs, and after a run the state', async () => {
    const manifold = balancedFactors({ ...sizes, algebra: la });
    const problem = completion(la, manifold);
    const initial = la.tidy(() => manifold.randomPoint(seededRandom(3)));
    const before = liveTensors();
    const counts: number[] = [];
    const along = (problem.hessian as NonNullable<typeof problem.hessian>).at;
    const watched: typeof problem = {
      ...problem,
      hessian: {
        kind: 'ambient',
        at: (x: FactorPair<never>, u: FactorPair<never>) => {
          counts.push(liveTensors() - before);
          return along(x as never, u as never, undefined);
        },
      } as typeof problem.hessian & object,
    };
    const { state } = await minimize(watched, { solver: trustRegions({ kappa: 1e-3 }), initial, stop: maxIterations(12) });
    expect(counts.length).toBeGreaterThan(20);
    // Dozens of products a step, each of which allocates about a hundred arrays.
    expect(Math.max(...counts)).toBeLessThan(400);
    // Point and gradient, two arrays each, and nothing in memory; the observed values are the problem's.
    expect(liveTensors()).toBe(before + 4);
    expect(Object.keys(state.memory.trustRegions.tangents)).toEqual([]);
  });

  it('leaves nothing behind after an interruption and a saddle', async () => {
    const manifold = balancedFactors({ ...sizes, algebra: la });
    const problem = approximation(la, manifold);
    const start = la.tidy(() => {
      const { A, B } = manifold.randomPoint(seededRandom(3));
      const mask = la.fromArray([1, 1, 0], [3]);
      return { A: la.scaleColumns(A, mask), B: la.scaleRows(mask, B) };
    });
    const controller = new AbortController();
    const before = liveTensors();
    await la.tidy(async () => {
      const stop = any(relativeGradientNormBelow(1e-3), maxIterations(40));
      const { iterations } = await minimize(problem, {
        solver: trustRegions(),
        initial: start,
        stop,
        signal: controller.signal,
        onIteration: ({ iteration }) => iteration === 30 && controller.abort('enough'),
      });
      expect(iterations).toBeGreaterThan(3);
    });
    expect(liveTensors()).toBe(before);
  });
});

it.each([1e-150, 1, 1e160, 1e200])('leaves a saddle of a cost of size %d', async (scale) => {
  const plane = euclidean({ shape: [2] });
  const at = (x: HostArray, apply: (a: number, b: number) => number[]) =>
    host.fromArray(apply(host.toArray(x)[0], host.toArray(x)[1]), [2]);
  const { cost } = await minimize(
    {
      manifold: plane,
      cost: (y) => host.total(at(y, (a, b) => [scale * 0.5 * a * a, scale * (0.25 * b ** 4 - 0.5 * b * b)])),
      gradient: { kind: 'ambient', at: (y) => at(y, (a, b) => [scale * a, scale * (b ** 3 - b)]) },
      hessian: {
        kind: 'ambient',
        at: (y, u) =>
          host.multiply(
            at(y, (_a, b) => [scale, scale * (3 * b * b - 1)]),
            u,
          ),
      },
    },
    { solver: trustRegions(), initial: host.full([2], 0), stop: any(gradientNormBelow(1e-6 * scale), maxIterations(60)) },
  );
  // Down from 0, to the minimum of −scale/4 where squares of gradients are numbers.
  expect(cost / scale).toBeLessThan(scale < 1e150 ? -0.2499 : -0.01);
});
