/** Combines several adapters of one base into one adapter. */
import { callerOption, givenCaller } from '../../core/caller-option.js';
import { ConfigError, FormatError, NotImplementedError } from '../../core/errors.js';
import { declareOptions, describeValue, flag, option, size } from '../../core/options.js';
import { type Random, seededRandom } from '../../core/random.js';
import type { Files } from '../../io/files/files.js';
import { filesOption } from '../../io/files/files-option.js';
import { lastName } from '../../io/files/slash-path.js';
import type { StoredDtype } from '../../io/safetensors/dtypes.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import { checkOtherFolder } from '../peft/adapter-files.js';
import { baseNameOf } from '../peft/base-name.js';
import type { AdapterPair, OpenAdapter } from '../peft/open-adapter.js';
import { readSource, type SourceAdapter } from '../peft/source-adapter.js';
import { storedFactor } from '../peft/stored-factor.js';
import { moduleTensorNames } from '../peft/tensor-names.js';
import { combinedConfig, sharedBase } from './combined-config.js';
import type { PairScale } from './ranks-config.js';
import { sharedTensors } from './shared-tensors.js';
import { nearestPair, tailAt, updateSpectrum } from './truncate-update.js';
import { relativeError, writeFactors } from './write-factors.js';

/** Options of {@link combineAdapters}. */
export interface CombineAdaptersOptions {
  /** The weight of each adapter, in their order: finite, negative ones included, and not 0. */
  readonly weights: readonly number[];
  /**
   * Largest rank of a module. Default: the sum of the adapters' ranks (at most the smaller size of the module), at
   * which the combination is exact.
   */
  readonly rank?: number;
  /** The base model's name, as for {@link saveAdapter}. Default: the one that the adapters name, which must agree. */
  readonly baseModel?: string;
  /** If true, F16 and BF16 factors keep their format, in which the adapters must agree. Default: false, F32. */
  readonly keepDtype?: boolean;
  /** Names of the adapters in messages, in their order. Default: the names of their folders. */
  readonly names?: readonly string[];
  /** Where to write. Default: `nodeFiles`, the files of this machine. */
  readonly files?: Files;
  /**
   * Called before each module; what it throws ends the work, and nothing is left behind. Default: nothing is called.
   */
  readonly check?: () => Promise<void>;
  /** Name that messages begin with: the function or command that the user called. Default: `'combineAdapters'`. */
  readonly caller?: string;
}

const combineAdaptersOptions = declareOptions<CombineAdaptersOptions>()({
  weights: option({}, checkWeights),
  rank: size({ optional: true }),
  baseModel: option({ optional: true }),
  keepDtype: flag({ default: false }),
  names: option({ optional: true }),
  files: filesOption,
  check: option({ optional: true }),
  caller: callerOption,
});

/** Defaults of {@link CombineAdaptersOptions}: F32 is written. */
export const combineAdaptersDefaults: Required<Pick<CombineAdaptersOptions, 'keepDtype'>> = combineAdaptersOptions.defaults;

/** Result for one module. */
export interface CombinedModule {
  /** Name of the module. */
  readonly module: string;
  /** The sizes m, n of ΔW. */
  readonly shape: readonly [number, number];
  /** The rank of each adapter's pair; 0 where it has none. */
  readonly ranks: readonly number[];
  /** The rank written. */
  readonly rank: number;
  /** ‖ΔW' − ΔW‖/‖ΔW‖ of the truncation, in the Frobenius norm, ΔW the exact sum; 0 if nothing was left out. */
  readonly error: number;
}

/** Result of {@link combineAdapters}. */
export interface CombinedAdapter {
  /** The modules of all adapters. */
  readonly modules: readonly CombinedModule[];
  /** The relative error of all modules together: the root of Σ‖ΔW' − ΔW‖²/Σ‖ΔW‖². */
  readonly error: number;
  /** True if the folder has a README.md of another hand, so that no model card was written. */
  readonly keptReadme: boolean;
}

/**
 * Writes the weighted sum of several adapters of one base as one adapter, from the factors alone.
 *
 * The sum of the adapters' changes is the product of their stacked factors,
 *
 * $$ \Delta W = \sum_i w_i s_i A_i B_i = \begin{bmatrix}A_1 & A_2 & \cdots\end{bmatrix}
 * \operatorname{diag}(w_i s_i)\begin{bmatrix}B_1\\ B_2\\ \vdots\end{bmatrix}, $$
 *
 * which is what is written, with w·s divided over both factors (PEFT's combination type `cat`). With a lower `rank` it
 * is the best approximation of ΔW in Frobenius norm, in balanced factors, by QR of the stacked factors and an SVD of
 * their rank (PEFT's `svd`, which multiplies ΔW out). The weighted sums of the factors themselves (PEFT's `linear`) are
 * not offered: their product is not the sum of the products. Modules, ranks, α, patterns and rank-stabilized scales may
 * differ; α of the result is its rank, so that s = 1. A model card, README.md, is written beside it.
 *
 * @param adapters - adapters that {@link openAdapter} opened, two or more.
 * @param out - the folder to write, created if missing.
 * @param options - see {@link CombineAdaptersOptions}.
 * @returns the ranks and the errors.
 * @throws ConfigError unless there is a weight for each adapter, for adapters of different bases, for an adapter that
 * is no product of factors (DoRA, a changed base, trained weights) or has trained biases or whole modules, or if `out`
 * is a folder of one of them; FormatError for a module of two shapes; NumericalError if a factor leaves the range of
 * its format; BackendError if the file system refuses. Nothing is left behind then.
 */
