import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkGradient, checkHessian, checkJacobian, checkRetraction, type TaylorOptions } from '../../src/diagnostics/index.js';
import {
  balancedFactors,
  bures,
  ConfigError,
  DomainError,
  euclidean,
  factored,
  fixedRank,
  grassmann,
  type HostArray,
  hyperBalancedFactors,
  type Manifold,
  NotImplementedError,
  type Problem,
  product,
  qrRetraction,
  quotientFactors,
  scaleTree,
  seededRandom,
  stiefel,
} from '../../src/index.js';
import { balancedProblem, fixedRankProblem, la, stiefelProblem } from './quadratic-problems.js';

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

/** cᵀx + ½xᵀDx + offset on ℝ⁴, exact in its Taylor models. */
function euclideanProblem(quadratic: number, offset = 0): Problem<HostArray, HostArray> {
  const manifold = euclidean({ shape: [4] });
  const c = la.fromArray([1, -2, 0.5, 3], [4]);
  return {
    manifold,
    cost: (x) => la.inner(c, x) + 0.5 * quadratic * la.inner(x, x) + offset,
    gradient: { kind: 'riemannian', at: (x) => la.axpy(quadratic, x, c) },
    hessian: { kind: 'riemannian', at: (_x, u) => la.scale(quadratic, u) },
  };
}

