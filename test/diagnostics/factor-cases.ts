/** Factor pairs at minimizers of ½‖AB − Z‖², in chosen gauges. */
import { type FactorPair, type HostArray, hostAlgebra, seededRandom } from '../../src/index.js';
import { randomOrthonormal } from '../../src/manifolds/random-arrays.js';

export const la = hostAlgebra();

/** A minimizer, and the matrix it approximates. */
export interface FactorCase {
  readonly pair: FactorPair<HostArray>;
  readonly target: HostArray;
  readonly sigmas: readonly number[];
  readonly tail: readonly number[];
}

/** A change of gauge (AR, R⁻¹B). */
interface Gauge {
  readonly R: HostArray;
  readonly inverse: HostArray;
}

const vector = (values: readonly number[]): HostArray => la.fromArray(values, [values.length]);

/** (U diag(σ)^½ R, R⁻¹ diag(σ)^½ Vᵀ) for Z with singular values σ and tail; without a gauge R = I, which is balance. */
export function factorCase(
  seed: number,
  m: number,
  n: number,
  sigmas: readonly number[],
  tail: readonly number[] = [],
  gauge?: Gauge,
): FactorCase {
  const all = [...sigmas, ...tail];
  const random = seededRandom(seed);
  const [U, V] = [randomOrthonormal(la, [m, all.length], random), randomOrthonormal(la, [n, all.length], random)];
  const root = vector(sigmas.map(Math.sqrt));
  const leading = { columns: [0, sigmas.length] } as const;
  const A = la.scaleColumns(la.slice(U, leading), root);
  const B = la.transpose(la.scaleColumns(la.slice(V, leading), root));
  return {
    pair: gauge === undefined ? { A, B } : { A: la.matmul(A, gauge.R), B: la.matmul(gauge.inverse, B) },
    target: la.matmul(la.scaleColumns(U, vector(all)), V, { transposeB: true }),
    sigmas,
    tail,
  };
}

/** A random invertible R with its inverse: W diag(d) W'ᵀ, singular values between 1/stretch and stretch. */
export function randomGauge(seed: number, r: number, stretch: number): Gauge {
  const random = seededRandom(seed);
  const [left, right] = [randomOrthonormal(la, [r, r], random), randomOrthonormal(la, [r, r], random)];
  const d = Array.from({ length: r }, () => stretch ** (2 * random.uniform() - 1));
  return {
    R: la.matmul(la.scaleColumns(left, vector(d)), right, { transposeB: true }),
    inverse: la.matmul(la.scaleColumns(right, vector(d.map((value) => 1 / value))), left, { transposeB: true }),
  };
}

/** Normal entries: no critical point of anything. */
export function randomPair(seed: number, m: number, n: number, r: number): FactorPair<HostArray> {
  const random = seededRandom(seed);
  return { A: la.randomNormal([m, r], random), B: la.randomNormal([r, n], random) };
}