export async function combineAdapters(
  adapters: readonly OpenAdapter[],
  out: string,
  options: CombineAdaptersOptions,
): Promise<CombinedAdapter> {
  const own = givenCaller('combineAdapters', options);
  const settings = combineAdaptersOptions.read(own, options);
  const { weights, rank, baseModel, keepDtype, files, names = adapters.map(({ folder }) => lastName(folder)) } = settings;
  const { check = async () => {}, caller = own } = settings;
  checkCounts(caller, adapters.length, weights, names);
  for (const adapter of adapters) checkOtherFolder(caller, adapter, { files, folder: out });
  const sources: SourceAdapter[] = [];
  for (const [i, adapter] of adapters.entries()) sources.push(await readSource(caller, adapter, names[i]));
  const base = baseModel === undefined ? sharedBase(caller, sources) : await baseNameOf(baseModel, files);
  const tensors = new Map(await sharedTensors(caller, sources));
  const scales = new Map<string, PairScale>();
  const modules: (CombinedModule & Norms)[] = [];
  const random = seededRandom(0);
  for (const module of new Set(adapters.flatMap((adapter) => adapter.modules))) {
    await check();
    const terms = await termsOf(caller, sources, module, weights);
    const { pair, ...result } = combinedPair(terms, rank, random);
    scales.set(module, { rank: result.rank, scale: 1 });
    const dtype = keepDtype ? sharedDtype(caller, terms) : 'F32';
    for (const [side, name] of pairNames(caller, terms)) {
      const format = { dtype, shape: hostAlgebra().shape(pair[side]), changed: 'combined' };
      tensors.set(name, storedFactor(caller, name, hostAlgebra().toArray(pair[side]), format));
    }
    const ranks = sources.map((source) => terms.find((term) => term.source === source)?.pair.tensors.A.shape[1] ?? 0);
    modules.push({ module, ranks, ...result });
  }
  const config = combinedConfig(sources, scales, base);
  const error = relativeError(modules);
  const keptReadme = await writeFactors(
    caller,
    { files, folder: out },
    {
      tensors,
      metadata: adapters[0].store.metadata,
      config,
      made: madeText(sources, weights, modules, error),
      sources: sources.map(({ adapter: { files, folder }, name }) => ({ files, folder, name: lastName(name) })),
      check,
    },
  );
  return {
    modules: modules.map(({ module, shape, ranks, rank, error }) => ({ module, shape, ranks, rank, error })),
    error,
    keptReadme,
  };
}

/** Says in the model card how the adapter was made. */
function madeText(
  sources: readonly SourceAdapter[],
  weights: readonly number[],
  modules: readonly CombinedModule[],
  error: number,
): string {
  const sum = sources.map(({ name }, i) => `${weights[i]} · ${lastName(name)}`).join(' + ');
  const exact = modules.every(({ ranks, rank }) => rank === ranks.reduce((total, one) => total + one, 0));
  const accuracy = exact
    ? 'Its factors are theirs side by side, so that the sum is exact.'
    : `The truncated SVD of the sum left out ${error.toPrecision(3)} of its norm (Frobenius norm, all modules together).`;
  return `The adapter is a weighted sum of ${sources.length} adapters: ΔW is that of ${sum}. ${accuracy}`;
}

function checkWeights(caller: string, name: string, weights: unknown): void {
  const wrong = Array.isArray(weights) ? weights.find((weight) => !Number.isFinite(weight) || weight === 0) : undefined;
  if (!Array.isArray(weights) || weights.length === 0 || wrong !== undefined) {
    throw new ConfigError(
      `${caller}: ${name} must be a list of finite numbers other than 0, one for each adapter, got ${describeValue(wrong ?? weights)}; ` +
        'leave an adapter of weight 0 out',
    );
  }
}

function checkCounts(caller: string, count: number, weights: readonly number[], names: readonly string[]): void {
  if (count < 2)
    throw new ConfigError(
      `${caller}: expected two adapters or more, got ${count}; resizeAdapter changes the rank of one, mergeAdapter merges it into its base`,
    );
  if (weights.length !== count)
    throw new ConfigError(
      `${caller}: expected a weight for each of the ${count} adapters, got ${weights.length} weights; pass one for each, in their order`,
    );
  if (names.length !== count)
    throw new ConfigError(`${caller}: expected a name for each of the ${count} adapters, got ${names.length} names; pass one for each`);
}