describe('checkGradient', () => {
  it('finds slope 2 for gradients that are right', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        for (const check of [
          await checkGradient(fixedRankProblem(), { seed }),
          await checkGradient(balancedProblem(), { seed }),
          await checkGradient(stiefelProblem(), { seed }),
        ]) {
          expect(check, check.verdict).toMatchObject({ ok: true, exact: false, expectedSlope: 2 });
          expect(check.slope).toBeGreaterThan(1.9);
          expect(check.tangencyError).toBeLessThan(1e-12);
          const [first, last] = check.window ?? [0, 0];
          expect(last / first).toBeGreaterThan(8);
        }
      }),
      { numRuns: 8 },
    );
  });

  it('needs steps relative to σ_r at ill-conditioned points, and finds slope 2 with them', async () => {
    const problem = fixedRankProblem();
    const x = problem.manifold.randomPoint(seededRandom(1));
    const thin = { ...x, S: la.fromArray([1, 1e-2, 1e-4], [3]) };
    const check = await checkGradient(problem, { x: thin, scale: 1e-4, decades: 4 });
    expect(check, check.verdict).toMatchObject({ ok: true });
    expect(check.slope).toBeGreaterThan(1.9);
  });

  it.each([0.01, -1e-3, 1e-4])('refuses a gradient off by %d of itself, and says how far it is off', async (relative) => {
    const right = balancedProblem();
    const gradient = {
      kind: 'ambient',
      at: async (x: Parameters<typeof right.cost>[0]) => la.scale(1 + relative, (await right.gradient.at(x, undefined)) as HostArray),
    } as const;
    // Along the gradient, where a mistake of its length is the whole of the error; of 1e-4 little shows along a
    // direction that is nearly orthogonal to it.
    const x = right.manifold.randomPoint(seededRandom(1));
    const u = right.manifold.egradToRgrad(x, (await right.gradient.at(x, undefined)) as HostArray);
    const check = await checkGradient({ ...right, gradient }, { x, u });
    expect(check.ok).toBe(false);
    expect(check.slope).toBeCloseTo(1, 1);
    const size = /off by (\S+) of itself/.exec(check.verdict)?.[1];
    expect(Number(size) / Math.abs(relative)).toBeCloseTo(1, 1);
  });

  it('recognises a linear cost as exact', async () => {
    const check = await checkGradient(euclideanProblem(0));
    expect(check).toMatchObject({ ok: true, exact: true });
    expect(check.slope).toBeUndefined();
    expect(check.window).toBeUndefined();
    expect(check.verdict).toMatch(/exact to rounding/);
    expect(
      await checkGradient({ ...euclideanProblem(0), cost: () => 5, gradient: { kind: 'riemannian', at: () => la.full([4], 0) } }),
    ).toMatchObject({ ok: true, exact: true });
  });

  it('does not pass what rounding hides', async () => {
    const check = await checkGradient(euclideanProblem(1, 1e15));
    expect(check.ok).toBe(false);
    expect(check.verdict).toMatch(/inconclusive.*take constants out of the cost/);
  });

  it.each([1e9, 1e11, 1e13])('does not pass a mistake that rounding beside %d hides', async (offset) => {
    const right = euclideanProblem(1, offset);
    const off = {
      ...right,
      gradient: {
        kind: 'riemannian',
        at: async (x: HostArray) => la.scale(1 + 1e-2, (await right.gradient.at(x, undefined)) as HostArray),
      },
    } as const;
    expect((await checkGradient(off)).ok).toBe(false);
    // The quadratic term drowns before the linear one does.
    const flat = { ...right, hessian: { kind: 'riemannian', at: (_x: HostArray, u: HostArray) => la.scale(1.1, u) } } as const;
    const check = await checkHessian(flat, { scale: 1e-3, decades: 3 });
    expect(check.ok, check.verdict).toBe(false);
  });

  it('refuses costs that are NaN, have kinks, or random numbers in them', async () => {
    const right = euclideanProblem(1);
    const nan = await checkGradient({ ...right, cost: () => Number.NaN });
    expect(nan.ok).toBe(false);
    expect(nan.verdict).toMatch(/not finite: .* is NaN at t = 1.00e-8; pass a smaller scale, or a point well inside the domain/);
    const random = seededRandom(3);
    const noisy = await checkGradient({ ...right, cost: (x) => (right.cost(x, undefined) as number) + 0.1 * random.normal() });
    expect(noisy.ok).toBe(false);
    const x = la.full([4], 0);
    const kink = await checkGradient({ ...right, cost: (y) => la.toArray(y).reduce((sum, value) => sum + Math.abs(value), 0) }, { x });
    expect(kink.ok).toBe(false);
  });

  it('leaves out steps at which the cost leaves its domain', async () => {
    const manifold = euclidean({ shape: [1] });
    const logarithm: Problem<HostArray, HostArray> = {
      manifold,
      cost: (x) => Math.log(la.total(x)),
      gradient: { kind: 'riemannian', at: (x) => la.divide(la.full([1], 1), x) },
    };
    const [x, u] = [la.full([1], 0.3), la.full([1], -1)];
    const check = await checkGradient(logarithm, { x, u });
    expect(check.errors.some(Number.isNaN)).toBe(true);
    expect(check, check.verdict).toMatchObject({ ok: true });
  });

  it('refuses a gradient that is not tangent', async () => {
    const { hessian: _, ...right } = stiefelProblem();
    const check = await checkGradient({ ...right, gradient: { kind: 'riemannian', at: (x) => right.gradient.at(x, undefined) } });
    expect(check.ok).toBe(false);
    expect(check.tangencyError).toBeGreaterThan(1e-3);
    expect(check.verdict).toMatch(/the gradient is not tangent.*egradToRgrad/);
  });

  it('checks a stochastic cost on one batch', async () => {
    const manifold = euclidean({ shape: [4] });
    const random = seededRandom(4);
    const stochastic: Problem<HostArray, HostArray, HostArray, HostArray, HostArray, HostArray> = {
      manifold,
      nextBatch: () => la.randomNormal([4], random),
      cost: (x, batch) => Math.exp(la.inner(x, batch)),
      gradient: { kind: 'riemannian', at: (x, batch) => la.scale(Math.exp(la.inner(x, batch)), batch) },
    };
    const check = await checkGradient(stochastic);
    expect(check, check.verdict).toMatchObject({ ok: true });
  });
});

