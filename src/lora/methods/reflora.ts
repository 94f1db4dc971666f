import { ConfigError } from '../../core/errors.js';
import { choice, declareOptions } from '../../core/options.js';
import { square } from '../../linalg/derived.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import { euclideanFactors } from '../../manifolds/euclidean-factors.js';
import type { FactorManifold, FactorOptions } from '../../manifolds/factor-manifold.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import { adamw } from '../../solvers/directions/adam.js';
import { balancingPreconditioner, balancingPreconditionerOptions } from '../../solvers/directions/balancing-preconditioner.js';
import { adamwDirection } from './directions.js';
import { lora } from './lora.js';
import type { LoraDirection, LoraGeometry, LoraMethod, StackManifold } from './lora-method.js';
import { pairDirection } from './pair-direction.js';
import { compensatedStart, type LoraStart } from './start.js';

/** Options of {@link reflora}. */
export interface RefloraOptions {
  /**
   * The form of the paper: `'matrix'` leaves the factors and preconditions their gradients by an r×r matrix; `'scalar'`
   * leaves the gradients and rescales the factors to equal norms. Default: `'matrix'`.
   */
  readonly form?: (typeof forms)[number];
  /** Steps of plain AdamW at the start; none in the scalar form. Default: 0. */
  readonly warmup?: number;
}

const forms = ['matrix', 'scalar'] as const;

const refloraOptions = declareOptions<RefloraOptions>()({
  form: choice(forms, { default: 'matrix' }),
  ...balancingPreconditionerOptions.options,
});

/** Defaults of {@link reflora}. BaLoRA's experiments warm up for 100 steps. */
export const refloraDefaults: Required<RefloraOptions> = refloraOptions.defaults;

/**
 * RefLoRA: Euclidean factors, AdamW on the gradient that the balanced pair would have. Both factors start at random,
 * and their product is subtracted from the base.
 *
 * The scalar form takes steps of plain AdamW. At the start and after each step it rescales the pair by one number,
 *
 * $$ (A,B)\leftarrow(A\,p,\;B/p), \qquad p=\sqrt{\lVert B\rVert/\lVert A\rVert}, $$
 *
 * with Adam's moments divided and multiplied accordingly: balancing by multiples of the identity.
 *
 * @throws ConfigError on unknown options, if the warm-up is negative, or if one is given for the scalar form.
 * @see Zhang et al., "RefLoRA: refactored low-rank adaptation for efficient fine-tuning of large models", NeurIPS 2025.
 */
export function reflora(options: RefloraOptions = {}): LoraMethod {
  const { form, warmup } = refloraOptions.read('reflora', options);
  if (form === 'scalar' && warmup !== 0) {
    throw new ConfigError(
      `reflora: the scalar form has no preconditioner to warm up for, got warmup ${warmup}; leave it out, or choose form 'matrix'`,
    );
  }
  const base: LoraMethod = { ...lora(), name: 'reflora', start: compensatedStart };
  if (form === 'scalar') {
    return { ...base, geometry: equalNormGeometry, direction: adamwDirection('transport'), start: equalNormStart };
  }
  return { ...base, direction: refloraDirection({ warmup }) };
}

/**
 * Returns AdamW on the gradient that the balanced pair would have, after a warm-up: the direction of {@link reflora}'s
 * matrix form.
 */
export function refloraDirection(options: Pick<RefloraOptions, 'warmup'> = {}): LoraDirection {
  const { warmup } = balancingPreconditionerOptions.read('reflora', options);
  return pairDirection('reflora', (optimizer) => balancingPreconditioner(adamw(optimizer), { warmup }));
}

/** Euclidean factors, rescaled to equal norms after each step. */
const equalNormGeometry: LoraGeometry = {
  name: 'Euclidean factors of equal norms',
  manifold: (stack) => rescaledFactors(stack) as unknown as StackManifold,
};

/** {@link compensatedStart}, rescaled to equal norms. */
const equalNormStart: LoraStart = {
  ...compensatedStart,
  factors(context) {
    const pair = compensatedStart.factors(context);
    return rescaled(context.la, pair, equalizer(context.la, pair));
  },
};

/** {@link euclideanFactors} whose retraction ends at equal norms. */
function rescaledFactors<M>(options: FactorOptions<M>): FactorManifold<NoInfer<M>> {
  const base = euclideanFactors(options);
  const la = base.algebra;
  const retractTransport: (typeof base)['retractTransport'] = (x, u, t) => {
    const straight = base.retract(x, u, t);
    const { p, inverse } = equalizer(la, straight);
    const squared = { p: square(la, p), inverse: square(la, inverse) };
    return {
      point: rescaled(la, straight, { p, inverse }),
      vector: (v) => rescaled(la, v, { p, inverse }),
      covector: (g) => rescaled(la, g, { p: inverse, inverse: p }),
      secondMoment: (s) => rescaled(la, s, { p: squared.inverse, inverse: squared.p }),
    };
  };
  return { ...base, retractTransport, retract: (x, u, t) => retractTransport(x, u, t).point };
}

/** A number and its inverse, for each member of a batch. */
interface Scaling<M> {
  readonly p: M;
  readonly inverse: M;
}

/** Returns p = √(‖B‖/‖A‖), or 1 where a factor is zero and no p makes the norms equal. */
function equalizer<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>): Scaling<M> {
  const [normA, normB] = [la.normEach(A), la.normEach(B)];
  const present = la.multiply(la.sign(normA), la.sign(normB));
  const orOne = (norm: M): M => la.where(present, norm, la.full(la.shape(norm), 1));
  const ratio = la.divide(orOne(normB), orOne(normA));
  const p = la.sqrt(ratio);
  return { p, inverse: la.divide(la.full(la.shape(p), 1), p) };
}

/** Returns the pair (A p, B p⁻¹). */
function rescaled<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>, { p, inverse }: Scaling<M>): FactorPair<M> {
  return { A: la.scaleEach(p, A), B: la.scaleEach(inverse, B) };
}
