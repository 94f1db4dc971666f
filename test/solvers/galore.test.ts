/** GaLore's rule against its formula in plain loops, on gradients whose singular vectors are known. */
import { describe, expect, it } from 'vitest';
import {
  adamw,
  ConfigError,
  componentwise,
  type DirectionRule,
  euclidean,
  type GaloreOptions,
  galore,
  hostAlgebra,
  product,
  ShapeError,
  seededRandom,
} from '../../src/index.js';
import type { LinearAlgebra } from '../../src/linalg/linear-algebra.js';
import { leadingTriplesOf } from '../../src/linalg/subspace-iteration.js';
import { allEngines, liveTensors } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

const host = hostAlgebra();
type Rows = number[][];

/** A matrix with its singular vectors: G = U diag(s) Vᵀ, s = 1, ½, ¼, … (eight at most). */
interface Known {
  readonly G: Rows;
  readonly U: Rows;
  readonly V: Rows;
}

function knownMatrix(m: number, n: number, seed: number): Known {
  const random = seededRandom(seed);
  const k = Math.min(m, n, 8);
  const orthonormal = (rows: number): Rows => rowsOf(host.toArray(host.qr(host.randomNormal([rows, k], random)).Q), rows, k);
  const [U, V] = [orthonormal(m), orthonormal(n)];
  const G = U.map((u) => V.map((v) => u.reduce((sum, ui, i) => sum + ui * v[i] * 0.5 ** i, 0)));
  return { G, U, V };
}

const rowsOf = (values: ArrayLike<number>, rows: number, columns: number): Rows =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_unused, j) => values[i * columns + j]));
const transposed = (x: Rows): Rows => x[0].map((_, j) => x.map((row) => row[j]));
const times = (x: Rows, y: Rows): Rows => x.map((row) => y[0].map((_, j) => row.reduce((sum, value, k) => sum + value * y[k][j], 0)));

/** The first columns, the largest entry of each made positive. */
function leading(vectors: Rows, rank: number): Rows {
  const columns = transposed(vectors).slice(0, rank);
  return transposed(
    columns.map((column) => {
      const largest = column.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
      return column.map((value) => value * Math.sign(largest));
    }),
  );
}

/** Every weight after each step, in plain loops over one matrix. */
function reference(start: Rows, gradients: readonly Known[], rate: number, options: Required<Omit<GaloreOptions, 'signs'>>): Rows[] {
  const { rank, gap, scale, beta1, beta2, epsilon, weightDecay } = options;
  const right = start.length >= start[0].length;
  let W = start;
  let P: Rows = [];
  let M: Rows = [];
  let V: Rows = [];
  return gradients.map((known, k) => {
    const t = k + 1;
    if (k % gap === 0) P = leading(right ? known.V : known.U, rank);
    const N = right ? times(known.G, P) : times(transposed(P), known.G);
    M = N.map((row, i) => row.map((value, j) => beta1 * (M[i]?.[j] ?? 0) + (1 - beta1) * value));
    V = N.map((row, i) => row.map((value, j) => beta2 * (V[i]?.[j] ?? 0) + (1 - beta2) * value ** 2));
    const length = Math.sqrt(1 - beta2 ** t) / (1 - beta1 ** t);
    const D = M.map((row, i) => row.map((value, j) => (length * value) / (Math.sqrt(V[i][j]) + epsilon)));
    const back = right ? times(D, transposed(P)) : times(P, D);
    W = W.map((row, i) => row.map((value, j) => value - rate * (scale * back[i][j] + weightDecay * value)));
    return W;
  });
}

