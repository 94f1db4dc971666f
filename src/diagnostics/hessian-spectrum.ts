import type { Awaitable } from '../core/awaitable.js';
import { ConfigError, DomainError, NumericalError } from '../core/errors.js';
import { eventLoopYielder } from '../core/event-loop.js';
import { choice, declareOptions, describeValue, number, option, size } from '../core/options.js';
import { seededRandom } from '../core/random.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { checkFactorPair, type FactorPair } from '../metrics/factor-pair.js';
import { lanczos, type RitzPair } from './lanczos.js';
import { type PairCoordinates, pairCoordinates } from './pair-coordinates.js';
import { short } from './slope-verdict.js';

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

/** Options of {@link hessianSpectrum}. */
export interface HessianSpectrumOptions {
  /**
   * `'dense'`: all eigenvalues of the matrix, built column by column; `'lanczos'`: the ends of the spectrum off the
   * gauge directions, at a critical point; `'auto'`: dense up to `denseLimit` unknowns. Default: `'auto'`.
   */
  readonly method?: 'auto' | 'dense' | 'lanczos';
  /** Largest number of unknowns r(m + n) for which `'auto'` is dense. Default: 400. */
  readonly denseLimit?: number;
  /** Largest number of applications of the Hessian by Lanczos. Default: 300. */
  readonly maxIterations?: number;
  /**
   * Residual norm, relative to the largest eigenvalue, at which Lanczos stops; the eigenvalues are then accurate to
   * about its square. Default: 1e-8.
   */
  readonly tolerance?: number;
  /** Eigenvalues up to this times the largest count as zero. Default: 10·r(m + n)·ε. */
  readonly zeroTolerance?: number;
  /** Seed of Lanczos's first vector. Default: 0. */
  readonly seed?: number;
  /** Signal that aborts the computation, which then throws the signal's reason. Default: none. */
  readonly signal?: AbortSignal;
}

const hessianSpectrumOptions = declareOptions<HessianSpectrumOptions>()({
  method: choice(['auto', 'dense', 'lanczos'], { default: 'auto' }),
  // A 400×400 eigendecomposition takes well under a second.
  denseLimit: number({ default: 400, min: 0 }),
  // Enough for condition numbers of some thousands.
  maxIterations: size({ default: 300 }),
  // Residuals at √ε of float64.
  tolerance: number({ default: 1e-8, above: 0 }),
  zeroTolerance: number({ optional: true, min: 0 }),
  seed: number({ default: 0 }),
  signal: option({ optional: true }),
});

/** Defaults of {@link HessianSpectrumOptions}. */
export const hessianSpectrumDefaults: Required<Omit<HessianSpectrumOptions, 'zeroTolerance' | 'signal'>> = hessianSpectrumOptions.defaults;

/** One number for each end of the spectrum. */
export interface ExtremeValues {
  /** Value for the smallest eigenvalue that is not zero. */
  readonly smallest: number;
  /** Value for the largest eigenvalue. */
  readonly largest: number;
}

/** Result of {@link hessianSpectrum}. */
export interface HessianSpectrum {
  /** The method that was used. */
  readonly method: 'dense' | 'lanczos';
  /** All eigenvalues, ascending (dense), or the two ends off the gauge directions (Lanczos). */
  readonly eigenvalues: Float64Array;
  /** The largest eigenvalue. */
  readonly largest: number;
  /**
   * The smallest eigenvalue that does not count as zero: negative at a saddle. From Lanczos it is 0 if the Hessian
   * vanishes off the gauge directions too.
   */
  readonly smallest: number;
  /**
   * Number of eigenvalues that count as zero (dense), or dimension r² of the gauge directions left out, summed over the
   * batch (Lanczos).
   */
  readonly zeros: number;
  /** largest / smallest if all eigenvalues that do not count as zero are positive, else `Infinity`. */
  readonly conditionNumber: number;
  /**
   * Bounds on |λ − true eigenvalue| for `smallest` and `largest`: the norm of Hy − λy (Lanczos), or the rounding of the
   * eigensolver (dense).
   */
  readonly errorBounds: ExtremeValues;
  /** Number of applications of the Hessian. */
  readonly iterations: number;
  /** True if Lanczos reached its tolerance; always true if dense. */
  readonly converged: boolean;
}

/**
 * Computes the spectrum of the Hessian of a cost of AB with respect to the factors.
 *
 * A cost of X = AB is constant along (AR, R⁻¹B), so that at a critical point the r²-dimensional space {(AK, −KB)} lies
 * in the kernel. Lanczos works in its orthogonal complement. Away from critical points those directions are not in the
 * kernel, and only `'dense'` applies. A batch has one Hessian, in all its factors.
 *
 * @param la - the engine of the factors.
 * @param hessian - point and Hessian-vector product.
 * @param options - method and limits.
 * @returns the spectrum, in bounded work. Dense: r(m+n) products and 9·(r(m+n))³ flops. Lanczos: at most
 * `maxIterations` + 3 products, k steps also 8k²r(m+n) flops and memory for k pairs.
 * @throws ShapeError if the shapes do not fit; ConfigError for bad options; NumericalError if a product is not finite;
 * DomainError if the map is not symmetric (dense), or not zero along the gauge directions (Lanczos).
 * @see Golub and Van Loan 2013, section 10.3; Castin et al., arXiv 2605.31484, for the kernel.
 */
