import type { Awaitable } from '../core/awaitable.js';
import { ConfigError, DomainError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { seededRandom } from '../core/random.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { checkFactorPair, type FactorPair } from '../metrics/factor-pair.js';
import type { Problem } from '../solvers/problem.js';
import { lanczos, onRows, type RitzPair } from './lanczos.js';
import { type PairCoordinates, pairCoordinates } from './pair-coordinates.js';
import { problemSpectrum } from './problem-spectrum.js';
import { short } from './slope-verdict.js';
import {
  denseSpectrum,
  ends,
  type HessianSpectrum,
  type HessianSpectrumOptions,
  hessianSpectrumOptions,
  type SpectrumSettings,
} from './spectrum-parts.js';

/** The Hessian of a cost of AB at a factor pair, as a map of directions. */
export interface FactorHessian<M> {
  /** The factor pair, A [.., m, r], B [.., r, n]. */
  readonly at: FactorPair<M>;
  /**
   * Returns the Hessian along u = { A: dA, B: dB }, with respect to the entries of the factors: see
   * {@link quadraticHessianVector}. Linear and symmetric.
   */
  hessianVector(u: FactorPair<M>): Awaitable<FactorPair<M>>;
}

/**
 * Computes the spectrum of the Hessian of a problem at a point, or of a cost of AB with respect to the factors.
 *
 * Of a problem on any manifold it is the Riemannian Hessian, as a symmetric map of the tangent space in the metric
 * there: dense in a {@link tangentBasis}, or its ends by Lanczos on tangents. At a critical point a negative eigenvalue
 * means a saddle. Where the problem states no second derivative that the manifold can convert, products are differences
 * of gradients, which the result says; they are those of the Hessian near critical points.
 *
 * A cost of X = AB is constant along (AR, R⁻¹B), so that at a critical point the r²-dimensional space {(AK, −KB)} lies
 * in the kernel. Lanczos works in its orthogonal complement. Away from critical points those directions are not in the
 * kernel, and only `'dense'` applies. A batch has one Hessian, in all its factors.
 *
 * @param problem - manifold, cost, gradient and, if there is one, `hessian`; a stochastic cost is taken on the batch of
 * step 0. For factor pairs: the engine of the factors.
 * @param x - the point. For factor pairs: point and Hessian-vector product, {@link FactorHessian}.
 * @param options - method and limits.
 * @returns the spectrum, in bounded work. Dense: r(m+n) products and 9·(r(m+n))³ flops. Lanczos: at most
 * `maxIterations` + 3 products, k steps also 8k²r(m+n) flops and memory for k pairs.
 * @throws ShapeError if the shapes do not fit; ConfigError for bad options; NumericalError if a product is not finite;
 * DomainError if the map is not symmetric (dense), or not zero along the gauge directions (Lanczos).
 *
 * @example
 * ```ts
 * import { type HostArray, hostAlgebra, sphere } from 'bures';
 * import { hessianSpectrum } from 'bures/diagnostics';
 *
 * // xᵀ diag(4, 3, 1) x on the sphere, at the eigenvector of the middle eigenvalue: a saddle.
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 1], [3]);
 * const problem = {
 *   manifold: sphere({ shape: [3] }),
 *   cost: (x: HostArray) => 0.5 * la.inner(x, la.multiply(spectrum, x)),
 *   gradient: { kind: 'ambient', at: (x: HostArray) => la.multiply(spectrum, x) },
 *   hessian: { kind: 'ambient', at: (_x: HostArray, u: HostArray) => la.multiply(spectrum, u) },
 * } as const;
 * const { eigenvalues, products } = await hessianSpectrum(problem, la.fromArray([0, 1, 0], [3]));
 * console.log(eigenvalues, products); // 1 − 3 and 4 − 3, exact
 * ```
 * @see Golub and Van Loan 2013, section 10.3; Castin et al., arXiv 2605.31484, for the kernel.
 */
export function hessianSpectrum<M, P, T, Z, G, Batch = undefined>(
  problem: Problem<M, P, T, Z, G, Batch>,
  x: P,
  options?: HessianSpectrumOptions,
): Promise<HessianSpectrum>;
export function hessianSpectrum<M>(
  la: LinearAlgebra<M>,
  hessian: FactorHessian<M>,
  options?: HessianSpectrumOptions,
): Promise<HessianSpectrum>;
export async function hessianSpectrum<M, P, T, Z, G, Batch>(
  problemOrEngine: Problem<M, P, T, Z, G, Batch> | LinearAlgebra<M>,
  at: P | FactorHessian<M>,
  options: HessianSpectrumOptions = {},
): Promise<HessianSpectrum> {
  return isEngine(problemOrEngine)
    ? pairSpectrum(problemOrEngine, at as FactorHessian<M>, options)
    : problemSpectrum(problemOrEngine, at as P, options);
}

function isEngine<M>(value: unknown): value is LinearAlgebra<M> {
  return typeof (value as Partial<LinearAlgebra<M>> | undefined)?.matmul === 'function';
}

async function pairSpectrum<M>(la: LinearAlgebra<M>, hessian: FactorHessian<M>, options: HessianSpectrumOptions): Promise<HessianSpectrum> {
  const { rank, batch } = checkFactorPair('hessianSpectrum', la, hessian?.at);
  if (typeof hessian.hessianVector !== 'function') {
    throw new ConfigError(
      `hessianSpectrum: expected hessianVector to be a function of a pair, got ${describeValue(hessian.hessianVector)}; for ½‖AB − Z‖² pass quadraticHessianVector(la, at, Z)`,
    );
  }
  const coordinates = pairCoordinates(la, hessian.at);
  const settings = { zeroTolerance: 10 * coordinates.size * la.epsilon, ...hessianSpectrumOptions.read('hessianSpectrum', options) };
  const dense = settings.method === 'dense' || (settings.method === 'auto' && coordinates.size <= settings.denseLimit);
  const gaugeDimension = batch.reduce((product, size) => product * size, rank * rank);
  const apply = async (row: M): Promise<M> => coordinates.pack(await hessian.hessianVector(coordinates.unpack(row)));
  const column = async (i: number): Promise<Float64Array> => {
    const unit = new Float64Array(coordinates.size);
    unit[i] = 1;
    return la.toArray(await apply(la.fromArray(unit, [1, coordinates.size])));
  };
  const spectrum = dense
    ? await denseSpectrum(la, coordinates.size, column, settings)
    : await lanczosSpectrum(la, coordinates, apply, gaugeDimension, settings);
  return { ...spectrum, products: 'exact' };
}

type RowMap<M> = (row: M) => Promise<M>;

async function lanczosSpectrum<M>(
  la: LinearAlgebra<M>,
  { size, offGauge }: PairCoordinates<M>,
  apply: RowMap<M>,
  gaugeDimension: number,
  { maxIterations, tolerance, zeroTolerance, seed, signal }: SpectrumSettings,
): Promise<Omit<HessianSpectrum, 'products'>> {
  const start = la.randomNormal([1, size], seededRandom(seed));
  const operator = { size, dimension: size - gaugeDimension, apply, project: offGauge };
  const found = await lanczos(la, onRows(la, operator), start, { maxIterations, tolerance, signal });
  const magnitude = Math.max(Math.abs(found.smallest.value), Math.abs(found.largest.value));
  await checkKernel(la, la.subtract(start, offGauge(start)), apply, magnitude);
  const residual = async ({ value, vector }: RitzPair<M>): Promise<number> => await la.norm(la.axpy(-value, vector, await apply(vector)));
  const smallest = Math.abs(found.smallest.value) <= zeroTolerance * magnitude ? 0 : found.smallest.value;
  return {
    method: 'lanczos',
    eigenvalues: Float64Array.of(found.smallest.value, found.largest.value),
    ...ends(smallest, found.largest.value),
    zeros: gaugeDimension,
    errorBounds: { smallest: await residual(found.smallest), largest: await residual(found.largest) },
    iterations: found.iterations,
    converged: found.converged,
  };
}

/** @throws DomainError if the Hessian does not vanish along a random gauge direction. */
async function checkKernel<M>(la: LinearAlgebra<M>, gauge: M, apply: RowMap<M>, magnitude: number): Promise<void> {
  const relative = (await la.norm(await apply(gauge))) / ((await la.norm(gauge)) * magnitude);
  if (!(relative > Math.cbrt(la.epsilon))) return;
  throw new DomainError(
    `hessianSpectrum: at a critical point of a cost of AB the Hessian vanishes along (AK, −KB), but there it is ${short(relative)} of its largest eigenvalue; ` +
      "converge to a minimizer first, or pass method: 'dense'",
  );
}
