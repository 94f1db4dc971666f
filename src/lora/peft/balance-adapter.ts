/** Rewrites an adapter in balanced gauge: other factors, the same ΔW. */
import { callerOption, givenCaller } from '../../core/caller-option.js';
import { NotImplementedError, NumericalError } from '../../core/errors.js';
import { declareOptions, flag, option } from '../../core/options.js';
import { relativeChange } from '../../diagnostics/measure-pair.js';
import { type Files, readAll } from '../../io/files/files.js';
import { filesOption } from '../../io/files/files-option.js';
import { withoutMachinePaths } from '../../io/files/portable-name.js';
import { writeAll, writeFolder } from '../../io/files/staging-files.js';
import { openSafetensors } from '../../io/safetensors/open-safetensors.js';
import type { TensorData } from '../../io/safetensors/serialize-tensors.js';
import { writeSafetensors } from '../../io/safetensors/write-safetensors.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import { balanceGap } from '../../retractions/balance-gap.js';
import { balancedProjection } from '../../retractions/balanced-projection.js';
import { adapterFiles, adapterOrder, checkOtherFolder } from './adapter-files.js';
import { cardFile, derivedCard } from './model-card.js';
import { type AdapterPair, type OpenAdapter, readMatrix } from './open-adapter.js';
import { checkRange, roundoffOf } from './stored-factor.js';

/** Result for one module. */
export interface BalancedModule {
  /** Name of the module. */
  readonly module: string;
  /** The sizes m, n, r. */
  readonly size: readonly [number, number, number];
  /** The balance gap ‖AᵀA − BBᵀ‖/(‖AᵀA‖ + ‖BBᵀ‖), as stored in the files. */
  readonly gap: {
    /** That of the source. */
    readonly before: number;
    /** That of the adapter written. */
    readonly after: number;
  };
  /** ‖ΔW' − ΔW‖/‖ΔW‖, as stored in the files. */
  readonly change: number;
  /** Largest change allowed. */
  readonly allowed: number;
}

/** Options of {@link balanceAdapter}. */
export interface BalanceAdapterOptions {
  /** If true, F16 and BF16 factors keep their format; otherwise F32 is written. Default: false. */
  readonly keepDtype?: boolean;
  /** Where to write. Default: `nodeFiles`, the files of this machine. */
  readonly files?: Files;
  /**
   * Called before each module; what it throws ends the work, and nothing is left behind. Default: nothing is called.
   */
  readonly check?: () => Promise<void>;
  /** Name that messages begin with: the function or command that the user called. Default: `'balanceAdapter'`. */
  readonly caller?: string;
}

const balanceAdapterOptions = declareOptions<BalanceAdapterOptions>()({
  keepDtype: flag({ default: false }),
  files: filesOption,
  check: option({ optional: true }),
  caller: callerOption,
});

/** Defaults of {@link BalanceAdapterOptions}: F32 is written. */
export const balanceAdapterDefaults: Required<Pick<BalanceAdapterOptions, 'keepDtype'>> = balanceAdapterOptions.defaults;

/** What the model card says. */
const balancedText =
  'After its training, the factors of the adapter were balanced (AᵀA = BBᵀ). What it changes in the weights is the same as before.';

/** Bound on the change of ΔW; rounding the factors to F32 stays far below it. */
const allowedInF32 = 1e-6;

/**
 * Balances every pair of an adapter in float64 and writes a new adapter. Other tensors are copied byte for byte, and so
 * is adapter_config.json, except for a local path of the base model. A model card, README.md, is written beside them,
 * unless the folder has a README.md of another hand.
 *
 * @param adapter - an adapter that {@link openAdapter} opened.
 * @param out - the folder to write, created if missing.
 * @param options - see {@link BalanceAdapterOptions}.
 * @returns the modules, each verified on the written file.
 * @throws ConfigError if `out` is the folder of the adapter; NumericalError if ΔW would change by more than the
 * format's rounding, or a factor leaves its range; NotImplementedError for a rank above the sizes of ΔW; BackendError
 * if the file system refuses. Nothing is left behind then.
 */
