/** Creation of a new adapter: its layout on the model, and the start of its method. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { ConfigError, NumericalError } from '../../core/errors.js';
import { declareOptions, describeValue, number, option } from '../../core/options.js';
import { seededRandom } from '../../core/random.js';
import type { CausalLM } from '../../models/causal-lm.js';
import { nonFiniteError } from '../../models/non-finite.js';
import type { TokenBatch } from '../../models/token-batch.js';
import { lora } from '../methods/lora.js';
import type { LoraStart } from '../methods/start.js';
import type { TargetModule } from '../targets/target-modules.js';
import { type AdapterLayout, isTied, layOutAdapter, pairTargets } from './adapter-layout.js';
import { arraysOf, inCoordinates, type ModuleArrays, putTogether, type StackPairs, stackPairs } from './adapter-point.js';
import { matrixOf, weightName, weightOf, withReducedBase } from './base-weights.js';
import { LoraAdapter } from './lora-adapter.js';
import { type LoraConfig, resolveLoraConfig } from './lora-config.js';
import { meanGradients } from './mean-gradients.js';
import { startingParts } from './starting-parts.js';

/** Options of {@link createAdapter} besides the configuration. */
export interface CreateAdapterOptions {
  /** Seed of the random starts. Default: 0. */
  readonly seed?: number;
  /**
   * The batches over which a start such as LoRA-GA averages the gradient: the first ones, as many as the method needs.
   * Default: none; such a start then throws.
   */
  readonly batches?: readonly TokenBatch[];
}

const createAdapterOptions = declareOptions<CreateAdapterOptions>()({
  seed: number({ default: 0 }),
  batches: option({ optional: true }),
});

/**
 * Creates a new adapter on a model, with the start, scale, coordinates and magnitudes of its method.
 *
 * @param model - the model; starts that subtract their product from the base (OLoRA, PiSSA, LoRA-GA) change its weights
 * until the adapter is disposed of.
 * @param config - the method, the rank, the modules, and other settings.
 * @throws ConfigError if the configuration is wrong, combines parts that do not fit together, or does not fit the
 * model, if a rank is too large for a module or its start, or if the start needs more batches than there are;
 * ShapeError if a rank is not a positive integer; NumericalError naming a weight that is not finite, if the start is
 * computed from the weights. After an error the model is as before.
 */
export async function createAdapter(model: CausalLM, config: LoraConfig = {}, options: CreateAdapterOptions = {}): Promise<LoraAdapter> {
  const settings = createAdapterOptions.read('createAdapter', options);
  const resolved = resolveLoraConfig('createAdapter', config);
  const { method = lora() } = config;
  const { coordinates } = method.geometry;
  const layout = { ...layOutAdapter('createAdapter', model, resolved), ...(coordinates === undefined ? {} : { coordinates }) };
  checkRanks('createAdapter', layout);
  checkTied('createAdapter', model, layout, method.start);
  const { algebra } = model;
  return algebra.tidy(async () => {
    const factors = await startFactors('createAdapter', model, pairTargets(layout), method.start, settings);
    return onReducedBase(model, layout, method.start, factors, (taken) => {
      // After the change of the base, since DoRA's magnitudes are the row norms of reduced weight plus product.
      const point = inCoordinates(algebra, layout, putTogether(layout, startingParts(model, layout, factors)));
      return new LoraAdapter({ model, config: resolved, layout, point, method, ...taken });
    });
  });
}

/** @throws ConfigError for a start that would change an array which is also another weight of the model. */
function checkTied(caller: string, model: CausalLM, layout: AdapterLayout, { name: start, changesBase }: LoraStart): void {
  if (!changesBase) return;
  const tied = pairTargets(layout).find(({ module: { name } }) => isTied(model, name));
  if (tied === undefined) return;
  const { name, embedding = false } = tied.module;
  const shared = embedding ? `'${name}.weight' is that of the head` : `'${name}' is one array with '${weightName(model, name)}'`;
  throw new ConfigError(
    `${caller}: the start '${start}' takes its product out of the weight, and ${shared}, which would change with it; leave that module out, or take the start kaiming`,
  );
}

/** @throws ConfigError for a rank that is too large for a module, before anything of that size is allocated. */
function checkRanks(caller: string, { stacks, weights }: AdapterLayout): void {
  for (const { m, n, rank, targets } of [...stacks, ...weights]) {
    if (rank <= Math.min(m, n)) continue;
    throw new ConfigError(
      `${caller}: rank must be at most ${Math.min(m, n)} for '${targets[0].module.name}', whose weight is ${m}×${n}, got ${rank}; choose a lower rank, or one for this module with rankPattern`,
    );
  }
}

