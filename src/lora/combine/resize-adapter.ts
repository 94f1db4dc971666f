/** Rewrites an adapter with another rank. */
import { callerOption, givenCaller } from '../../core/caller-option.js';
import { ConfigError } from '../../core/errors.js';
import { largest, least } from '../../core/extremes.js';
import { declareOptions, flag, number, option, size } from '../../core/options.js';
import { type Random, seededRandom } from '../../core/random.js';
import type { Files } from '../../io/files/files.js';
import { filesOption } from '../../io/files/files-option.js';
import { lastName } from '../../io/files/slash-path.js';
import type { TensorData } from '../../io/safetensors/serialize-tensors.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import { checkOtherFolder } from '../peft/adapter-files.js';
import type { AdapterPair, OpenAdapter } from '../peft/open-adapter.js';
import { readSource } from '../peft/source-adapter.js';
import { storedFactor } from '../peft/stored-factor.js';
import { type PairScale, ranksConfig } from './ranks-config.js';
import { nearestPair, padPair, smallestRank, tailAt, updateSpectrum } from './truncate-update.js';
import { relativeError, writeFactors } from './write-factors.js';

/** Options of {@link resizeAdapter}: `rank` or `error`, one of them. */
export interface ResizeAdapterOptions {
  /** The rank of every module. Default: the smallest one of each module that `error` allows. */
  readonly rank?: number;
  /**
   * Largest relative error ‖ΔW' − ΔW‖/‖ΔW‖ of each module, in the Frobenius norm, between 0 and 1; it holds for all
   * modules together too. Each module gets the smallest rank within it, at least 1. Default: `rank` decides.
   */
  readonly error?: number;
  /** Seed of the random rows of a rank that grows. Default: 0. */
  readonly seed?: number;
  /** If true, F16 and BF16 factors keep their format; otherwise F32 is written. Default: false. */
  readonly keepDtype?: boolean;
  /** Where to write. Default: `nodeFiles`, the files of this machine. */
  readonly files?: Files;
  /**
   * Called before each module; what it throws ends the work, and nothing is left behind. Default: nothing is called.
   */
  readonly check?: () => Promise<void>;
  /** Name that messages begin with: the function or command that the user called. Default: `'resizeAdapter'`. */
  readonly caller?: string;
}

const resizeAdapterOptions = declareOptions<ResizeAdapterOptions>()({
  rank: size({ optional: true }),
  error: number({ optional: true, above: 0, below: 1 }),
  seed: option({ default: 0 }, (_caller, _name, seed) => void seededRandom(seed as number)),
  keepDtype: flag({ default: false }),
  files: filesOption,
  check: option({ optional: true }),
  caller: callerOption,
});

/** Defaults of {@link ResizeAdapterOptions}: seed 0, and F32 is written. */
export const resizeAdapterDefaults: Required<Pick<ResizeAdapterOptions, 'seed' | 'keepDtype'>> = resizeAdapterOptions.defaults;

/** Result for one module. */
export interface ResizedModule {
  /** Name of the module. */
  readonly module: string;
  /** The sizes m, n of ΔW. */
  readonly shape: readonly [number, number];
  /** The rank before and after. */
  readonly rank: {
    /** That of the source. */
    readonly before: number;
    /** That of the adapter written. */
    readonly after: number;
  };
  /** ‖ΔW' − ΔW‖/‖ΔW‖ of the truncation, in the Frobenius norm; 0 where the rank has not fallen. */
  readonly error: number;
}

/** Result of {@link resizeAdapter}. */
export interface ResizedAdapter {
  /** The modules, in the order of the file. */
  readonly modules: readonly ResizedModule[];
  /** The relative error of all modules together: the root of Σ‖ΔW' − ΔW‖²/Σ‖ΔW‖². */
  readonly error: number;
  /** True if the folder has a README.md of another hand, so that no model card was written. */
  readonly keptReadme: boolean;
}

/**
 * Writes an adapter with another rank, from the factors alone.
 *
 * A lower rank is the truncated singular value decomposition of ΔW, the nearest in Frobenius norm, by QR of the factors
 * and an SVD of size r; its factors are balanced, AᵀA = BBᵀ. A higher rank leaves ΔW as it is: A (PEFT's lora_B) gets
 * columns of zeros and B (lora_A) random rows, as a fresh adapter starts, so that the new directions train from the
 * first step. A module that has the rank already keeps its factors. The scale of every module stays, so that α follows
 * the rank. Tensors that do not belong to a LoRA pair are copied byte for byte. A model card, README.md, is written
 * beside it.
 *
 * @param adapter - an adapter that {@link openAdapter} opened.
 * @param out - the folder to write, created if missing.
 * @param options - see {@link ResizeAdapterOptions}.
 * @returns the ranks and the errors.
 * @throws ConfigError unless exactly one of `rank` and `error` is given, for a rank above the sizes of a module, for an
 * adapter that is no product of factors (DoRA, a changed base, trained weights), or if `out` is its own folder;
 * NumericalError if a factor leaves the range of its format; BackendError if the file system refuses. Nothing is left
 * behind then.
 */
