/** The conditioning of a training loss at an adapter: the spectrum of its Hessian in all factors at once. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { ConfigError, DomainError, NumericalError } from '../../core/errors.js';
import { declareOptions, flag, number, option, size } from '../../core/options.js';
import { seededRandom } from '../../core/random.js';
import { lanczos, onRows } from '../../diagnostics/lanczos.js';
import { type PairCoordinates, pairCoordinates } from '../../diagnostics/pair-coordinates.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { TokenBatch } from '../../models/token-batch.js';
import { balancedProjection } from '../../retractions/balanced-projection.js';
import type { AbortSignalLike } from '../../solvers/run.js';
import type { AdapterStack } from '../adapter/adapter-layout.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';
import { adapterGradient } from './adapter-gradient.js';
import { countTargets } from './count-targets.js';

/** Options of {@link lossSpectrum}. */
export interface LossSpectrumOptions {
  /** If true, the spectrum is that at the balanced factors with the same products. Default: false. */
  readonly balanced?: boolean;
  /** Number of Lanczos steps, each of two gradients. Default: 24. */
  readonly iterations?: number;
  /** Number of random directions from which the mean square is estimated, each of two gradients. Default: 8. */
  readonly probes?: number;
  /**
   * Length of the difference of gradients that stands for a second derivative, relative to the norm of the factors. A
   * long one leaves the range in which the loss is quadratic, a short one loses to rounding; both show in the error
   * bounds. Default: 1e-5.
   */
  readonly difference?: number;
  /** Seed of the random directions. Default: 0. */
  readonly seed?: number;
  /** Signal that aborts the computation, which then throws a ConfigError. Default: none. */
  readonly signal?: AbortSignalLike;
}

const lossSpectrumOptions = declareOptions<LossSpectrumOptions>()({
  balanced: flag({ default: false }),
  iterations: size({ default: 24 }),
  probes: size({ default: 8 }),
  difference: number({ default: 1e-5, above: 0 }),
  seed: number({ default: 0 }),
  signal: option({ optional: true }),
});

/** Defaults of {@link LossSpectrumOptions}. */
export const lossSpectrumDefaults: Required<Omit<LossSpectrumOptions, 'signal'>> = lossSpectrumOptions.defaults;

/** The spectrum of the Hessian of a loss in all factors of an adapter, off the gauge directions. */
export interface LossSpectrum {
  /** The loss in nats a token. */
  readonly loss: number;
  /** Number of directions: the entries of all factors, less r² for each adapter. */
  readonly dimension: number;
  /** The largest eigenvalue. */
  readonly largest: number;
  /** The smallest eigenvalue, which is negative where the loss is not convex. */
  readonly smallest: number;
  /** Norms of Hy − λy for the unit vectors y of both ends. */
  readonly errorBounds: {
    /** That of the largest eigenvalue. */
    readonly largest: number;
    /** That of the smallest eigenvalue. */
    readonly smallest: number;
  };
  /** The root mean square of all eigenvalues, ‖H‖/√dimension, from random directions. */
  readonly rootMeanSquare: number;
  /**
   * The condition number that can be measured: the largest |eigenvalue| over the root mean square. The Hessian of a
   * model's loss is indefinite, so that the ratio of its ends says nothing.
   */
  readonly conditionNumber: number;
}

/**
 * Measures the conditioning of a training loss in the factors of an adapter: the ends of the spectrum of its Hessian
 * over all pairs at once, by Lanczos, and the root mean square of its eigenvalues.
 *
 * The directions (AK, −KB) of each pair, along which no loss of AB can change, are left out. Products with the Hessian
 * are differences of two float32 gradients: the error bounds say how far the ends can be trusted.
 *
 * It takes at most 2·(iterations + probes) + 5 gradients over the batches.
 *
 * @param adapter - an adapter of factor pairs, without dropout in the computation; magnitudes and other parameters are
 * held fixed.
 * @param batches - the data of the loss, whose tokens all count alike.
 * @param options - see {@link LossSpectrumOptions}.
 * @throws ConfigError for bad options, and for adapters without factor pairs; DomainError if no token counts;
 * NumericalError if a gradient is not finite.
 * @see Castin, Nadjahi, Ablin and Peyré, "Balanced LoRA", ICML 2026, arXiv 2605.31484, for the condition number that
 * balancing minimizes at a quadratic loss.
 */