describe('checkHessian', () => {
  it('finds slope 3 for Hessians that are right', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        for (const check of [await checkHessian(fixedRankProblem(), { seed }), await checkHessian(stiefelProblem(), { seed })]) {
          expect(check, check.verdict).toMatchObject({ ok: true, curve: 'retraction', expectedSlope: 3 });
          expect(check.slope).toBeGreaterThan(2.9);
        }
      }),
      { numRuns: 6 },
    );
  });

  it('recognises linear and quadratic costs as exact', async () => {
    for (const curvature of [0, 2]) expect(await checkHessian(euclideanProblem(curvature))).toMatchObject({ ok: true, exact: true });
  });

  it('refuses a Hessian off by 1%, and the Euclidean one in place of the Riemannian', async () => {
    const right = stiefelProblem();
    const { manifold } = right;
    const project = (x: HostArray, z: HostArray): HostArray => manifold.toTangent(x, z);
    const euclideanHessian = async (x: HostArray, u: HostArray): Promise<HostArray> =>
      project(x, (await right.hessian?.at(x, u, undefined)) as HostArray);
    const curvatureForgotten = await checkHessian({ ...right, hessian: { kind: 'riemannian', at: euclideanHessian } });
    expect(curvatureForgotten.ok).toBe(false);
    expect(curvatureForgotten.slope).toBeCloseTo(2, 1);
    expect(curvatureForgotten.verdict).toMatch(/along u the Hessian is off by/);
    const scaled = await checkHessian({ ...euclideanProblem(2), hessian: { kind: 'riemannian', at: (_x, u) => la.scale(2.02, u) } });
    expect(scaled.ok).toBe(false);
    expect(scaled.verdict).toMatch(/off by 9.9\de-3 of itself/);
  });

  it('sends a wrong gradient to checkGradient', async () => {
    const check = await checkHessian({ ...euclideanProblem(2), gradient: { kind: 'riemannian', at: (x) => la.scale(1.9, x) } });
    expect(check.ok).toBe(false);
    expect(check.verdict).toMatch(/run checkGradient first/);
  });

  it('refuses Hessians that are not symmetric, not linear, or not tangent', async () => {
    const quadratic = euclideanProblem(2);
    const rotate = la.fromArray([2, 1, 0, 0, -1, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2], [4, 4]);
    const rotated = (_x: HostArray, u: HostArray): HostArray => la.reshape(la.matmul(rotate, la.reshape(u, [4, 1])), [4]);
    const asymmetric = await checkHessian({ ...quadratic, hessian: { kind: 'riemannian', at: rotated } });
    expect(asymmetric.ok).toBe(false);
    expect(asymmetric.verdict).toMatch(/not symmetric.*in the metric of the manifold/);
    const bent = await checkHessian({ ...quadratic, hessian: { kind: 'riemannian', at: (_x, u) => la.scale(2 * la.norm(u), u) } });
    expect(bent.ok).toBe(false);
    expect(bent.verdict).toMatch(/not linear/);
    const right = stiefelProblem();
    const leaning = async (x: HostArray, u: HostArray): Promise<HostArray> => {
      const [egrad, ehess] = [await right.gradient.at(x, undefined), (await right.hessian?.at(x, u, undefined)) as HostArray];
      return la.add(right.manifold.ehessToRhess?.(x, egrad, ehess, u) as HostArray, x);
    };
    const normal = await checkHessian({ ...right, hessian: { kind: 'riemannian', at: leaning } });
    expect(normal.ok).toBe(false);
    expect(normal.verdict).toMatch(/not tangent/);
  });

  it('follows geodesics where the retraction is of first order, and explains itself where there are none', async () => {
    const right = stiefelProblem();
    const { exp: _exp, ...withoutGeodesics } = stiefel({ m: 7, rank: 3, retraction: qrRetraction() });
    const firstOrder = { ...right, manifold: withoutGeodesics };
    const away = await checkHessian(firstOrder);
    expect(away).toMatchObject({ ok: false, curve: 'retraction' });
    expect(away.verdict).toMatch(/no proof of a mistake: the retraction is of first order, there is no exp, and x is not a critical point/);
    const subspaces = grassmann({ m: 7, rank: 3 });
    const projected: Problem<HostArray, HostArray> = {
      ...right,
      manifold: { ...subspaces, retractionOrder: 1 },
      cost: (x) => 0.5 * la.inner(x, la.scaleRows(weights, x)),
      gradient: { kind: 'ambient', at: (x) => la.scaleRows(weights, x) },
      hessian: { kind: 'ambient', at: (_x, u) => la.scaleRows(weights, u) },
    };
    const along = await checkHessian(projected);
    expect(along, along.verdict).toMatchObject({ ok: true, curve: 'geodesic' });
    const critical = await checkHessian(firstOrder, { x: await eigenvectors(right) });
    expect(critical, critical.verdict).toMatchObject({ ok: true, curve: 'retraction' });
  });

  it('needs a Hessian', async () => {
    await expect(checkHessian(balancedProblem())).rejects.toThrow(NotImplementedError);
  });
});

const weights = la.fromArray([1, 2, 3, 4, 5, 6, 7], [7]);

/**
 * A critical point of the Stiefel problem: eigenvectors of C, read off the Euclidean Hessian, which does not depend on
 * the point.
 */
