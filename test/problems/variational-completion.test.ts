/**
 * The sweeps of a variational completion against dense formulas: ridge solutions, and the free energy that they descend
 * on.
 */

import { eye } from 'bures';
import { describe, expect, it } from 'vitest';
import { atOnce } from '../../src/core/event-loop.js';
import { type CsrMatrix, csrMatrix, type HostArray, hostAlgebra, seededRandom } from '../../src/index.js';
import {
  additiveState,
  firstComponents,
  learnVariances,
  type Posterior,
  stateError,
  sweepParts,
  type TwoWayEntries,
  twoWayEntries,
  type VariationalState,
  withComponents,
} from '../../src/problems/index.js';

const la = hostAlgebra();

/** Rank 2 and biases with noise; row 3 and column 1 have no entries. */
function smallData(scale = 1, noise = 0.3): CsrMatrix<HostArray> {
  const [m, n, r] = [17, 11, 2];
  const random = seededRandom(8);
  const [left, right] = [la.randomNormal([m, r], random), la.randomNormal([n, r], random)];
  const product = la.toArray(la.matmul(left, right, { transposeB: true }));
  const rowPointers = new Int32Array(m + 1);
  const [columnIndices, values]: [number[], number[]] = [[], []];
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      const value = scale * (product[i * n + j] + 0.1 * i + 2 + noise * random.normal());
      if (i === 3 || j === 1 || random.uniform() > 0.6) continue;
      columnIndices.push(j);
      values.push(value);
    }
    rowPointers[i + 1] = columnIndices.length;
  }
  return csrMatrix(la, {
    rows: m,
    columns: n,
    rowPointers,
    columnIndices: Int32Array.from(columnIndices),
    values: Float64Array.from(values),
  });
}

async function begin(data: TwoWayEntries, rank: number, biases = true): Promise<VariationalState> {
  return withComponents(await additiveState(data, { centered: biases, biases }), data, { most: rank, exactly: true, seed: 1 });
}

/** E[wwᵀ] of row i as a full matrix. */
function momentOf({ moments, packed }: Posterior, i: number, k: number): number[][] {
  return Array.from({ length: k }, (_, p) =>
    Array.from({ length: k }, (_unused, q) => moments[i * packed + (Math.max(p, q) * (Math.max(p, q) + 1)) / 2 + Math.min(p, q)]),
  );
}

function meanOf({ means }: Posterior, i: number, k: number): number[] {
  return Array.from(means.subarray(i * k, (i + 1) * k));
}

/** Σ over the entries of E[(z − μ − u·v − b − c)²], term by term, u and v being independent. */
function expectedSquares(state: VariationalState, matrix: CsrMatrix<HostArray>): number {
  const { rank, rows, columns, mean } = state;
  const k = rank + 1;
  let sum = 0;
  for (let i = 0; i < matrix.rows; i++) {
    // (u, b, 1) beside (v, 1, c).
    const [u, uu] = [meanOf(rows, i, k), momentOf(rows, i, k)];
    for (let e = matrix.rowPointers[i]; e < matrix.rowPointers[i + 1]; e++) {
      const j = matrix.columnIndices[e];
      const [v, vv] = [meanOf(columns, j, k), momentOf(columns, j, k)];
      const z = la.peek(matrix.values)[e] - mean;
      const left = [...u, 1];
      const right = [...v.slice(0, rank), 1, v[rank]];
      const leftMoment = left.map((x, p) => left.map((y, q) => (p < k && q < k ? uu[p][q] : x * y)));
      const place = (p: number): number => (p < rank ? p : p === rank ? -1 : rank);
      const rightMoment = right.map((x, p) => right.map((y, q) => (place(p) >= 0 && place(q) >= 0 ? vv[place(p)][place(q)] : x * y)));
      let [first, second] = [0, 0];
      for (let p = 0; p <= k; p++) {
        first += left[p] * right[p];
        for (let q = 0; q <= k; q++) second += leftMoment[p][q] * rightMoment[p][q];
      }
      sum += z * z - 2 * z * first + second;
    }
  }
  return sum;
}

/** −log N(z) bound: E[log p(z, U, V)] − E[log q], less what is constant; rows and columns with entries alone. */
function freeEnergy(state: VariationalState, data: TwoWayEntries): number {
  const k = state.rank + 1;
  const { noise, rows, columns } = state.variances;
  const count = data.byRow.values.length;
  let bound = -0.5 * count * Math.log(noise) - expectedSquares(state, data.matrix) / (2 * noise);
  const parts = [
    [state.rows, data.byRow, rows],
    [state.columns, data.byColumn, columns],
  ] as const;
  for (const [posterior, entries, prior] of parts) {
    for (let i = 0; i < entries.count; i++) {
      if (entries.pointers[i] === entries.pointers[i + 1]) continue;
      const [w, ww] = [meanOf(posterior, i, k), momentOf(posterior, i, k)];
      const covariance = la.fromArray(Float64Array.from(ww.flatMap((line, p) => line.map((x, q) => x - w[p] * w[q]))), [k, k]);
      const factor = la.peek(la.cholesky(covariance));
      for (let p = 0; p < k; p++) bound += Math.log(factor[p * k + p]) - 0.5 * Math.log(prior[p]) - ww[p][p] / (2 * prior[p]);
    }
  }
  return bound;
}

