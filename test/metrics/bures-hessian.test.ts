/**
 * The bilinear form of the Bures Hessian, as docs/mathematics.md derives it by way of factors, and the bound on its
 * curvature.
 */
import { bures, type FixedRankTangent, factored, fixedRank, type HostArray, hostAlgebra, hyperBalancedFactors, seededRandom } from 'bures';
import { describe, expect, it } from 'vitest';

const la = hostAlgebra();
const [m, n, rank] = [9, 7, 3];
const metric = bures();
const manifold = fixedRank({ m, n, rank, metric, retraction: factored() });
const { ehessToRhess } = manifold;
if (ehessToRhess === undefined) throw new Error('expected a Hessian on fixedRank with the Bures metric');

describe.each([1, 1e-9])('the Bures Hessian with σ_r = %d', (smallest) => {
  const random = seededRandom(5);
  const x = { ...manifold.randomPoint(random), S: la.fromArray([2, 1, smallest], [rank]) };
  const factors = hyperBalancedFactors(la, x);
  const dense = ({ M, Up, Vp }: FixedRankTangent<HostArray>): HostArray =>
    la.add(la.matmul(la.add(la.matmul(x.U, M), Up), x.V, { transposeB: true }), la.matmul(x.U, Vp, { transposeB: true }));
  /** (ηBᵀ, Aᵀη) with η = H_X⁻¹ξ. */
  const lift = (u: FixedRankTangent<HostArray>) => {
    const eta = dense(metric.flat(la, x, u));
    return { dA: la.matmul(eta, factors.B, { transposeB: true }), dB: la.matmul(factors.A, eta, { transposeA: true }) };
  };
  const G = la.randomNormal([m, n], random);
  const K = la.randomNormal([m, m], random);
  const curvatureOf = la.matmul(K, K, { transposeB: true });

  it('is ∇²g and the gradient against both mixed products of the lifts', async () => {
    const [u, v] = [await manifold.randomTangent(x, random), await manifold.randomTangent(x, random)];
    const derivative = la.matmul(curvatureOf, dense(u));
    const [a, b] = [lift(u), lift(v)];
    const mixed = la.add(la.matmul(a.dA, b.dB), la.matmul(b.dA, a.dB));
    const expected = la.inner(derivative, dense(v)) + la.inner(G, mixed);
    const form = await manifold.inner(x, ehessToRhess(x, G, derivative, u), v);
    const scale = la.norm(derivative) * la.norm(dense(v)) + la.norm(G) * la.norm(mixed);
    expect(Math.abs(form - expected)).toBeLessThanOrEqual(100 * la.epsilon * scale);
  });

  it('bends by the spectral norm of the gradient at most, whatever σ_r', async () => {
    const u = await manifold.randomTangent(x, random);
    const zero = la.full([m, n], 0);
    const curvature = ehessToRhess(x, G, zero, u);
    const bound = la.toArray(la.svd(G).S)[0];
    const size = await manifold.norm(x, curvature);
    expect(size).toBeGreaterThan(0);
    expect(size).toBeLessThanOrEqual(bound * (await manifold.norm(x, u)) * (1 + 1e-6));
  });
});
