/** Matrix completion as a finite sum, for the solver that wants one. */
import {
  type Ambient,
  applyAmbient,
  applyAmbientTranspose,
  type CsrMatrix,
  csrFromTriplets,
  type HostAlgebra,
  type HostArray,
  type Problem,
  seededRandom,
} from 'bures';
import { type LowRankManifold, type LowRankPoint, type LowRankTangent, matrixCompletion } from 'bures/problems';

/** Terms of the sum. */
export const TERMS = 10;

/** Which term a step sees; `TERMS` for all of them. */
type Term = number;

/**
 * The cost of completion as the mean of ten: term b is ten times the cost of its share of the entries.
 *
 * @param observed - all entries; they are dealt out at random.
 */
export function completionSum<P extends LowRankPoint<HostArray>, T extends LowRankTangent<HostArray>, Z>(
  la: HostAlgebra,
  manifold: LowRankManifold<HostArray, P, T, Z>,
  observed: CsrMatrix<HostArray>,
): Problem<HostArray, P, T, Z, Ambient<HostArray>, Term> {
  const shares = deal(la, observed).map((part) => matrixCompletion({ manifold, observed: part }));
  const whole = matrixCompletion({ manifold, observed });
  const draws = seededRandom(5);
  const gradientOf = async (x: P, term: Term): Promise<Ambient<HostArray>> => {
    if (term === TERMS) return whole.gradient.at(x, undefined) as Ambient<HostArray>;
    return scaled(la, [observed.rows, observed.columns], TERMS, (await shares[term].gradient.at(x, undefined)) as Ambient<HostArray>);
  };
  return {
    manifold,
    cost: async (x, term) => (term === TERMS ? whole.cost(x, undefined) : TERMS * (await shares[term].cost(x, undefined))),
    gradient: { kind: 'ambient', at: gradientOf },
    nextBatch: () => Math.floor(draws.uniform() * TERMS),
    wholeBatch: () => TERMS,
  };
}

/** The entries in as many parts, each of the whole matrix's shape. */
function deal(
  la: HostAlgebra,
  { rows, columns, rowPointers, columnIndices, values }: CsrMatrix<HostArray>,
): readonly CsrMatrix<HostArray>[] {
  const random = seededRandom(6);
  const entries = la.toArray(values);
  const parts = Array.from({ length: TERMS }, () => ({
    rowIndices: [] as number[],
    columnIndices: [] as number[],
    values: [] as number[],
  }));
  for (let i = 0; i < rows; i++) {
    for (let e = rowPointers[i]; e < rowPointers[i + 1]; e++) {
      const part = parts[Math.floor(random.uniform() * TERMS)];
      part.rowIndices.push(i);
      part.columnIndices.push(columnIndices[e]);
      part.values.push(entries[e]);
    }
  }
  return parts.map((part) => csrFromTriplets(la, { rows, columns, ...part }));
}

/** s·G, by its products. */
function scaled(la: HostAlgebra, shape: readonly [number, number], factor: number, g: Ambient<HostArray>): Ambient<HostArray> {
  return {
    kind: 'operator',
    shape,
    apply: (x) => la.scale(factor, applyAmbient(la, g, x)),
    applyTranspose: (x) => la.scale(factor, applyAmbientTranspose(la, g, x)),
  };
}
