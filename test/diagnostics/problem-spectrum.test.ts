/** Tangent bases and Hessian spectra on every manifold of the library. */
import {
  ConfigError,
  DomainError,
  euclidean,
  type HostArray,
  hostAlgebra,
  type Manifold,
  NumericalError,
  type Problem,
  seededRandom,
  sphere,
} from 'bures';
import { hessianSpectrum, tangentBasis } from 'bures/diagnostics';
import { describe, expect, it } from 'vitest';
import type { Shape } from '../laws/specimen-kinds.js';
import { specimens } from '../laws/specimens.js';
import { allEngines } from '../support/engines.js';
import { withEigenvalues } from '../support/matrices.js';

const la = hostAlgebra({ blas: 'off' });
const shape: Shape = { m: 5, n: 4, r: 2, batch: [] };

describe.each(allEngines)('on %s', (_engine, engine) => {
  it.each(specimens)('%s: the basis is orthonormal in the metric, and tangent', async (_name, make) => {
    await engine.tidy(async () => {
      const { manifold, point } = make(engine, shape);
      const x = point(Float64Array.of(2, 0.5), seededRandom(3));
      const basis = await tangentBasis(manifold, x);
      expect(basis).toHaveLength(manifold.dim);
      for (const [i, u] of basis.entries()) {
        expect(Math.abs((await manifold.norm(x, u)) - 1)).toBeLessThan(1e3 * engine.epsilon);
        const v = basis[(i + 3) % basis.length];
        if (v !== u) expect(Math.abs(await manifold.inner(x, u, v))).toBeLessThan(1e3 * engine.epsilon);
      }
    });
  });
});

/** ½xᵀAx with A of these eigenvalues, on the sphere. */
function quotientOf(eigenvalues: readonly number[]): { problem: Problem<HostArray, HostArray>; vectors: HostArray } {
  const n = eigenvalues.length;
  const A = la.fromArray(withEigenvalues(3, eigenvalues).values, [n, n]);
  return {
    problem: {
      manifold: sphere({ shape: [n, 1] }),
      cost: (x) => 0.5 * la.inner(x, la.matmul(A, x)),
      gradient: { kind: 'ambient', at: (x) => la.matmul(A, x) },
      hessian: { kind: 'ambient', at: (_x, u) => la.matmul(A, u) },
    },
    vectors: la.eigh(A).vectors,
  };
}

describe('hessianSpectrum of a problem', () => {
  const eigenvalues = [1, 2, 4, 5, 9];
  const { problem, vectors } = quotientOf(eigenvalues);
  const eigenvector = (k: number): HostArray => la.slice(vectors, { columns: [k, k + 1] });

  it.each([0, 2, 4])('on the sphere, at eigenvector %d: the differences of the eigenvalues', async (k) => {
    const expected = eigenvalues.filter((_value, i) => i !== k).map((value) => value - eigenvalues[k]);
    const dense = await hessianSpectrum(problem, eigenvector(k));
    expect(dense).toMatchObject({ method: 'dense', products: 'exact', zeros: 0, converged: true });
    expect(dense.eigenvalues).toBeAllClose(expected, 1e-13);
    const ends = await hessianSpectrum(problem, eigenvector(k), { method: 'lanczos' });
    expect(ends).toMatchObject({ method: 'lanczos', products: 'exact', converged: true });
    expect([ends.smallest, ends.largest]).toBeAllClose([expected[0], expected[3]], 1e-12);
    expect(dense.conditionNumber).toBe(k === 0 ? dense.largest / dense.smallest : Number.POSITIVE_INFINITY);
  });

  it('without a second derivative: differences of gradients, and it says so', async () => {
    const { hessian: _stated, ...without } = problem;
    const dense = await hessianSpectrum(without, eigenvector(0));
    expect(dense.products).toBe('differences');
    expect(dense.eigenvalues).toBeAllClose([1, 3, 4, 8], 1e-6);
    const ends = await hessianSpectrum(without, eigenvector(0), { method: 'lanczos', tolerance: 1e-6 });
    expect([ends.smallest, ends.largest]).toBeAllClose([1, 8], 1e-5);
  });

  it.each(specimens)('%s: symmetric and real at a minimum of ½‖M(x) − M(x₀)‖², with no negative eigenvalue', async (_name, make) => {
    const specimen = make(la, shape);
    const x = specimen.point(Float64Array.of(2, 0.5), seededRandom(3));
    const manifold = specimen.manifold as Manifold<HostArray, unknown, unknown, unknown, unknown>;
    const goal = specimen.matrix(x);
    const gap = (y: unknown): unknown => treeOf(specimen.matrix(y), goal, (a, b) => la.subtract(a, b));
    const gapped: Problem<HostArray, unknown, unknown, unknown, unknown> = {
      manifold,
      cost: (y) => 0.5 * sizeOf(gap(y)) ** 2,
      gradient: { kind: 'ambient', at: (y) => specimen.egrad(y, gap(y)) },
    };
    const { smallest, largest, eigenvalues, products } = await hessianSpectrum(gapped, x);
    expect(products).toBe('differences');
    expect(eigenvalues).toHaveLength(manifold.dim);
    expect(largest).toBeGreaterThan(0);
    expect(smallest).toBeGreaterThanOrEqual(0);
  });

  it('refuses points off the manifold, no point, options out of range, and a dim that is wrong', async () => {
    await expect(hessianSpectrum(problem, la.full([5, 1], 1))).rejects.toThrow(DomainError);
    await expect(hessianSpectrum(problem, undefined as never)).rejects.toThrow(/^hessianSpectrum: expected a point of sphere/);
    await expect(hessianSpectrum({ ...problem, cost: 3 } as never, eigenvector(0))).rejects.toThrow(/^hessianSpectrum: problem: 'cost'/);
    await expect(hessianSpectrum(problem, eigenvector(0), { tolerance: -1 })).rejects.toThrow(ConfigError);
    const wrong = { ...euclidean({ shape: [3] }), dim: 4 };
    await expect(tangentBasis(wrong, la.full([3], 0))).rejects.toThrow(NumericalError);
    await expect(tangentBasis(wrong, la.full([3], 0))).rejects.toThrow(/has 3 dimensions here, but dim says 4/);
    await expect(tangentBasis({} as never, 0)).rejects.toThrow(/^tangentBasis: expected a manifold/);
  });
});

