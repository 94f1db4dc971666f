/** Engines to project on, behind one face that speaks float64, and pairs to project. */
import { type HostArray, hostAlgebra } from '../../src/linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../../src/linalg/linear-algebra.js';
import { tensorAlgebra } from '../../src/linalg/tensor/tensor-algebra.js';
import type { FactorPair } from '../../src/metrics/factor-pair.js';
import type { BalancedProjection } from '../../src/retractions/balanced-pair.js';
import { type BalancedProjectionOptions, balancedProjection } from '../../src/retractions/balanced-projection.js';
import { hostEngines } from '../support/engines.js';
import { withSingularValues } from '../support/matrices.js';

/** Judges everything. */
export const judge = hostAlgebra();

/** What happened: the pair as the engine saw it, the outcome, and how often the engine factored by QR. */
export interface Observed {
  readonly before: FactorPair<HostArray>;
  readonly after: BalancedProjection<HostArray>;
  readonly qrCalls: number;
}

/** An engine. */
export interface Subject {
  readonly name: string;
  readonly epsilon: number;
  /** @param options.blind - the engine cannot be read while it computes, as a GPU. */
  project(pair: FactorPair<HostArray>, options: BalancedProjectionOptions & { readonly blind?: boolean }): Promise<Observed>;
}

function subject<M>(la: LinearAlgebra<M>): Subject {
  const read = async (x: M): Promise<HostArray> => judge.fromArray(await la.toArray(x), la.shape(x));
  return {
    name: la.name,
    epsilon: la.epsilon,
    async project(pair, { blind = false, ...options }) {
      let qrCalls = 0;
      const watched: LinearAlgebra<M> = {
        ...la,
        qr(x) {
          qrCalls++;
          return la.qr(x);
        },
        readsSynchronously: !blind && la.readsSynchronously,
        peek: blind ? () => undefined : la.peek,
      };
      const given = { A: la.fromArray(judge.toArray(pair.A), pair.A.shape), B: la.fromArray(judge.toArray(pair.B), pair.B.shape) };
      const { A, B, T, inverseT, balanced } = balancedProjection(watched, given, options);
      const before = { A: await read(given.A), B: await read(given.B) };
      const after = {
        A: await read(A),
        B: await read(B),
        T: await read(T),
        inverseT: await read(inverseT),
        balanced: await read(balanced),
      };
      for (const array of [given.A, given.B, A, B, T, inverseT, balanced]) la.dispose(array);
      return { before, after, qrCalls };
    },
  };
}

const wasm = await tensorAlgebra({ backend: 'wasm' });

/** The host engines and wasm, for `describe.each`. */
export const subjects: readonly (readonly [string, Subject])[] = [...hostEngines.map(([, la]) => subject(la)), subject(wasm)].map(
  (each) => [each.name, each] as const,
);

/** Sizes of a pair, and the seed of its singular vectors. */
export interface PairSizes {
  readonly m: number;
  readonly n: number;
  readonly r: number;
  readonly seed: number;
}

/** A batch of one: factors with these singular values and independent singular vectors. */
export function pairOf({ m, n, r, seed }: PairSizes, a: Float64Array, b: Float64Array): FactorPair<HostArray> {
  return {
    A: judge.fromArray(withSingularValues(seed, m, r, a).values, [1, m, r]),
    B: judge.fromArray(withSingularValues(seed + 7, r, n, b).values, [1, r, n]),
  };
}

/** Batches of one shape as one batch. */
export function stacked(pairs: readonly FactorPair<HostArray>[]): FactorPair<HostArray> {
  const join = (key: 'A' | 'B') =>
    judge.fromArray(
      pairs.flatMap((pair) => [...judge.toArray(pair[key])]),
      [pairs.length, ...pairs[0][key].shape.slice(1)],
    );
  return { A: join('A'), B: join('B') };
}

/** One member of each array of a batch. */
export function memberOf<Arrays extends Readonly<Record<string, HostArray>>>(arrays: Arrays, index: number): Arrays {
  const one = (x: HostArray): HostArray => {
    const size = judge.toArray(x).length / x.shape[0];
    return judge.fromArray(judge.toArray(x).subarray(index * size, (index + 1) * size), x.shape.slice(1));
  };
  return Object.fromEntries(Object.entries(arrays).map(([key, x]) => [key, one(x)])) as Arrays;
}

/** AᵀA and BBᵀ. */
export function gramsOfPair({ A, B }: FactorPair<HostArray>): { left: HostArray; right: HostArray } {
  return { left: judge.matmul(A, A, { transposeA: true }), right: judge.matmul(B, B, { transposeB: true }) };
}