describe('variational completion', () => {
  it.each([
    [0.3, 3],
    [0, 6],
  ])('solves each row by ridge regression: noise %s, rank %s', async (noise, rank) => {
    const data = twoWayEntries(smallData(1, noise));
    const state = await begin(data, rank);
    const k = rank + 1;
    // Moments that are not those of point estimates.
    const first = learnVariances(state, data, atOnce(sweepParts(state, data, {})));
    first.carryOn();
    const { mean, variances, rows, columns } = first.state;
    const before: Posterior = { means: columns.means.slice(), moments: columns.moments.slice(), packed: columns.packed };
    atOnce(sweepParts(first.state, data, {}));
    for (let i = 0; i < data.byRow.count; i++) {
      const gram = new Float64Array(k * k);
      const right = new Float64Array(k);
      for (let p = 0; p < k; p++) gram[p * k + p] = variances.noise / variances.rows[p];
      for (let e = data.byRow.pointers[i]; e < data.byRow.pointers[i + 1]; e++) {
        const [j, z] = [data.byRow.indices[e], data.byRow.values[e] - mean];
        const [v, vv] = [meanOf(before, j, k), momentOf(before, j, k)];
        for (let p = 0; p < k; p++) {
          right[p] += p < rank ? z * v[p] - vv[p][rank] : z - v[rank];
          for (let q = 0; q < k; q++) gram[p * k + q] += p < rank && q < rank ? vv[p][q] : p < rank ? v[p] : q < rank ? v[q] : 1;
        }
      }
      const factor = la.cholesky(la.fromArray(gram, [k, k]));
      const solve = (b: HostArray): HostArray => la.solveTriangular(factor, la.solveTriangular(factor, b), { transpose: true });
      const solution = la.peek(solve(la.fromArray(right, [k, 1])));
      const inverse = la.peek(solve(eye(la, k)));
      const [u, uu] = [meanOf(rows, i, k), momentOf(rows, i, k)];
      for (let p = 0; p < k; p++) {
        expect(u[p]).toBeCloseTo(solution[p], 8);
        for (let q = 0; q < k; q++) expect(uu[p][q]).toBeCloseTo(solution[p] * solution[q] + variances.noise * inverse[p * k + q], 8);
      }
    }
  });

  it('sums the squares that it expects', async () => {
    const data = twoWayEntries(smallData());
    const state = await begin(data, 3);
    const { columns } = atOnce(sweepParts(state, data, {}));
    expect(columns.squares).toBeCloseTo(expectedSquares(state, data.matrix), 8);
  });

  it('never lowers the bound of the evidence, from sweep to sweep and from variances to variances', async () => {
    const data = twoWayEntries(smallData());
    let state = await begin(data, 4);
    let before = Number.NEGATIVE_INFINITY;
    for (let sweep = 0; sweep < 25; sweep++) {
      const sums = atOnce(sweepParts(state, data, {}));
      const bound = freeEnergy(state, data);
      expect(bound).toBeGreaterThanOrEqual(before - 1e-7 * Math.abs(bound));
      before = bound;
      const learned = learnVariances(state, data, sums);
      learned.carryOn();
      state = learned.state;
    }
  });

  it('keeps predictions where new components begin, once they are given up again', async () => {
    const data = twoWayEntries(smallData());
    const state = await begin(data, 2);
    atOnce(sweepParts(state, data, {}));
    const error = stateError(state, data.matrix);
    const more = withComponents(state, data, { most: 3, exactly: true, seed: 2 });
    expect(more.rank).toBe(5);
    expect(stateError(firstComponents(more, 2), data.matrix)).toBeCloseTo(error, 12);
    for (const p of [2, 3, 4]) expect(more.columns.means.filter((_, place) => place % 6 === p).some((mean) => mean !== 0)).toBe(true);
  });

  it.each([2 ** 20, 2 ** -30])('is the same in units of %s', async (scale) => {
    const [data, scaled] = [twoWayEntries(smallData()), twoWayEntries(smallData(scale))];
    let [one, other] = [await begin(data, 3), await begin(scaled, 3)];
    for (let sweep = 0; sweep < 4; sweep++) {
      const next = [
        [one, data],
        [other, scaled],
      ] as const;
      [one, other] = next.map(([state, entries]) => {
        const learned = learnVariances(state, entries, atOnce(sweepParts(state, entries, {})));
        learned.carryOn();
        return learned.state;
      });
    }
    expect(other.mean / scale).toBeCloseTo(one.mean, 9);
    expect(Math.sqrt(other.variances.noise) / scale).toBeCloseTo(Math.sqrt(one.variances.noise), 9);
  });

  it('gives rows without entries zeros, and a prior variance', async () => {
    const data = twoWayEntries(smallData());
    const state = await begin(data, 3);
    atOnce(sweepParts(state, data, {}));
    expect(meanOf(state.rows, 3, 4)).toEqual([0, 0, 0, 0]);
    const moment = momentOf(state.rows, 3, 4);
    for (let p = 0; p < 4; p++) for (let q = 0; q < 4; q++) expect(moment[p][q]).toBeCloseTo(p === q ? state.variances.rows[p] : 0, 12);
  });

  it('begins with what the spectrum shows and a little more, or with exactly as many as it is told', async () => {
    const data = twoWayEntries(smallData(1, 0.01));
    const additive = await additiveState(data, { centered: true, biases: true });
    expect(withComponents(additive, data, { most: 9, exactly: true, seed: 0 }).rank).toBe(9);
    expect(withComponents(additive, data, { most: 1, exactly: false, seed: 0 }).rank).toBe(1);
  });
});