it.each(['dense', 'lanczos'] as const)('what rounding alone makes of a flat cost counts as zero (%s)', async (method) => {
  const flat = (n: number, scale: number): Problem<HostArray, HostArray> => ({
    manifold: sphere({ shape: [n] }),
    cost: (x) => scale * la.norm(x) ** 2,
    gradient: { kind: 'ambient', at: (x) => la.scale(2 * scale, x) },
  });
  for (const scale of [1, 1e-200, 1e150]) {
    const problem = flat(4, scale);
    const exact: Problem<HostArray, HostArray> = { ...problem, hessian: { kind: 'ambient', at: (_x, u) => la.scale(2 * scale, u) } };
    for (const each of [
      problem,
      exact,
      {
        ...exact,
        gradient: { ...exact.gradient, kind: 'coordinates' } as const,
        hessian: { kind: 'coordinates', at: (_x: HostArray, u: HostArray) => la.scale(2 * scale, u) } as const,
      },
    ]) {
      const found = await hessianSpectrum(each, problem.manifold.randomPoint(seededRandom(3)), { method });
      expect([found.smallest, found.zeros]).toEqual([0, method === 'dense' ? 3 : 1]);
      expect(found.errorBounds.largest).toBeGreaterThanOrEqual(Math.abs(found.largest));
    }
  }
  // Small eigenvalues beside large derivatives are no rounding where products are exact.
  const steep: Problem<HostArray, HostArray> = {
    manifold: euclidean({ shape: [3] }),
    cost: (x) => la.total(x) * 1e6 + 0.5e-9 * la.norm(x) ** 2,
    gradient: { kind: 'ambient', at: (x) => la.axpy(1e-9, x, la.full([3], 1e6)) },
    hessian: { kind: 'ambient', at: (_x, u) => la.scale(1e-9, u) },
  };
  expect((await hessianSpectrum(steep, la.full([3], 1), { method })).smallest).toBeCloseTo(1e-9, 20);
});

/** Combines two trees of arrays leaf by leaf. */
function treeOf(a: unknown, b: unknown, apply: (a: HostArray, b: HostArray) => HostArray): unknown {
  if (la.isArray(a)) return apply(a, b as HostArray);
  return Object.fromEntries(
    Object.entries(a as object).map(([key, part]) => [key, treeOf(part, (b as Record<string, unknown>)[key], apply)]),
  );
}

function sizeOf(tree: unknown): number {
  return la.isArray(tree) ? la.norm(tree) : Math.hypot(...Object.values(tree as object).map(sizeOf));
}