export async function resizeAdapter(adapter: OpenAdapter, out: string, options: ResizeAdapterOptions): Promise<ResizedAdapter> {
  const own = givenCaller('resizeAdapter', options);
  const { rank, error, seed, keepDtype, files, check = async () => {}, caller = own } = resizeAdapterOptions.read(own, options);
  if ((rank === undefined) === (error === undefined)) {
    throw new ConfigError(
      `${caller}: expected rank or error, one of them, got ${rank === undefined ? 'neither' : 'both'}; pass the rank of all modules, or the relative error that each may have`,
    );
  }
  checkOtherFolder(caller, adapter, { files, folder: out });
  const { config, content } = await readSource(caller, adapter, lastName(adapter.folder));
  const random = seededRandom(seed);
  const tensors = new Map<string, TensorData>();
  const [modules, scales]: [(ResizedModule & Norms)[], Map<string, PairScale>] = [[], new Map()];
  for (const name of adapter.modules) {
    await check();
    const pair = await adapter.pair(name);
    const { pair: resized, ...norms } = resizedPair(caller, pair, rank, error, random);
    const [before, after] = [pair.tensors.A.shape[1], hostAlgebra().shape(resized.A)[1]];
    for (const side of ['A', 'B'] as const) {
      const { name: tensor, dtype } = pair.tensors[side];
      const format = { dtype: keepDtype ? dtype : 'F32', shape: hostAlgebra().shape(resized[side]), changed: 'resized' } as const;
      tensors.set(tensor, storedFactor(caller, tensor, hostAlgebra().toArray(resized[side]), format));
    }
    scales.set(name, { rank: after, scale: pair.scale });
    const shape = [pair.tensors.A.shape[0], pair.tensors.B.shape[1]] as const;
    modules.push({ module: name, shape, rank: { before, after }, error: relativeError([norms]), ...norms });
  }
  const kept = [...adapter.store.entries].filter(([name]) => !tensors.has(name));
  for (const [name, { dtype, shape }] of kept) tensors.set(name, { dtype, shape, data: () => adapter.store.readBytes(name) });
  const together = relativeError(modules);
  const keptReadme = await writeFactors(
    caller,
    { files, folder: out },
    {
      tensors,
      metadata: adapter.store.metadata,
      // Some starts ask for ranks that it no longer has, as 'orthogonal' for even ones.
      config: { ...content, init_lora_weights: true, ...ranksConfig(scales, config.scaling === 'root-rank') },
      made: madeText(modules, together),
      sources: [adapter],
      check,
    },
  );
  return {
    modules: modules.map(({ module, shape, rank, error }) => ({ module, shape, rank, error })),
    error: together,
    keptReadme,
  };
}

/** Says in the model card how the adapter was made. */
function madeText(modules: readonly ResizedModule[], error: number): string {
  const ranks = (side: 'before' | 'after'): string => {
    const all = modules.map(({ rank }) => rank[side]);
    return [...new Set([least(all), largest(all)])].join(' to ');
  };
  const change =
    error === 0
      ? 'What it changes in the weights is the same as before.'
      : `The truncated SVD of its ΔW left out ${error.toPrecision(3)} of ‖ΔW‖ (Frobenius norm, all modules together).`;
  return `After its training, the rank of the adapter was changed from ${ranks('before')} to ${ranks('after')}. ${change}`;
}

/** ‖ΔW' − ΔW‖ and ‖ΔW‖. */
interface Norms {
  readonly lost: number;
  readonly norm: number;
}

function resizedPair(
  caller: string,
  { module, A, B, scale }: AdapterPair,
  rank: number | undefined,
  error: number | undefined,
  random: Random,
): Norms & { readonly pair: FactorPair<HostArray> } {
  const la = hostAlgebra();
  const [[m, own], n] = [la.shape(A), la.shape(B)[1]];
  const spectrum = updateSpectrum({ A, B });
  const wanted = rank ?? smallestRank(spectrum, error ?? 0);
  if (wanted > Math.min(m, n) && wanted !== own) {
    throw new ConfigError(
      `${caller}: rank must be at most ${Math.min(m, n)} for '${module}', which is ${m}×${n}, got ${wanted}; choose a lower rank`,
    );
  }
  const norm = Math.abs(scale) * tailAt(spectrum, 0);
  if (wanted >= own) return { pair: padPair({ A, B }, wanted, random), lost: 0, norm };
  return { pair: nearestPair(spectrum, wanted, random), lost: Math.abs(scale) * tailAt(spectrum, wanted), norm };
}