async function eigenvectors(problem: Problem<HostArray, HostArray>): Promise<HostArray> {
  const images: HostArray[] = [];
  for (let i = 0; i < 7; i++) {
    // The third column has weight one: C e_i.
    const probe = la.fromArray(
      Float64Array.from({ length: 21 }, (_, k) => (k === 3 * i + 2 ? 1 : 0)),
      [7, 3],
    );
    const image = (await problem.hessian?.at(probe, probe, undefined)) as HostArray;
    images.push(la.slice(image, { columns: [2, 3] }));
  }
  return la.slice(la.eigh(la.concat(images, 'columns')).vectors, { columns: [0, 3] });
}

describe('checkRetraction', () => {
  it('finds the order that each retraction claims', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const manifolds = [
          checkRetraction(fixedRank({ m: 7, n: 5, rank: 2, metric: bures(), retraction: factored() }), { seed }),
          checkRetraction(fixedRank({ m: 7, n: 5, rank: 2, retraction: factored() }), { seed }),
          checkRetraction(balancedFactors({ m: 7, n: 5, rank: 2, batch: [3] }), { seed }),
          checkRetraction(quotientFactors({ m: 7, n: 5, rank: 2 }), { seed }),
          checkRetraction(product({ q: stiefel({ m: 5, rank: 2 }), v: euclidean({ shape: [3] }) }), { seed }),
        ];
        for (const check of await Promise.all(manifolds)) {
          expect(check, check.verdict).toMatchObject({ ok: true });
          expect(check.slope).toBeGreaterThan(check.expectedSlope - 0.1);
        }
      }),
      { numRuns: 6 },
    );
    expect(await checkRetraction(euclidean({ shape: [2, 3] }))).toMatchObject({ ok: true, exact: true });
  });

  it('needs a scale of √σ_r on ill-conditioned balanced factors, and finds slope 3 with it', async () => {
    const manifold = balancedFactors({ m: 7, n: 5, rank: 3 });
    const { U, V } = fixedRank({ m: 7, n: 5, rank: 3 }).randomPoint(seededRandom(2));
    const x = hyperBalancedFactors(la, { U, V, S: la.fromArray([1, 1e-2, 1e-4], [3]) });
    const check = await checkRetraction(manifold, { x, scale: 1e-2, decades: 6 });
    expect(check, check.verdict).toMatchObject({ ok: true, expectedSlope: 3 });
    expect(check.slope).toBeGreaterThan(2.9);
  });

  it('refuses wrong curvature, wrong speed, and a retraction that does not start at x', async () => {
    const right = stiefel({ m: 7, rank: 3 });
    const curved = await checkRetraction({ ...right, retract: stiefel({ m: 7, rank: 3, retraction: qrRetraction() }).retract });
    expect(curved.ok).toBe(false);
    expect(curved.slope).toBeCloseTo(2, 1);
    expect(curved.verdict).toMatch(/of first order, but claims the second; set retractionOrder: 1/);
    const fast = await checkRetraction({ ...right, retract: (x, u, t = 1) => right.retract(x, u, 1.01 * t) });
    expect(fast.ok).toBe(false);
    expect(fast.verdict).toMatch(/its derivative at 0 is not the identity: it leaves tu by 1.00e-2/);
    const space = euclidean({ shape: [3] });
    const shifted = await checkRetraction({ ...space, retract: (x, u, t = 1) => la.axpy(t, u, la.axpy(1e-3, la.full([3], 1), x)) });
    expect(shifted.ok).toBe(false);
    expect(shifted.zeroError).toBeCloseTo(1e-3 * Math.sqrt(3), 12);
    expect(shifted.verdict).toMatch(/R_x\(0\) is not x/);
    const broken: Manifold<HostArray, HostArray> = { ...space, retract: (x) => la.scale(Number.NaN, x) };
    expect((await checkRetraction(broken)).verdict).toMatch(/not finite/);
  });
});