export async function lossSpectrum(
  adapter: LoraAdapter,
  batches: readonly TokenBatch[],
  options: LossSpectrumOptions = {},
): Promise<LossSpectrum> {
  const { balanced, iterations, probes, difference, seed, signal } = lossSpectrumOptions.read('lossSpectrum', options);
  const space = await factorSpace(adapter, batches, balanced);
  const la = hostAlgebra();
  const step = difference * space.norm;
  /** Returns Hu for a unit row u. */
  const apply = async (row: HostArray): Promise<HostArray> => {
    if (signal?.aborted === true) throw new ConfigError('lossSpectrum: aborted by its signal; nothing is lost, call it again');
    const [after, before] = [await space.gradient(step, row), await space.gradient(-step, row)];
    return la.scale(1 / (2 * step), la.subtract(after, before));
  };
  const random = seededRandom(seed);
  const { size: length, dimension, project } = space;
  const operator = { size: length, dimension, apply, project };
  // Two ends to a few per mille, which is what the differences of gradients resolve.
  const found = await lanczos(la, onRows(la, operator), la.randomNormal([1, length], random), {
    maxIterations: iterations,
    tolerance: 1e-3,
    caller: 'lossSpectrum',
  });
  let squares = 0;
  for (let probe = 0; probe < probes; probe++) {
    const direction = project(la.randomNormal([1, length], random));
    const unit = la.scale(1 / la.norm(direction), direction);
    squares += la.norm(project(await apply(unit))) ** 2 / probes;
  }
  const [largest, smallest] = [found.largest.value, found.smallest.value];
  const residual = async (value: number, vector: HostArray): Promise<number> =>
    la.norm(la.axpy(-value, vector, project(await apply(vector))));
  const rootMeanSquare = Math.sqrt(squares);
  return {
    loss: space.loss,
    dimension,
    largest,
    smallest,
    errorBounds: {
      largest: await residual(largest, found.largest.vector),
      smallest: await residual(smallest, found.smallest.vector),
    },
    rootMeanSquare,
    conditionNumber: Math.max(Math.abs(largest), Math.abs(smallest)) / rootMeanSquare,
  };
}

/** All factors of an adapter as one row of numbers, with the gradient of the loss. */
interface FactorSpace {
  readonly size: number;
  readonly dimension: number;
  /** Norm of the factors. */
  readonly norm: number;
  readonly loss: number;
  /** Returns the gradient at the factors plus a multiple of a row. */
  gradient(factor: number, row: HostArray): Promise<HostArray>;
  /** Projects orthogonally onto the complement of the gauge directions of all pairs. */
  project(row: HostArray): HostArray;
}

/** The place of a stack in the row. */
interface StackPlace {
  readonly stack: AdapterStack;
  readonly pair: FactorPair<HostArray>;
  readonly coordinates: PairCoordinates<HostArray>;
  readonly from: number;
  readonly to: number;
}