/**
 * Subtracts the product of a start's factors from the base if the start asks for it, then calls `use`. If either fails,
 * the base is restored, to rounding.
 *
 * @param use - is called with the factors that were subtracted, if any; its result is returned.
 */
export function onReducedBase<Result>(
  model: CausalLM,
  layout: AdapterLayout,
  start: LoraStart,
  factors: ReadonlyMap<string, ModuleArrays>,
  use: (taken: { readonly taken?: StackPairs }) => Result,
): Result {
  if (!start.changesBase) return use({});
  const taken = stackPairs(layout, factors);
  return withReducedBase(model, layout, taken, () => use({ taken }));
}

/**
 * Computes the initial factors of a start.
 *
 * @returns arrays by module, which belong to the current scope.
 * @throws NumericalError naming the base weight that is not finite, if the start is computed from the weights.
 */
export async function startFactors(
  caller: string,
  model: CausalLM,
  targets: readonly TargetModule[],
  start: LoraStart,
  options: CreateAdapterOptions,
): Promise<ReadonlyMap<string, ModuleArrays>> {
  const explained = (otherwise: string): Promise<NumericalError> =>
    nonFiniteError(`${caller}: the start '${start.name}' cannot be computed`, model, otherwise);
  let factors: ReadonlyMap<string, ModuleArrays>;
  try {
    factors = await computeFactors(caller, model, targets, start, options);
  } catch (error) {
    throw error instanceof NumericalError ? await explained(`take another start (${error.message})`) : error;
  }
  // A factorization of some columns ignores the others; subtracting such a product could spoil the whole weight.
  if (start.changesBase && !(await areFinite(model, factors))) throw await explained('its factors overflow float32: take another start');
  if (start.changesBase) await checkSizes(caller, model, targets, start, factors);
  return factors;
}

/**
 * Largest ratio of the product to the weight that it is subtracted from: float32 then still holds four digits of the
 * weight.
 */
const MOST_TAKEN = 1000;

/** @throws ConfigError if the product of a start is so large that rounding would destroy the weight. */
async function checkSizes(
  caller: string,
  model: CausalLM,
  targets: readonly TargetModule[],
  { name: start }: LoraStart,
  factors: ReadonlyMap<string, ModuleArrays>,
): Promise<void> {
  const la = model.algebra;
  for (const target of targets) {
    const { A, B } = arraysOf(factors, target);
    const [product, weight] = await la.tidy(() => Promise.all([la.norm(la.matmul(A, B)), la.norm(weightOf(model, target))]));
    if (!(weight > 0) || target.scale * product <= MOST_TAKEN * weight) continue;
    throw new ConfigError(
      `${caller}: the start '${start}' would take a product of norm ${(target.scale * product).toPrecision(3)} out of the weight of '${target.module.name}', of norm ${weight.toPrecision(3)}, of which rounding would leave nothing; lower alpha`,
    );
  }
}

async function areFinite({ algebra }: CausalLM, factors: ReadonlyMap<string, ModuleArrays>): Promise<boolean> {
  for (const { A, B } of factors.values()) for (const x of [A, B]) if (!(await algebra.toArray(x)).every(Number.isFinite)) return false;
  return true;
}

async function computeFactors(
  caller: string,
  model: CausalLM,
  targets: readonly TargetModule[],
  start: LoraStart,
  { seed = 0, batches = [] }: CreateAdapterOptions,
): Promise<ReadonlyMap<string, ModuleArrays>> {
  const la = model.algebra;
  const random = seededRandom(seed);
  const begin = (target: TargetModule, gradient?: Tensor): ModuleArrays =>
    la.tidy(() =>
      start.factors({
        ...{ caller, la, target, random, ...(gradient === undefined ? {} : { gradient }) },
        // Widened only for a start that asks for it.
        get weight() {
          return matrixOf(model, target);
        },
      }),
    );
  const { gradientBatches } = start;
  let factors: readonly ModuleArrays[];
  if (gradientBatches === undefined) factors = targets.map((target) => begin(target));
  else {
    if (!Array.isArray(batches) || batches.length < gradientBatches) {
      throw new ConfigError(
        `${caller}: the start '${start.name}' averages the gradient over ${gradientBatches} batches, got ${Array.isArray(batches) ? batches.length : describeValue(batches)}; pass that many as { batches }`,
      );
    }
    factors = await meanGradients(model, targets, batches.slice(0, gradientBatches), begin);
  }
  return new Map(targets.map(({ module }, i) => [module.name, factors[i]]));
}
