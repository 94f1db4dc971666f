/** Rewrites an adapter in balanced gauge: other factors, the same ΔW. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { NotImplementedError, NumericalError } from '../../core/errors.js';
import { withoutMachinePaths } from '../../core/portable-name.js';
import { writeFolder } from '../../core/staging.js';
import { writeAtomic } from '../../core/write-atomic.js';
import { balanceGap } from '../../diagnostics/index.js';
import { balancedProjection, type FactorPair, type HostArray, hostAlgebra } from '../../index.js';
import { openSafetensors, type StoredDtype, type TensorData, writeSafetensors } from '../../models/index.js';
import { whileWriting } from '../interruption.js';
import type { Terminal } from '../terminal.js';
import { adapterFiles, adapterOrder, checkNoAdapter } from './adapter-folder.js';
import { relativeChange } from './pair-measures.js';
import { type AdapterPair, type OpenAdapter, readMatrix } from './read-adapter.js';

/** What became of one module. */
export interface BalancedModule {
  /** Its name. */
  readonly module: string;
  /** m, n, r. */
  readonly size: readonly [number, number, number];
  /** The balance gap before and after, of what is in the files. */
  readonly gap: { readonly before: number; readonly after: number };
  /** ‖ΔW' − ΔW‖/‖ΔW‖ of what is in the files. */
  readonly change: number;
  /** How large it may be. */
  readonly allowed: number;
}

/** How to write. */
export interface BalanceAdapterOptions {
  /** Whether F16 and BF16 factors stay so; otherwise F32 is written. */
  readonly keepDtype: boolean;
  /** Where it is said that an interruption was noticed. */
  readonly terminal: Terminal;
}

/** The change of ΔW that rounding the factors to F32 stays far below. */
const allowedInF32 = 1e-6;

/**
 * Balances every pair of an adapter in float64 and writes the adapter anew. What is no pair is copied byte for byte, and adapter_config.json too, but for the path of a
 * base model on this machine.
 *
 * @param out - a folder without an adapter.
 * @returns the modules, each verified on the file that was written, read again.
 * @throws NumericalError if ΔW would change by more than rounding to the format explains, or a factor leaves its range; NotImplementedError for a rank above the sizes of ΔW;
 * ConfigError if there is an adapter in `out`. Nothing is left behind then.
 */
export async function balanceAdapter(
  caller: string,
  adapter: OpenAdapter,
  out: string,
  { keepDtype, terminal }: BalanceAdapterOptions,
): Promise<readonly BalancedModule[]> {
  await checkNoAdapter(caller, out);
  const balanced = new Map<string, TensorData>();
  for (const module of adapter.modules) {
    for (const [name, tensor] of balancedTensors(caller, await adapter.pair(module), keepDtype)) balanced.set(name, tensor);
  }
  const tensors = new Map<string, TensorData>();
  for (const [name, { dtype, shape }] of adapter.store.entries) {
    tensors.set(name, balanced.get(name) ?? { dtype, shape, data: () => adapter.store.readBytes(name) });
  }
  return whileWriting(terminal, (check) =>
    writeFolder(
      caller,
      out,
      async (folder) => {
        const file = path.join(folder, adapterFiles.tensors);
        await check();
        await writeSafetensors(file, tensors, { metadata: adapter.store.metadata });
        const modules = await verify(caller, adapter, file, check);
        const config = await readFile(path.join(adapter.folder, adapterFiles.config));
        await writeAtomic(path.join(folder, adapterFiles.config), withoutMachinePaths(config));
        return modules;
      },
      adapterOrder,
    ),
  );
}

/** The two tensors of a pair, balanced. */
function balancedTensors(caller: string, pair: AdapterPair, keepDtype: boolean): readonly (readonly [string, TensorData])[] {
  checkRank(caller, pair);
  const la = hostAlgebra();
  const projected = balancedProjection(la, pair);
  return (['A', 'B'] as const).map((side) => {
    const { name, shape, dtype } = pair.tensors[side];
    const values = la.toArray(projected[side]);
    const format = keepDtype ? dtype : 'F32';
    checkRange(caller, name, values, format);
    return [name, { dtype: format, shape, data: Float32Array.from(values) }];
  });
}

/** @throws NotImplementedError if the rank exceeds the sizes of ΔW. */
function checkRank(caller: string, { module, tensors: { A, B } }: AdapterPair): void {
  const [[m, rank], [, n]] = [A.shape, B.shape];
  if (rank <= Math.min(m, n)) return;
  throw new NotImplementedError(
    `${caller}: '${module}' has rank ${rank} above its sizes ${m}×${n}, where balanced factors do not exist; lower its rank (rank_pattern)`,
  );
}

/** The largest number of each format that is not rounded to infinity, and what to do beyond it. */
const ranges: Readonly<Partial<Record<StoredDtype, { readonly largest: number; readonly shown: string; readonly remedy: string }>>> = {
  F16: { largest: 65519.99, shown: '65504', remedy: 'leave out --keep-dtype, which writes F32, or store the adapter as F32 or BF16 first' },
  BF16: { largest: 3.3961e38, shown: '3.39e38', remedy: 'rescale the adapter' },
  F32: { largest: 3.40282356e38, shown: '3.40e38', remedy: 'rescale the adapter' },
};

/** @throws NumericalError naming the tensor and the number for one that the format cannot hold. */
function checkRange(caller: string, name: string, values: Float64Array, format: StoredDtype): void {
  const range = ranges[format];
  const beyond = range === undefined ? undefined : values.find((value) => !(Math.abs(value) <= range.largest));
  if (range === undefined || beyond === undefined) return;
  throw new NumericalError(
    `${caller}: '${name}' would hold ${beyond.toPrecision(4)} when balanced, and ${format} holds at most ${range.shown}; ${range.remedy}`,
  );
}

/** Compares what was written with what it came from. */
async function verify(caller: string, adapter: OpenAdapter, file: string, check: () => Promise<void>): Promise<readonly BalancedModule[]> {
  const la = hostAlgebra();
  const written = await openSafetensors(file);
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

/** Half a unit in the last place, of the formats that adapters come in. */
function roundoffOf(dtype: StoredDtype | undefined): number {
  if (dtype === 'BF16') return 2 ** -8;
  return dtype === 'F16' ? 2 ** -11 : 2 ** -24;
}

function checkChange(caller: string, { module, change, allowed }: BalancedModule): void {
  if (change <= allowed) return;
  throw new NumericalError(
    `${caller}: balancing '${module}' would change ΔW by ${change.toExponential(1)} relative, more than the ${allowed.toExponential(1)} that rounding explains; ` +
      'leave out --keep-dtype, or rescale the adapter: its entries are too small for the format',
  );
}