async function factorSpace(adapter: LoraAdapter, batches: readonly TokenBatch[], balanced: boolean): Promise<FactorSpace> {
  const la = hostAlgebra();
  const places = await placesOf(adapter, balanced);
  const tokens = batches.reduce((sum, batch) => sum + countTargets(batch), 0);
  if (tokens === 0) {
    throw new DomainError('lossSpectrum: no token of the batches counts, since all their labels are masked; pass rows with answers');
  }
  const length = places.at(-1)?.to ?? 0;
  const gaugeDirections = places.reduce((sum, { stack: { rank, targets } }) => sum + rank * rank * targets.length, 0);
  const part = (row: HostArray, { from, to, coordinates }: StackPlace) => coordinates.unpack(la.slice(row, { columns: [from, to] }));
  const at = (factor: number, row: HostArray | undefined) =>
    places.map((place) => {
      const direction = row === undefined ? undefined : part(row, place);
      const moved = (side: 'A' | 'B') => (direction === undefined ? place.pair[side] : la.axpy(factor, direction[side], place.pair[side]));
      return { key: place.stack.key, A: moved('A'), B: moved('B') };
    });
  const evaluate = (factor: number, row: HostArray | undefined) => evaluateAt(adapter, batches, tokens, at(factor, row));
  const joined = (pairs: ReadonlyMap<string, FactorPair<HostArray>>): HostArray =>
    la.concat(
      places.map(({ stack, coordinates }) => coordinates.pack(pairs.get(stack.key) as FactorPair<HostArray>)),
      'columns',
    );
  const norm = Math.sqrt(places.reduce((sum, { pair: { A, B } }) => sum + la.norm(A) ** 2 + la.norm(B) ** 2, 0));
  return {
    size: length,
    dimension: length - gaugeDirections,
    norm,
    loss: (await evaluate(0, undefined)).loss,
    gradient: async (factor, row) => joined((await evaluate(factor, row)).pairs),
    project: (row) =>
      la.concat(
        places.map((place) => place.coordinates.offGauge(la.slice(row, { columns: [place.from, place.to] }))),
        'columns',
      ),
  };
}

async function placesOf({ model, layout, point }: LoraAdapter, balanced: boolean): Promise<readonly StackPlace[]> {
  const la = hostAlgebra();
  if (layout.stacks.length === 0 || layout.coordinates !== undefined) {
    throw new ConfigError(
      `lossSpectrum: expected an adapter of factor pairs, got ${layout.stacks.length === 0 ? 'one that trains the weights themselves' : "a geometry's own coordinates"}; save it, and load it without a method`,
    );
  }
  const places: StackPlace[] = [];
  for (const stack of layout.stacks) {
    const arrays = point.pairs?.[stack.key] as FactorPair<Tensor>;
    const onHost = async (array: Tensor): Promise<HostArray> => la.fromArray(await model.algebra.toArray(array), array.shape);
    const own = { A: await onHost(arrays.A), B: await onHost(arrays.B) };
    const pair = balanced ? balancedProjection(la, own) : own;
    const coordinates = pairCoordinates(la, pair);
    const from = places.at(-1)?.to ?? 0;
    places.push({ stack, pair: { A: pair.A, B: pair.B }, coordinates, from, to: from + coordinates.size });
  }
  return places;
}

/** Computes loss and gradient by the factors at given pairs, over all batches. */
async function evaluateAt(
  adapter: LoraAdapter,
  batches: readonly TokenBatch[],
  tokens: number,
  pairs: readonly (FactorPair<HostArray> & { readonly key: string })[],
): Promise<{ readonly loss: number; readonly pairs: ReadonlyMap<string, FactorPair<HostArray>> }> {
  const [la, host] = [adapter.model.algebra, hostAlgebra()];
  return la.tidy(async () => {
    const onEngine = (array: HostArray): Tensor => la.fromArray(host.toArray(array), host.shape(array));
    const moved = Object.fromEntries(pairs.map(({ key, A, B }) => [key, { A: onEngine(A), B: onEngine(B) }]));
    const x = { ...adapter.point, pairs: moved };
    let loss = 0;
    const sums = new Map<string, FactorPair<HostArray>>();
    for (const batch of batches) {
      if (countTargets(batch) === 0) continue;
      const part = await adapterGradient(adapter, x, batch, { denominator: tokens });
      loss += part.loss;
      for (const { key, A } of pairs) {
        const own = part.gradient.pairs?.[key] as FactorPair<Tensor>;
        const onHost = async (array: Tensor): Promise<HostArray> => host.fromArray(await la.toArray(array), array.shape);
        const gradient = { A: await onHost(own.A), B: await onHost(own.B) };
        const before = sums.get(key);
        sums.set(key, before === undefined ? gradient : { A: host.add(before.A, gradient.A), B: host.add(before.B, gradient.B) });
        if (!Number.isFinite(host.norm(gradient.A) + host.norm(gradient.B) + host.norm(A))) {
          throw new NumericalError(
            `lossSpectrum: the gradient of '${key}' is not finite; take an earlier checkpoint, or a smaller difference`,
          );
        }
      }
    }
    return { loss, pairs: sums };
  });
}