describe.each(allEngines)('on %s', (_name, la: LinearAlgebra<unknown>) => {
  const fromRows = (matrices: readonly Rows[]): unknown =>
    la.fromArray(matrices.flat(2), [matrices.length, matrices[0].length, matrices[0][0].length]);

  /** The weights after each step of a batch of matrices. */
  async function weights(rule: DirectionRule, start: readonly Rows[], gradients: readonly (readonly Known[])[], rate: number) {
    const [{ length: m }, { length: n }] = [start[0], start[0][0]];
    const manifold = euclidean({ shape: [start.length, m, n], algebra: la });
    let x = fromRows(start);
    let memory: Awaited<ReturnType<DirectionRule['direction']>>['memory'] = { tangents: {}, numbers: {} };
    const seen: Float64Array[] = [];
    for (const [iteration, gradient] of gradients.entries()) {
      const context = { manifold, iteration, x, gradient: fromRows(gradient.map(({ G }) => G)), gradientNorm: 1, stepSize: rate, memory };
      const chosen = await rule.direction(context);
      const moved = manifold.retractTransport(x, chosen.direction, rate);
      x = moved.point;
      memory = rule.move(chosen.memory as typeof memory, moved as never);
      seen.push(await la.toArray(x));
    }
    return { seen, memory };
  }

  it.each([
    ['more rows than columns', 7, 5],
    ['more columns than rows', 5, 8],
    ['a square', 6, 6],
  ])('%s: steps, refreshes and decay are those of the formula', async (_, m, n) => {
    await la.tidy(async () => {
      const options = { rank: 3, gap: 3, scale: 0.5, beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.02 };
      const start = [1, 2].map((seed) => rowsOf(host.toArray(host.randomNormal([m, n], seededRandom(seed))), m, n));
      const gradients = Array.from({ length: 8 }, (_unused, t) => [1, 2].map((member) => knownMatrix(m, n, 10 * t + member)));
      const { seen, memory } = await weights(galore(options), start, gradients, 0.1);
      const expected = start.map((W, member) =>
        reference(
          W,
          gradients.map((both) => both[member]),
          0.1,
          options,
        ),
      );
      for (const [t, values] of seen.entries()) {
        const both = expected.flatMap((of) => of[t].flat());
        expect(values, `step ${t + 1}`).toBeAllClose(Float64Array.from(both), tolerance(la, 500));
      }
      expect(memory.numbers).toEqual({ step: 8 });
      const shapes = Object.entries(memory.tangents).map(([name, tree]) => [name, la.shape((tree as { matrix: unknown }).matrix)]);
      const moments = m >= n ? [2, m, 3] : [2, 3, n];
      expect(shapes).toEqual([
        ['basis', [2, Math.min(m, n), 3]],
        ['first', moments],
        ['second', moments],
      ]);
    });
  });

  it('the signs of an SVD may differ from those that are fixed, but not the first step', async () => {
    await la.tidy(async () => {
      const gradients = [[knownMatrix(7, 5, 1)]];
      const start = [rowsOf(new Float64Array(35), 7, 5)];
      const [fixed, free] = await Promise.all(
        (['largest', 'svd'] as const).map((signs) => weights(galore({ rank: 2, signs }), start, gradients, 1)),
      );
      expect(fixed.seen[0]).toBeAllClose(free.seen[0], tolerance(la, 100));
    });
  });

  it('leaves no tensor behind but its direction and memory', async () => {
    const before = liveTensors();
    const manifold = euclidean({ shape: [7, 5], algebra: la });
    const x = la.randomNormal([7, 5], seededRandom(1));
    const context = { manifold, iteration: 0, x, gradient: x, gradientNorm: 1, stepSize: undefined, memory: { tangents: {}, numbers: {} } };
    const { direction, memory } = await galore({ rank: 2 }).direction(context);
    const kept = Object.values(memory.tangents).map((tree) => (tree as unknown as { matrix: unknown }).matrix);
    for (const array of [x, direction, ...kept]) la.dispose(array);
    expect(liveTensors()).toBe(before);
  });

  it('triples of a matrix too large for a whole SVD are those that it was made of, for a batch too', async () => {
    await la.tidy(async () => {
      const known = [3, 4].map((seed) => knownMatrix(280, 260, seed));
      const { U, S, V } = leadingTriplesOf(la, fromRows(known.map(({ G }) => G)), 3, seededRandom(0));
      expect([la.shape(U), la.shape(S), la.shape(V)]).toEqual([
        [2, 280, 3],
        [2, 3],
        [2, 260, 3],
      ]);
      expect(await la.toArray(S)).toBeAllClose(Float64Array.of(1, 0.5, 0.25, 1, 0.5, 0.25), tolerance(la, 1000));
      const product = la.matmul(la.scaleColumns(U, S), la.transpose(V));
      const expected = known.flatMap(({ U: u, V: v }) => {
        const head = (x: Rows): Rows => x.map((row) => row.slice(0, 3));
        return times(
          head(u).map((row) => row.map((value, i) => value * 0.5 ** i)),
          transposed(head(v)),
        ).flat();
      });
      expect(await la.toArray(product)).toBeAllClose(Float64Array.from(expected), tolerance(la, 1000));
    });
  });
});

describe('misuse', () => {
  it.each<[object, RegExp]>([
    [{ rank: 2, gap: 0 }, /^galore: gap must be a positive integer/],
    [{ rank: 2.5 }, /^galore: rank must be a positive integer/],
    [{}, /^galore: rank must be a positive integer/],
    [{ rank: 2, scale: 0 }, /^galore: scale must/],
    [{ rank: 2, signs: 'lapack' }, /^galore: signs must be one of 'largest', 'svd'/],
    [{ rank: 2, beta1: 1 }, /^galore: beta1/],
    [{ rank: 2, epsilon: 0 }, /^galore: epsilon/],
    [{ rank: 2, ranks: 3 }, /^galore: unknown option 'ranks'/],
  ])('%o', (options, message) => {
    let thrown: unknown;
    try {
      galore(options as GaloreOptions);
    } catch (error) {
      thrown = error;
    }
    expect((thrown as Error)?.message).toMatch(message);
    expect(thrown instanceof ConfigError || thrown instanceof ShapeError || (thrown as Error).name === 'DomainError').toBe(true);
  });

  it('points that are no matrices, or too small, are named at the first step', async () => {
    const vector = euclidean({ shape: [7] });
    const matrix = euclidean({ shape: [7, 3] });
    const both = product({ matrix, vector });
    const first = (manifold: object, x: unknown, rule = galore({ rank: 4 })) =>
      rule.direction({
        manifold: manifold as never,
        iteration: 0,
        x,
        gradient: x,
        gradientNorm: 1,
        stepSize: undefined,
        memory: { tangents: {}, numbers: {} },
      });
    const random = seededRandom(1);
    await expect(first(vector, vector.randomPoint(random))).rejects.toThrow(/expected points that are one array of matrices/);
    await expect(first(both, both.randomPoint(random))).rejects.toThrow(/componentwise/);
    await expect(first(matrix, matrix.randomPoint(random))).rejects.toThrow('rank must be at most 3 for matrices 7×3, got 4');
    const point = both.randomPoint(random);
    const { direction } = await first(both, point, componentwise({ matrix: galore({ rank: 2 }) }, adamw()));
    expect(host.shape((direction as typeof point).matrix)).toEqual([7, 3]);
  });
});
