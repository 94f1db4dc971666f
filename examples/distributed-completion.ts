/**
 * Matrix completion whose rows are divided among processes: `mpirun -n 2 npx tsx examples/distributed-completion.ts`.
 *
 * Each process keeps the known entries of its rows only, and what it sends in an iteration has the size of a tangent
 * vector. Without mpirun it is alone, and finds the same matrix.
 */
import { csrFromTriplets, fixedRank, gradientNormBelow, type HostArray, hostAlgebra, minimize, seededRandom, trustRegions } from 'bures';
import { dataParallel, mpi } from 'bures/distributed';
import { matrixCompletion } from 'bures/problems';

const [rows, columns, rank, known] = [600, 400, 4, 0.08];

const world = await mpi();
const la = hostAlgebra();
const manifold = fixedRank({ m: rows, n: columns, rank });
const problem = dataParallel(matrixCompletion({ manifold, observed: ownEntries() }), world);
const { x, cost, iterations, stopReason } = await minimize(problem, {
  solver: trustRegions(),
  stop: gradientNormBelow(1e-8),
  // The same seed in all processes, which begin at one point.
  seed: 1,
});
const error = relativeError(x);
if (world.rank === 0) {
  console.log(
    `${rows} × ${columns} at rank ${rank} in ${world.size} process${world.size === 1 ? '' : 'es'}: ${iterations} iterations, cost ${cost.toExponential(1)} (${stopReason})`,
  );
  console.log(`singular values: ${[...la.toArray(x.S)].map((value) => value.toFixed(4)).join(', ')}`);
  console.log(`relative error over all entries: ${error.toExponential(1)}`);
}
await world.close();

/** The matrix that is to be found: the product of two factors. */
function factors(): readonly [HostArray, HostArray] {
  const random = seededRandom(7);
  return [la.randomNormal([rows, rank], random), la.randomNormal([columns, rank], random)];
}

/** The known entries of this process's rows. */
function ownEntries() {
  const [left, right] = factors();
  const [all, random] = [la.toArray(la.matmul(left, right, { transposeB: true })), seededRandom(11)];
  const own: { row: number; column: number; value: number }[] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const isKnown = random.uniform() < known;
      if (isKnown && row % world.size === world.rank) own.push({ row, column, value: all[row * columns + column] });
    }
  }
  return csrFromTriplets(la, {
    rows,
    columns,
    rowIndices: own.map(({ row }) => row),
    columnIndices: own.map(({ column }) => column),
    values: own.map(({ value }) => value),
  });
}

/** ‖X − Z‖ / ‖Z‖. */
function relativeError({ U, S, V }: typeof x): number {
  const [left, right] = factors();
  const truth = la.matmul(left, right, { transposeB: true });
  return la.norm(la.subtract(la.matmul(la.scaleColumns(U, S), V, { transposeB: true }), truth)) / la.norm(truth);
}
