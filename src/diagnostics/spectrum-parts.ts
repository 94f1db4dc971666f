/** Options and results of Hessian spectra, and the dense method. */
import '../linalg/host/whole-engine.js';
import { DomainError, NumericalError } from '../core/errors.js';
import { eventLoopYielder } from '../core/event-loop.js';
import { choice, declareOptions, number, option, size } from '../core/options.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { type AbortSignalLike, throwIfAborted } from '../solvers/run.js';
import { short } from './slope-verdict.js';

/** Options of {@link hessianSpectrum}. */
export interface HessianSpectrumOptions {
  /**
   * `'dense'`: all eigenvalues of the matrix, built column by column; `'lanczos'`: the ends of the spectrum, of factor
   * pairs off the gauge directions and at a critical point; `'auto'`: dense up to `denseLimit` unknowns. Default:
   * `'auto'`.
   */
  readonly method?: 'auto' | 'dense' | 'lanczos';
  /**
   * Largest number of unknowns, r(m + n) or the dimension of the manifold, for which `'auto'` is dense. Default: 400.
   */
  readonly denseLimit?: number;
  /** Largest number of applications of the Hessian by Lanczos. Default: 300. */
  readonly maxIterations?: number;
  /**
   * Residual norm, relative to the largest eigenvalue, at which Lanczos stops; the eigenvalues are then accurate to
   * about its square. Default: 1e-8.
   */
  readonly tolerance?: number;
  /**
   * Eigenvalues up to this times the largest count as zero, as do those that rounding of the products may have made.
   * Default: 10·ε times the number of unknowns, and 10√ε if products are differences of gradients.
   */
  readonly zeroTolerance?: number;
  /** Seed of Lanczos's first vector. Default: 0. */
  readonly seed?: number;
  /** Signal that aborts the computation, which then throws the signal's reason. Default: none. */
  readonly signal?: AbortSignalLike;
}

/** Declares the options of `hessianSpectrum`. */
export const hessianSpectrumOptions = declareOptions<HessianSpectrumOptions>()({
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
  /**
   * Whether Hessian products were exact, or differences of gradients, since the problem states no second derivative.
   */
  readonly products: 'exact' | 'differences';
  /** All eigenvalues, ascending (dense), or the two ends, of factor pairs off the gauge directions (Lanczos). */
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
   * batch (Lanczos on factor pairs; on a problem 0, or 1 if the smaller end counts as zero).
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

/** Options of {@link hessianSpectrum} as they are used. */
export type SpectrumSettings = Required<Omit<HessianSpectrumOptions, 'signal'>> & Pick<HessianSpectrumOptions, 'signal'>;

/**
 * Computes all eigenvalues of a symmetric matrix that is built column by column.
 *
 * @param column - returns column i; the matrix is symmetric to ε^⅓, as differences of gradients are.
 * @param settings - with `noise`, the eigenvalues that rounding alone may make. Default: 0, for none beside the
 * largest.
 * @param accuracy - relative error of the columns.
 * @throws NumericalError if an entry is not finite, DomainError if the matrix is far from symmetric.
 */
export async function denseSpectrum<M>(
  la: LinearAlgebra<M>,
  size: number,
  column: (i: number) => Promise<ArrayLike<number>>,
  { zeroTolerance, signal, noise = 0 }: Pick<SpectrumSettings, 'zeroTolerance' | 'signal'> & { readonly noise?: number },
  accuracy = la.epsilon,
): Promise<Omit<HessianSpectrum, 'products'>> {
  const entries = new Float64Array(size * size);
  const yieldToEventLoop = eventLoopYielder();
  for (let i = 0; i < size; i++) {
    throwIfAborted(signal);
    await yieldToEventLoop();
    entries.set(await column(i), i * size);
  }
  symmetrize(entries, size, la.epsilon, noise);
  const eigenvalues = await la.toArray(la.eigh(la.fromArray(entries, [size, size])).values);
  const magnitude = Math.max(Math.abs(eigenvalues[0]), Math.abs(eigenvalues[size - 1]));
  const nonzero = eigenvalues.filter((value) => Math.abs(value) > Math.max(noise, zeroTolerance * magnitude));
  const rounding = Math.max(noise, Math.max(size * la.epsilon, accuracy === la.epsilon ? 0 : accuracy) * magnitude);
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
function symmetrize(entries: Float64Array, size: number, epsilon: number, noise: number): void {
  let largest = 0;
  let asymmetry = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      const [below, above] = [entries[i * size + j], entries[j * size + i]];
      if (!Number.isFinite(below + above)) {
        throw new NumericalError(
          `hessianSpectrum: expected finite products, got ${below} and ${above} at (${i}, ${j}); check the Hessian products, and the point`,
        );
      }
      largest = Math.max(largest, Math.abs(below), Math.abs(above));
      asymmetry = Math.max(asymmetry, Math.abs(below - above));
      entries[i * size + j] = (below + above) / 2;
      entries[j * size + i] = entries[i * size + j];
    }
  }
  // Products by differences of gradients reach an accuracy of ε^⅓.
  if (asymmetry <= Math.max(noise, Math.cbrt(epsilon) * largest)) return;
  throw new DomainError(
    `hessianSpectrum: expected a symmetric map, but entries mirrored at the diagonal differ by ${short(asymmetry)} where the largest is ${short(largest)}; ` +
      'products must be second derivatives, or differences of gradients near a critical point (see checkHessian)',
  );
}

/** Returns the ends of the spectrum with the condition number they imply. */
export function ends(smallest: number, largest: number): Pick<HessianSpectrum, 'smallest' | 'largest' | 'conditionNumber'> {
  return { smallest, largest, conditionNumber: smallest > 0 ? largest / smallest : Number.POSITIVE_INFINITY };
}