export async function hessianSpectrum<M>(
  la: LinearAlgebra<M>,
  hessian: FactorHessian<M>,
  options: HessianSpectrumOptions = {},
): Promise<HessianSpectrum> {
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
  return dense ? denseSpectrum(la, coordinates.size, apply, settings) : lanczosSpectrum(la, coordinates, apply, gaugeDimension, settings);
}

type Settings = Required<Omit<HessianSpectrumOptions, 'signal'>> & Pick<HessianSpectrumOptions, 'signal'>;

type RowMap<M> = (row: M) => Promise<M>;

async function denseSpectrum<M>(
  la: LinearAlgebra<M>,
  size: number,
  apply: RowMap<M>,
  { zeroTolerance, signal }: Settings,
): Promise<HessianSpectrum> {
  const entries = new Float64Array(size * size);
  const yieldToEventLoop = eventLoopYielder();
  for (let i = 0; i < size; i++) {
    signal?.throwIfAborted();
    await yieldToEventLoop();
    const unit = new Float64Array(size);
    unit[i] = 1;
    entries.set(await la.toArray(await apply(la.fromArray(unit, [1, size]))), i * size);
  }
  symmetrize(entries, size, la.epsilon);
  const eigenvalues = await la.toArray(la.eigh(la.fromArray(entries, [size, size])).values);
  const magnitude = Math.max(Math.abs(eigenvalues[0]), Math.abs(eigenvalues[size - 1]));
  const nonzero = eigenvalues.filter((value) => Math.abs(value) > zeroTolerance * magnitude);
  const rounding = size * la.epsilon * magnitude;
  return {
    method: 'dense',
    eigenvalues,
    ...ends(nonzero[0] ?? 0, eigenvalues[size - 1]),
    zeros: size - nonzero.length,
    errorBounds: { smallest: rounding, largest: rounding },
    iterations: size,
    converged: true,
  };
}

/**
 * Replaces a matrix by its symmetric part.
 *
 * @throws NumericalError if an entry is not finite, DomainError if the matrix is far from symmetric.
 */
function symmetrize(entries: Float64Array, size: number, epsilon: number): void {
  let largest = 0;
  let asymmetry = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      const [below, above] = [entries[i * size + j], entries[j * size + i]];
      if (!Number.isFinite(below + above)) {
        throw new NumericalError(
          `hessianSpectrum: expected finite products, got ${below} and ${above} at (${i}, ${j}); check hessianVector and the point`,
        );
      }
      largest = Math.max(largest, Math.abs(below), Math.abs(above));
      asymmetry = Math.max(asymmetry, Math.abs(below - above));
      entries[i * size + j] = (below + above) / 2;
      entries[j * size + i] = entries[i * size + j];
    }
  }
  // Products by differences of gradients reach an accuracy of ε^⅓.
  if (asymmetry <= Math.cbrt(epsilon) * largest) return;
  throw new DomainError(
    `hessianSpectrum: expected a symmetric map, but entries mirrored at the diagonal differ by ${short(asymmetry)} where the largest is ${short(largest)}; ` +
      'hessianVector must be the second derivative by the entries of A and B',
  );
}

/** Returns the ends of the spectrum with the condition number they imply. */
function ends(smallest: number, largest: number): Pick<HessianSpectrum, 'smallest' | 'largest' | 'conditionNumber'> {
  return { smallest, largest, conditionNumber: smallest > 0 ? largest / smallest : Number.POSITIVE_INFINITY };
}

async function lanczosSpectrum<M>(
  la: LinearAlgebra<M>,
  { size, offGauge }: PairCoordinates<M>,
  apply: RowMap<M>,
  gaugeDimension: number,
  { maxIterations, tolerance, zeroTolerance, seed, signal }: Settings,
): Promise<HessianSpectrum> {
  const start = la.randomNormal([1, size], seededRandom(seed));
  const operator = { size, dimension: size - gaugeDimension, apply, project: offGauge };
  const found = await lanczos(la, operator, start, { maxIterations, tolerance, signal });
  const magnitude = Math.max(Math.abs(found.smallest.value), Math.abs(found.largest.value));
  await checkKernel(la, la.subtract(start, offGauge(start)), apply, magnitude);
  const residual = async ({ value, vector }: RitzPair<M>): Promise<number> => la.norm(la.axpy(-value, vector, await apply(vector)));
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
