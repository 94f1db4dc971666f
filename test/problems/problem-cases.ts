/** The problems with data of their own, and each cost as its definition has it, on dense matrices. */
import { type CsrMatrix, csrFromTriplets, type LinearAlgebra, seededRandom } from 'bures';
import {
  type LowRankPoint,
  type LowRankProblem,
  type LowRankTangent,
  lowRankApproximation,
  matrixCompletion,
  matrixSensing,
  rankOneMeasurements,
  reducedRankRegression,
  robustPca,
} from 'bures/problems';
import type { AnyGeometry } from '../support/geometries.js';

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

/** ½ Σ e². */
const halfSquares = (residuals: ArrayLike<number>): number => 0.5 * Array.from(residuals).reduce((sum, e) => sum + e * e, 0);

/** Σ (√(e² + δ²) − δ). */
const smoothedMagnitudes = (residuals: ArrayLike<number>, delta: number): number =>
  Array.from(residuals).reduce((sum, e) => sum + Math.hypot(e, delta) - delta, 0);

/** Standard normal entries. */
const normal = (la: LinearAlgebra<unknown>, seed: number, shape: readonly number[]): unknown => la.randomNormal(shape, seededRandom(seed));

/** An approximation of a matrix that is given in another form too. */
function approximationOf(form: 'dense' | 'csr' | 'factored' | 'operator') {
  return (la: LinearAlgebra<unknown>, shape: Shape): ProblemCase<unknown> => {
    const { m, n } = shape;
    const { matrix, places, values } = sparseData(la, shape, 5);
    const [left, right] = [normal(la, 6, [m, 3]), normal(la, 7, [n, 3])];
    const filled = new Float64Array(m * n);
    places.forEach((place, e) => {
      filled[place] = values[e];
    });
    const dense = form === 'csr' ? la.fromArray(filled, [m, n]) : la.matmul(left, right, { transposeB: true });
    const forms = {
      dense: { data: dense },
      csr: { data: matrix },
      factored: { data: { kind: 'factored', left, right } },
      operator: {
        data: {
          kind: 'operator',
          shape: [m, n],
          apply: (x: unknown) => la.matmul(dense, x),
          applyTranspose: (x: unknown) => la.matmul(dense, x, { transposeA: true }),
        },
        squaredNorm: 0,
      },
    } as const;
    return {
      problemOn: (manifold) => lowRankApproximation({ manifold, ...forms[form] }),
      async densely(x) {
        const constant = form === 'operator' ? 0.5 * (await la.inner(dense, dense)) : 0;
        return { cost: halfSquares(await la.toArray(la.subtract(x, dense))) - constant, scale: 100 };
      },
    };
  };
}

function regression(samples: number) {
  return (la: LinearAlgebra<unknown>, { m, n }: Shape): ProblemCase<unknown> => {
    const [features, targets] = [normal(la, 1, [samples, m]), normal(la, 2, [samples, n])];
    return {
      problemOn: (manifold) => reducedRankRegression({ manifold, features, targets }),
      densely: async (x) => ({ cost: halfSquares(await la.toArray(la.subtract(la.matmul(features, x), targets))), scale: 1000 }),
    };
  };
}

/** A problem of the observed entries of a matrix, whose cost is one of the residuals there and of all entries of X. */
function observedOnly(
  problemOn: (manifold: AnyGeometry<unknown>, observed: CsrMatrix<unknown>) => ReturnType<ProblemCase<unknown>['problemOn']>,
  cost: (residuals: readonly number[], entries: ArrayLike<number>) => number,
) {
  return (la: LinearAlgebra<unknown>, shape: Shape): ProblemCase<unknown> => {
    const { matrix, places, values } = sparseData(la, shape, 5);
    return {
      problemOn: (manifold) => problemOn(manifold, matrix),
      async densely(x) {
        const entries = await la.toArray(x);
        const residuals = places.map((place, e) => entries[place] - values[e]);
        return { cost: cost(residuals, entries), scale: 10 };
      },
    };
  };
}

/** The problems by name. */
export const problemCases: Readonly<Record<string, (la: LinearAlgebra<unknown>, shape: Shape) => ProblemCase<unknown>>> = {
  matrixCompletion: observedOnly((manifold, observed) => matrixCompletion({ manifold, observed }), halfSquares),
  'matrixCompletion with regularization': observedOnly(
    (manifold, observed) => matrixCompletion({ manifold, observed, regularization: 0.2 }),
    (residuals, entries) => halfSquares(residuals) + 0.2 * halfSquares(entries),
  ),
  'lowRankApproximation of a dense matrix': approximationOf('dense'),
  'lowRankApproximation of a sparse matrix': approximationOf('csr'),
  'lowRankApproximation of factors': approximationOf('factored'),
  'lowRankApproximation of an operator': approximationOf('operator'),
  matrixSensing(la, { m, n }) {
    const count = 60;
    const [left, right, measured] = [normal(la, 1, [count, m]), normal(la, 2, [count, n]), normal(la, 3, [count])];
    return {
      problemOn: (manifold) => matrixSensing({ manifold, measurements: rankOneMeasurements(la, left, right), measured }),
      async densely(x) {
        const [forms, numbers] = [
          await la.toArray(la.diag(la.matmul(la.matmul(left, x), right, { transposeB: true }))),
          await la.toArray(measured),
        ];
        return { cost: halfSquares(forms.map((value, i) => value - numbers[i])), scale: 1000 };
      },
    };
  },
  'reducedRankRegression with many samples': regression(40),
  'reducedRankRegression with few samples': regression(6),
  'robustPca of a dense matrix'(la, { m, n }) {
    const data = normal(la, 8, [m, n]);
    return {
      problemOn: (manifold) => robustPca({ manifold, data, smoothing: 2 }),
      densely: async (x) => ({ cost: smoothedMagnitudes(await la.toArray(la.subtract(x, data)), 2), scale: 10 }),
    };
  },
  'robustPca of observed entries': observedOnly(
    (manifold, data) => robustPca({ manifold, data, smoothing: 0.5 }),
    (residuals) => smoothedMagnitudes(residuals, 0.5),
  ),
};