/** One adapter's part of the change of a module. */
interface Term {
  readonly source: SourceAdapter;
  readonly pair: AdapterPair;
  /** The factor w·s of its product. */
  readonly factor: number;
}

/** Reads the pairs of a module. @throws FormatError if their sizes differ. */
async function termsOf(
  caller: string,
  sources: readonly SourceAdapter[],
  module: string,
  weights: readonly number[],
): Promise<readonly Term[]> {
  const terms: Term[] = [];
  for (const [i, source] of sources.entries()) {
    if (!source.adapter.modules.includes(module)) continue;
    const pair = await source.adapter.pair(module);
    terms.push({ source, pair, factor: weights[i] * pair.scale });
  }
  const shape = ({ pair: { tensors } }: Term): string => `${tensors.A.shape[0]}×${tensors.B.shape[1]}`;
  const [first, ...others] = terms;
  const other = others.find((term) => shape(term) !== shape(first));
  if (other === undefined) return terms;
  throw new FormatError(
    `${caller}: expected adapters of one base, but '${module}' is ${shape(first)} in ${first.source.name} and ${shape(other)} in ${other.source.name}; combine adapters of the same model`,
  );
}

/** ‖ΔW' − ΔW‖ and ‖ΔW‖. */
interface Norms {
  readonly lost: number;
  readonly norm: number;
}

type Combination = Norms & Pick<CombinedModule, 'shape' | 'rank' | 'error'> & { readonly pair: FactorPair<HostArray> };

/** Combines the pairs of a module: side by side or, above the rank wanted or the sizes, truncated. */
function combinedPair(terms: readonly Term[], most: number | undefined, random: Random): Combination {
  const la = hostAlgebra();
  const stacked = {
    A: la.concat(
      terms.map(({ pair, factor }) => la.scale(Math.sign(factor) * Math.sqrt(Math.abs(factor)), pair.A)),
      'columns',
    ),
    B: la.concat(
      terms.map(({ pair, factor }) => la.scale(Math.sqrt(Math.abs(factor)), pair.B)),
      'rows',
    ),
  };
  const [[m, together], n] = [la.shape(stacked.A), la.shape(stacked.B)[1]];
  const rank = Math.min(most ?? together, together, m, n);
  const shape = [m, n] as const;
  if (rank === together) return { pair: stacked, shape, rank, lost: 0, norm: productNorm(stacked), error: 0 };
  const spectrum = updateSpectrum(stacked);
  const [norm, lost] = [tailAt(spectrum, 0), tailAt(spectrum, rank)];
  return { pair: nearestPair(spectrum, rank, random), shape, rank, lost, norm, error: relativeError([{ lost, norm }]) };
}

/** ‖AB‖ by the Gram matrices of the factors: ‖AB‖² = ⟨AᵀA, BBᵀ⟩. */
function productNorm({ A, B }: FactorPair<HostArray>): number {
  const la = hostAlgebra();
  return Math.sqrt(Math.max(0, la.inner(la.matmul(A, A, { transposeA: true }), la.matmul(B, B, { transposeB: true }))));
}

/**
 * Returns the names of the tensors that are written.
 *
 * @throws NotImplementedError for factors of another kind of layer than linear ones.
 */
function pairNames(caller: string, terms: readonly Term[]): readonly (readonly ['A' | 'B', string])[] {
  const odd = terms.find(({ pair: { tensors } }) => !/\.lora_B\.weight$/.test(tensors.A.name) || !/\.lora_A\.weight$/.test(tensors.B.name));
  if (odd !== undefined) {
    throw new NotImplementedError(
      `${caller}: expected factors of linear layers, got '${odd.pair.tensors.A.name}' in ${odd.source.name}; leave that module out of the adapter`,
    );
  }
  const { A, B } = moduleTensorNames({ name: terms[0].pair.module });
  return [
    ['A', A],
    ['B', B],
  ];
}

/** @throws ConfigError naming two number formats, if the factors have more than one. */
function sharedDtype(caller: string, terms: readonly Term[]): StoredDtype {
  const formats = terms.flatMap(({ source, pair: { tensors } }) =>
    [tensors.A, tensors.B].map(({ dtype }) => ({ dtype, adapter: source.name })),
  );
  const other = formats.find(({ dtype }) => dtype !== formats[0].dtype);
  if (other === undefined) return formats[0].dtype;
  throw new ConfigError(
    `${caller}: expected one number format to keep, but '${terms[0].pair.module}' is ${formats[0].dtype} in ${formats[0].adapter} and ${other.dtype} in ${other.adapter}; write F32 instead of keeping the format`,
  );
}
