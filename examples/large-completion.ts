/**
 * Gradient descent on a 100,000 × 50,000 matrix of rank 10, of which 5,000,000 entries are observed: time of a step, and peak memory,
 * which grows with the entries and the factors and not with rows × columns (40 GB here).
 *
 * Options: --rows, --columns, --entries, --rank, --steps.
 */
import { parseArgs } from 'node:util';
import { constantStep, csrFromTriplets, fixedRank, gradientDescent, hostAlgebra, iterate, perPoint, seededRandom } from 'bures';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    columns: { type: 'string', default: '50000' },
    entries: { type: 'string', default: '5000000' },
    rank: { type: 'string', default: '10' },
    steps: { type: 'string', default: '5' },
  },
});
const [m, n, entries, rank, steps] = [options.rows, options.columns, options.entries, options.rank, options.steps].map(Number);

const la = hostAlgebra();
const random = seededRandom(3);
const rowIndices = Int32Array.from({ length: entries }, () => Math.floor(random.uniform() * m));
const columnIndices = Int32Array.from({ length: entries }, () => Math.floor(random.uniform() * n));
const pattern = csrFromTriplets(la, { rows: m, columns: n, rowIndices, columnIndices, values: new Float64Array(entries) });
// A random matrix of that rank with entries of variance 1, looked at in those places only.
const left = la.scale(1 / Math.sqrt(rank), la.randomNormal([m, rank], random));
const observed = la.sampledMatmul(pattern, left, la.randomNormal([rank, n], random));

const manifold = fixedRank({ m, n, rank });
type Point = ReturnType<typeof manifold.randomPoint>;
const residual = perPoint(({ U, S, V }: Point) => la.subtract(la.sampledMatmul(pattern, la.scaleColumns(U, S), la.transpose(V)), observed));
const problem = {
  manifold,
  cost: async (x: Point) => 0.5 * (await la.norm(residual(x, undefined))) ** 2,
  gradient: { kind: 'ambient', at: (x: Point) => ({ ...pattern, values: residual(x, undefined) }) },
} as const;
// The observed part of a matrix, over the fraction observed, is the matrix on average: half that step is a safe one.
const solver = gradientDescent({ stepSize: constantStep((0.5 * m * n) / entries) });

const megabytes = (): string => `${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`;
console.log(`${m} × ${n}, rank ${rank}, ${entries} entries; peak memory with the data ${megabytes()}`);
const costs: number[] = [];
for await (const { iteration, cost, seconds } of iterate(problem, { solver, seed: 2 })) {
  costs.push(cost);
  const rms = Math.sqrt((2 * cost) / entries);
  console.log(`step ${iteration}: ${seconds.toFixed(2)} s, rms residual ${rms.toFixed(4)}, peak memory ${megabytes()}`);
  if (iteration === steps) break;
}
if (!(costs[steps] < costs[0])) throw new Error(`large-completion: expected the cost to fall, got ${costs[0]} then ${costs[steps]}`);