describe('bad input', () => {
  const problem = euclideanProblem(1);
  const { manifold } = problem;
  it.each<[string, TaylorOptions<HostArray, HostArray>, RegExp]>([
    ['scale', { scale: 0 }, /checkGradient: scale must be a finite number above 0, got 0/],
    ['decades', { decades: Number.NaN }, /checkGradient: decades must be a finite number at least 1, got NaN/],
    ['count', { count: 3 }, /checkGradient: count must be a finite number at least 8, got 3/],
    ['slopeTolerance', { slopeTolerance: 2 }, /checkGradient: slopeTolerance must be .* below 1, got 2/],
    ['unknown', { step: 1 } as never, /unknown option 'step'; the options are x, u, seed/],
    ['direction', { u: la.full([4], 0) }, /positive finite norm, got norm 0; pass another u/],
    ['point', { x: la.full([3], 0) }, /the point must have shape \[4\], got \[3\]/],
    ['NaN point', { x: la.full([4], Number.NaN) }, /NaN or infinite entry/],
  ])('is refused: %s', async (_name, options, message) => {
    await expect(checkGradient(problem, options)).rejects.toThrow(message);
  });

  it('is refused: what is no problem, no manifold, or has no dimension', async () => {
    await expect(checkGradient(undefined as never)).rejects.toThrow(ConfigError);
    await expect(checkHessian({ manifold } as never)).rejects.toThrow(/'cost' must be a function/);
    await expect(checkRetraction(3 as never)).rejects.toThrow(/checkRetraction: expected a manifold, got 3; make one with/);
    const subspaces = grassmann({ m: 3, rank: 2 });
    const still = { ...subspaces, dim: 0, randomTangent: async (x: HostArray) => subspaces.zeroTangent(x) };
    await expect(checkRetraction(still)).rejects.toThrow(DomainError);
  });

  it('takes a direction of any length', async () => {
    const right = stiefelProblem();
    const x = right.manifold.randomPoint(seededRandom(1));
    const u = await right.manifold.randomTangent(x, seededRandom(2));
    const [unit, long] = [await checkGradient(right, { x, u }), await checkGradient(right, { x, u: scaleTree(la, 1e3, u) })];
    expect(long.slope).toBeCloseTo(unit.slope ?? 0, 2);
  });
});

describe('checkJacobian', () => {
  const manifold = stiefel({ m: 6, rank: 2 });
  const weights = la.randomNormal([5, 6], seededRandom(1));
  const image = (x: HostArray): HostArray => la.matmul(weights, x);
  /** The squares of the entries of W X, [5, 2]. */
  const vector = {
    at: (x: HostArray) => la.multiply(image(x), image(x)),
    jvp: (x: HostArray, u: HostArray) => la.scale(2, la.multiply(image(x), image(u))),
    vjp: {
      kind: 'ambient' as const,
      at: (x: HostArray, w: HostArray) => la.scale(2, la.matmul(weights, la.multiply(image(x), w), { transposeA: true })),
    },
  };

  it('accepts products that are right, with and without jvp', async () => {
    const both = await checkJacobian(manifold, vector);
    expect(both, both.verdict).toMatchObject({ ok: true, expectedSlope: 2 });
    expect(both.adjointError).toBeLessThan(1e-13);
    const { jvp: _jvp, ...transposed } = vector;
    const one = await checkJacobian(manifold, transposed);
    expect(one, one.verdict).toMatchObject({ ok: true, adjointError: 0 });
  });

  it('names the product that is wrong', async () => {
    const badJvp = await checkJacobian(manifold, { ...vector, jvp: (x, u) => la.scale(1.01, vector.jvp(x, u)) });
    expect(badJvp.ok).toBe(false);
    expect(badJvp.verdict).toMatch(/^Jacobian: wrong: .*the formula of jvp.*not adjoint/);
    const badVjp = await checkJacobian(manifold, { ...vector, vjp: { kind: 'riemannian', at: vector.vjp.at } });
    expect(badVjp.ok).toBe(false);
    expect(badVjp.verdict).toMatch(/^Jacobian: correct to the order required.*J\*w is not tangent/);
    const transposed = {
      ...vector,
      vjp: { kind: 'ambient' as const, at: (x: HostArray, w: HostArray) => la.scale(-1, vector.vjp.at(x, w)) },
    };
    const wrong = await checkJacobian(manifold, transposed);
    expect(wrong.ok).toBe(false);
    expect(wrong.verdict).toMatch(/^Jacobian: correct to the order required.*jvp and vjp are not adjoint/);
    const { jvp: _jvp, ...alone } = transposed;
    expect((await checkJacobian(manifold, alone)).verdict).toMatch(/^Jacobian: wrong: .*vjp\.kind/);
    await expect(checkJacobian(manifold, (() => 0) as never)).rejects.toThrow(
      /^checkJacobian: the function must be a vector-valued function/,
    );
  });
});
