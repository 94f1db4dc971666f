import { ConfigError } from '../../core/errors.js';
import { checkNumber, checkPositiveInteger, choice, declareOptions, number, option } from '../../core/options.js';
import type { SvdFactors } from '../../linalg/linear-algebra-types.js';
import { leadingTriplesOf } from '../../linalg/subspace-iteration.js';
import { lora } from './lora.js';
import type { LoraMethod } from './lora-method.js';
import type { LoraStart, StartContext } from './start.js';

/** Options of {@link loraGa} and {@link loraGaStart}. */
export interface LoraGaOptions {
  /** Number of batches over which the gradient is averaged, at most 4096. Default: 8. */
  readonly batches?: number;
  /** γ, which sets the size of the factors: c = m^¼/√γ. Default: 16. */
  readonly gamma?: number;
  /**
   * The formula of the authors' code, or that of PEFT 0.21, which leaves B at norm 1 and scales A by the singular
   * values. Default: `'authors'`.
   */
  readonly formula?: 'authors' | 'peft';
}

/** Largest number of batches over which the gradient is averaged; all are held in memory. */
const MOST_BATCHES = 4096;

const loraGaOptions = declareOptions<LoraGaOptions>()({
  batches: option({ default: 8 }, (caller, name, value) => {
    checkPositiveInteger(caller, name, value);
    checkNumber(caller, name, value, { max: MOST_BATCHES });
  }),
  gamma: number({ default: 16, above: 0 }),
  formula: choice(['authors', 'peft'], { default: 'authors' }),
});

/** Defaults of {@link loraGa}, those of the authors. */
export const loraGaDefaults: Required<LoraGaOptions> = loraGaOptions.defaults;

/**
 * Returns the start of LoRA-GA. With the SVD G = USVᵀ of the mean gradient with respect to the weight and c = m^¼/√γ,
 *
 * $$ A=c\,U_{:,\,r:2r}, \qquad B=c\,V_{:,\,:r}^\top, $$
 *
 * and s·AB is subtracted from W, so that the first step of the pair moves W as the first step of full fine-tuning
 * would, to rank 2r. The formula `'peft'` has B = V_{:, :r}ᵀ and A = U_{:, r:2r}diag(S_{r:2r})·c, with c from the first
 * axis of the weight as it is stored, which is n for GPT-2's Conv1D.
 *
 * @throws ConfigError on unknown options; ConfigError from the start if a module has fewer than 2r rows or columns.
 * @see Wang, Yu and Li, "LoRA-GA: low-rank adaptation with gradient approximation", NeurIPS 2024, theorem 3.1 and
 * section 3.3.
 */
export function loraGaStart(options: LoraGaOptions = {}): LoraStart {
  const { batches, gamma, formula } = loraGaOptions.read('loraGa', options);
  return {
    name: 'lora-ga',
    changesBase: true,
    gradientBatches: batches,
    factors(context) {
      const { la, target } = context;
      const { rank, module } = target;
      const { U, S, V } = leadingTriples(context, 2 * rank);
      const second = { columns: [rank, 2 * rank] } as const;
      const left = la.slice(U, second);
      const right = la.transpose(la.slice(V, { columns: [0, rank] }));
      const size = formula === 'peft' && module.fanInFanOut ? module.inFeatures : module.outFeatures;
      const c = size ** 0.25 / Math.sqrt(gamma);
      if (formula === 'authors') return { A: la.scale(c, left), B: la.scale(c, right) };
      const values = la.reshape(la.slice(la.reshape(S, [1, 2 * rank]), second), [rank]);
      return { A: la.scaleColumns(left, la.scale(c, values)), B: right };
    },
  };
}

/** Returns the leading singular triples of the gradient. */
function leadingTriples({ caller, la, target, gradient, random }: StartContext, count: number): SvdFactors<StartContext['weight']> {
  const { name, outFeatures: m, inFeatures: n } = target.module;
  if (gradient === undefined) throw new TypeError(`loraGaStart: there is no gradient for ${name}`);
  if (count > Math.min(m, n)) {
    throw new ConfigError(
      `${caller}: rank ${target.rank} takes ${count} singular vectors of the gradient, but '${name}' is ${m}×${n}; choose a rank of at most ${Math.floor(Math.min(m, n) / 2)}, or one for this module with rankPattern`,
    );
  }
  return leadingTriplesOf(la, gradient, count, random);
}

/**
 * LoRA-GA: LoRA that starts at the singular vectors of the gradient, averaged over batches of the data. With balanced
 * factors, `{ ...balora(), start: loraGaStart() }`, it is BaLoRA-GA.
 *
 * The formula is that of the authors' code; PEFT 0.21 has another, an option here. Unlike in both, the gradient is
 * computed one group of modules at a time, and its SVD deterministically.
 *
 * @throws ConfigError as {@link loraGaStart} does.
 * @see Wang, Yu and Li, "LoRA-GA: low-rank adaptation with gradient approximation", NeurIPS 2024.
 */
export function loraGa(options: LoraGaOptions = {}): LoraMethod {
  return { ...lora(), name: 'lora-ga', start: loraGaStart(options) };
}
