/** The problems with data of their own, and each cost as its definition has it, on dense matrices. */
import { csrFromTriplets, type LinearAlgebra, seededRandom } from '../../src/index.js';
import { type LowRankPoint, type LowRankProblem, type LowRankTangent, matrixCompletion } from '../../src/problems/index.js';
import type { AnyGeometry } from './geometries.js';

/** A problem, on any geometry of its shape, and its cost of a dense matrix. */
export interface ProblemCase<M> {
  problemOn(manifold: AnyGeometry<M>): LowRankProblem<M, LowRankPoint<M>, LowRankTangent<M>, unknown>;
  /** The cost by its definition, and the size of the numbers that it is made of. */
  densely(x: M): Promise<{ readonly cost: number; readonly scale: number }>;
}

interface Shape {
  readonly m: number;
  readonly n: number;
}

/** Some 40 % of the places of an m×n matrix, with an empty row and an empty column, and a value at each. */
function sparseData(la: LinearAlgebra<unknown>, { m, n }: Shape, seed: number) {
  const random = seededRandom(seed);
  const places = Array.from({ length: m * n }, (_, place) => place).filter(
    (place) => random.uniform() < 0.4 && Math.floor(place / n) !== 2 && place % n !== 1,
  );
  const values = places.map(() => random.normal());
  const triplets = { rowIndices: places.map((place) => Math.floor(place / n)), columnIndices: places.map((place) => place % n), values };
  return { matrix: csrFromTriplets(la, { rows: m, columns: n, ...triplets }), places, values };
}

/** The problems by name. */
export const problemCases: Readonly<Record<string, (la: LinearAlgebra<unknown>, shape: Shape) => ProblemCase<unknown>>> = {
  matrixCompletion(la, shape) {
    const { matrix, places, values } = sparseData(la, shape, 5);
    return {
      problemOn: (manifold) => matrixCompletion({ manifold, observed: matrix }),
      async densely(x) {
        const entries = await la.toArray(x);
        const residuals = places.map((place, e) => entries[place] - values[e]);
        return { cost: 0.5 * residuals.reduce((sum, e) => sum + e * e, 0), scale: 10 };
      },
    };
  },
};
