/** Where the balanced projection sees a missing direction: σ_i ≤ 10·r·ε·max(σ₁, ε‖A‖‖B‖), neither sooner nor later. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balancedGauges, balancedProjection, type HostArray } from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { sizes, withSingularValues } from '../support/matrices.js';
import { dense } from '../support/naive.js';

describe.each(hostEngines)('the numerical rank of AB on %s', (_engine, la) => {
  const flags = (balanced: HostArray): number[] => [...(la.toArray(balanced) as Float64Array)];

  // QR and SVD perturb σ_r by a few r·ε·σ₁, below 1e-14 at these sizes: 1e-13 is safely there and 1e-17 is noise.
  it.each([
    { last: 1e-13, present: 1 },
    { last: 1e-17, present: 0 },
  ])('σ_r = $last·σ₁ is counted $present times', ({ last, present }) => {
    fc.assert(
      fc.property(sizes(8), fc.constantFrom(...balancedGauges), ({ m, n, r, seed }, gauge) => {
        fc.pre(r > 1);
        const sigma = Float64Array.from({ length: r }, (_, i) => (i === r - 1 ? last : 1 - i / (2 * r)));
        const { values } = withSingularValues(seed, m, r, sigma);
        const pair = {
          A: la.fromArray(values, [m, r]),
          B: la.fromArray(withSingularValues(seed + 5, r, n, new Float64Array(r).fill(1)).values, [r, n]),
        };
        expect(flags(balancedProjection(la, pair, { gauge }).balanced)).toEqual(
          Array.from({ length: r }, (_, i) => (i === r - 1 ? present : 1)),
        );
      }),
      { numRuns: 40 },
    );
  });

  it.each(balancedGauges)('a product that vanishes next to ‖A‖‖B‖ has rank zero, and its factors come back, gauge %s', (gauge) => {
    const [m, n, r] = [7, 5, 3];
    // A meets B only through entries of 1e-32, less than ε² of the factors: to balance them would stretch both by 1e16.
    const A = la.fromArray(dense(m, r, (i, j) => (j === 0 ? 1e8 * (i + 1) : 0)).values, [m, r]);
    const B = la.fromArray(dense(r, n, (i, j) => (i === 0 ? 1e-24 : 1e8) * (i + j + 1) ** i).values, [r, n]);
    const projected = balancedProjection(la, { A, B }, { gauge });
    expect(flags(projected.balanced)).toEqual([0, 0, 0]);
    expect(projected.A).toBeAllClose(A, 0);
    expect(projected.B).toBeAllClose(B, 0);
  });
});
