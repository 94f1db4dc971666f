/** The start of an adapter at another one: `finetune --init-adapter`, and any method in a program. */
import { callerOption, givenCaller } from '../../core/caller-option.js';
import { counted } from '../../core/counted.js';
import { ConfigError } from '../../core/errors.js';
import { declareOptions, flag } from '../../core/options.js';
import type { Files } from '../../io/files/files.js';
import { filesOption } from '../../io/files/files-option.js';
import { hostAlgebra } from '../../linalg/host/host-algebra.js';
import { balancedProjection } from '../../retractions/balanced-projection.js';
import type { LoraStart } from '../methods/start.js';
import { type AdapterPair, openAdapter } from './open-adapter.js';
import { readSource } from './source-adapter.js';

/** Options of {@link adapterStart}. */
export interface AdapterStartOptions {
  /**
   * If true, the factors are brought into balanced gauge, AᵀA = BBᵀ, with the same product. Default: false, they stay
   * as they are, but for a scale.
   */
  readonly balanced?: boolean;
  /** Where the adapter lies. Default: `nodeFiles`, the files of this machine. */
  readonly files?: Files;
  /** Name that messages begin with: the function or command that the user called. Default: `'adapterStart'`. */
  readonly caller?: string;
}

/** A start at another adapter. */
export interface AdapterStart extends LoraStart {
  /** Rank of the adapter of each module, by the module's name, in the order of the file. */
  readonly ranks: ReadonlyMap<string, number>;
}

const adapterStartOptions = declareOptions<AdapterStartOptions>()({
  balanced: flag({ default: false }),
  files: filesOption,
  caller: callerOption,
});

/**
 * Returns the start at an adapter in PEFT's format: training goes on from its ΔW, with any method, optimizer or data.
 * The new adapter may have another α: its factors are scaled so that s·AB is the same.
 *
 * @param folder - a folder with adapter_config.json and adapter_model.safetensors.
 * @param options - see {@link AdapterStartOptions}.
 * @returns a start for {@link createAdapter}, which asks for the same ranks, and for no other modules than the adapter
 * has. It holds the factors in float64.
 * @throws ConfigError if this is no LoRA adapter, has more than pairs (magnitudes of DoRA, trained biases and modules),
 * or was saved after a start that changed the base (PiSSA, OLoRA) and not in portable form; FormatError if its tensors
 * do not fit.
 *
 * @example
 * ```ts
 * import { adapterStart, balora, createAdapter } from 'bures/lora';
 * import type { CausalLM } from 'bures/models';
 *
 * export async function continued(model: CausalLM, folder: string) {
 *   const start = await adapterStart(folder, { balanced: true });
 *   const [rank] = start.ranks.values();
 *   return createAdapter(model, { method: { ...balora(), start }, rank, targetModules: [...start.ranks.keys()] });
 * }
 * ```
 */
export async function adapterStart(folder: string, options: AdapterStartOptions = {}): Promise<AdapterStart> {
  const { balanced, files, caller = 'adapterStart' } = adapterStartOptions.read(givenCaller('adapterStart', options), options);
  const adapter = await openAdapter(folder, { files, caller });
  const pairs = new Map<string, AdapterPair>();
  try {
    await readSource(caller, adapter, folder);
    for (const module of adapter.modules) pairs.set(module, await adapter.pair(module));
    const own = new Set([...pairs.values()].flatMap(({ tensors: { A, B } }) => [A.name, B.name]));
    const other = [...adapter.store.entries.keys()].filter((name) => !own.has(name));
    if (other.length > 0) {
      throw new ConfigError(
        `${caller}: expected an adapter of pairs alone, but ${folder} has ${counted(other.length, 'other tensor')}, such as '${other[0]}'; ` +
          'merge it into its base with bures merge, and train on that',
      );
    }
  } finally {
    await adapter.close();
  }
  return {
    name: 'adapter',
    changesBase: false,
    ranks: new Map([...pairs].map(([module, { A }]) => [module, A.shape[1]])),
    factors({ caller: by, la, target: { module, rank, scale } }) {
      const pair = pairs.get(module.name);
      if (pair === undefined) {
        throw new ConfigError(
          `${by}: ${folder} has no adapter for '${module.name}', only for ${counted(pairs.size, 'module')} such as '${[...pairs.keys()][0]}'; name the modules that it has as targetModules`,
        );
      }
      const [m, n] = [module.outFeatures, module.inFeatures];
      if (pair.A.shape[1] !== rank || pair.A.shape[0] !== m || pair.B.shape[1] !== n) {
        throw new ConfigError(
          `${by}: expected an adapter of rank ${rank} for the ${m}×${n} weight of '${module.name}', got one of rank ${pair.A.shape[1]} for ${pair.A.shape[0]}×${pair.B.shape[1]} in ${folder}; ` +
            'take its rank and the model that it belongs to',
        );
      }
      const host = hostAlgebra();
      // Half of the change of scale on each side: a balanced pair stays balanced.
      const root = Math.sqrt(pair.scale / scale);
      const scaled = { A: host.scale(root, pair.A), B: host.scale(root, pair.B) };
      const { A, B } = balanced ? balancedProjection(host, scaled) : scaled;
      return { A: la.fromArray(host.peek(A), [m, rank]), B: la.fromArray(host.peek(B), [rank, n]) };
    },
  };
}