export async function balanceAdapter(
  adapter: OpenAdapter,
  out: string,
  options: BalanceAdapterOptions = {},
): Promise<readonly BalancedModule[]> {
  const own = givenCaller('balanceAdapter', options);
  const { keepDtype, files, check = async () => {}, caller = own } = balanceAdapterOptions.read(own, options);
  checkOtherFolder(caller, adapter, { files, folder: out });
  const balanced = new Map<string, TensorData>();
  for (const module of adapter.modules) {
    await check();
    for (const [name, tensor] of balancedTensors(caller, await adapter.pair(module), keepDtype)) balanced.set(name, tensor);
  }
  const tensors = new Map<string, TensorData>();
  for (const [name, { dtype, shape }] of adapter.store.entries) {
    tensors.set(name, balanced.get(name) ?? { dtype, shape, data: () => adapter.store.readBytes(name) });
  }
  return writeFolder(
    files,
    caller,
    out,
    async (staged, folder) => {
      const file = staged.join(folder, adapterFiles.tensors);
      await writeSafetensors(file, tensors, { metadata: adapter.store.metadata, files: staged });
      const modules = await verify(caller, adapter, { files: staged, file }, check);
      const config = await readAll(adapter.files, adapter.files.join(adapter.folder, adapterFiles.config));
      const content = withoutMachinePaths(config);
      await staged.write(staged.join(folder, adapterFiles.config), content);
      const card = await derivedCard(JSON.parse(new TextDecoder().decode(content)), balancedText, [adapter]);
      await writeAll(staged, await cardFile(card, { files: staged, folder }, { files, folder: out }));
      return modules;
    },
    adapterOrder,
  );
}

/** Returns the two tensors of a pair, balanced. */
function balancedTensors(caller: string, pair: AdapterPair, keepDtype: boolean): readonly (readonly [string, TensorData])[] {
  checkRank(caller, pair);
  const la = hostAlgebra();
  const projected = balancedProjection(la, pair);
  return (['A', 'B'] as const).map((side) => {
    const { name, shape, dtype } = pair.tensors[side];
    const values = la.toArray(projected[side]);
    const format = keepDtype ? dtype : 'F32';
    checkRange(caller, name, values, format, 'balanced');
    return [name, { dtype: format, shape, data: Float32Array.from(values) }];
  });
}

/** Checks the rank. @throws NotImplementedError if it exceeds the sizes of ΔW. */
function checkRank(caller: string, { module, tensors: { A, B } }: AdapterPair): void {
  const [[m, rank], [, n]] = [A.shape, B.shape];
  if (rank <= Math.min(m, n)) return;
  throw new NotImplementedError(
    `${caller}: '${module}' has rank ${rank} above its sizes ${m}×${n}, where balanced factors do not exist; lower its rank (rank_pattern)`,
  );
}

/** Compares the written adapter with its source. */
async function verify(
  caller: string,
  adapter: OpenAdapter,
  { files, file }: { readonly files: Files; readonly file: string },
  check: () => Promise<void>,
): Promise<readonly BalancedModule[]> {
  const la = hostAlgebra();
  const written = await openSafetensors(file, { files, caller });
  try {
    const modules: BalancedModule[] = [];
    for (const module of adapter.modules) {
      await check();
      const before = await adapter.pair(module);
      const [A, B] = [await readMatrix(caller, written, before.tensors.A.name), await readMatrix(caller, written, before.tensors.B.name)];
      const after: FactorPair<HostArray> = { A, B };
      const [m, rank] = la.shape(A);
      const roundoff = Math.max(...[before.tensors.A, before.tensors.B].map(({ name }) => roundoffOf(written.entries.get(name)?.dtype)));
      const report: BalancedModule = {
        module,
        size: [m, la.shape(B)[1], rank],
        gap: { before: await balanceGap(la, before), after: await balanceGap(la, after) },
        change: relativeChange(before, after),
        // ‖δA·B + A·δB‖ ≤ 2u‖A‖‖B‖, and ‖A‖‖B‖ = Σσ ≤ √r‖AB‖ for a balanced pair.
        allowed: Math.max(allowedInF32, 2 * roundoff * Math.sqrt(rank)),
      };
      checkChange(caller, report);
      modules.push(report);
    }
    return modules;
  } finally {
    await written.close();
  }
}

function checkChange(caller: string, { module, change, allowed }: BalancedModule): void {
  if (change <= allowed) return;
  throw new NumericalError(
    `${caller}: balancing '${module}' would change ΔW by ${change.toExponential(1)} relative, more than the ${allowed.toExponential(1)} that rounding explains; ` +
      'write F32 instead of keeping the format, or rescale the adapter: its entries are too small for the format',
  );
}
