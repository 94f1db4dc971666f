/**
 * Matrix completion: a 300×200 matrix of rank 4 from 18 % of its entries, by conjugate gradients on the fixed-rank matrices.
 *
 * Cost ½ Σ_{(i,j) observed} (X_ij − Z_ij)²; its gradient is sparse, with the residuals as entries. Nothing of size 300×200 is formed on
 * the way.
 *
 * @see Vandereycken, "Low-rank matrix completion by Riemannian optimization", SIAM J. Optim. 23(2), 2013.
 */
import {
  any,
  csrFromTriplets,
  type FixedRankPoint,
  fixedRank,
  gradientDescent,
  gradientNormBelow,
  type HostArray,
  hostAlgebra,
  maxIterations,
  minimize,
  polakRibiere,
  seededRandom,
} from 'bures';

const la = hostAlgebra();
const random = seededRandom(7);
const [m, n, rank] = [300, 200, 4];
const [left, right] = [la.randomNormal([m, rank], random), la.randomNormal([rank, n], random)];
const truth = la.matmul(left, right);

// A pattern of places, and what was observed there.
const places = Array.from({ length: m * n }, (_, place) => place).filter(() => random.uniform() < 0.18);
const [rowIndices, columnIndices] = [places.map((place) => Math.floor(place / n)), places.map((place) => place % n)];
const all = await la.toArray(truth);
const observed = csrFromTriplets(la, { rows: m, columns: n, rowIndices, columnIndices, values: places.map((place) => all[place]) });

const residual = ({ U, S, V }: FixedRankPoint<HostArray>): HostArray =>
  la.subtract(la.sampledMatmul(observed, la.scaleColumns(U, S), la.transpose(V)), observed.values);

const manifold = fixedRank({ m, n, rank });
const result = await minimize(
  {
    manifold,
    cost: async (x) => 0.5 * (await la.norm(residual(x))) ** 2,
    gradient: { kind: 'ambient', at: (x) => ({ ...observed, values: residual(x) }) },
  },
  { solver: gradientDescent({ direction: polakRibiere() }), stop: any(gradientNormBelow(1e-8), maxIterations(500)), seed: 1 },
);

const error = (await la.norm(la.subtract(manifold.toMatrix(result.x), truth))) / (await la.norm(truth));
console.log(`${places.length} of ${m * n} entries: ${result.stopReason}; relative error over all entries ${error.toExponential(1)}`);
if (!(error < 1e-8)) throw new Error(`matrix-completion: expected the whole matrix within 1e-8, got ${error}; ${result.stopReason}`);
