/** Rewrites an adapter in balanced gauge: other factors, the same ΔW. */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError, NumericalError } from '../../core/errors.js';
import { makeFolder } from '../../core/make-folder.js';
import { writeAtomic } from '../../core/write-atomic.js';
import { balanceGap } from '../../diagnostics/index.js';
import { balancedProjection, type FactorPair, type HostArray, hostAlgebra } from '../../index.js';
import { openSafetensors, type StoredDtype, type TensorData, writeSafetensors } from '../../models/index.js';
import { adapterFiles, exists } from './adapter-folder.js';
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
}

/** The change of ΔW that rounding the factors to F32 stays far below. */
const allowedInF32 = 1e-6;

/**
 * Balances every pair of an adapter in float64 and writes the adapter anew. What is no pair is copied byte for byte, adapter_config.json too.
 *
 * @param out - a folder without an adapter.
 * @returns the modules, each verified on the file that was written, read again.
 * @throws NumericalError if ΔW would change by more than rounding to the format explains; nothing is left behind then. ConfigError if there is an adapter in `out`.
 */
export async function balanceAdapter(
  caller: string,
  adapter: OpenAdapter,
  out: string,
  { keepDtype }: BalanceAdapterOptions,
): Promise<readonly BalancedModule[]> {
  for (const name of Object.values(adapterFiles)) {
    if (await exists(path.join(out, name))) throw new ConfigError(`${caller}: ${out} has ${name} already; write to another folder`);
  }
  const balanced = new Map<string, TensorData>();
  for (const module of adapter.modules) {
    for (const [name, tensor] of balancedTensors(await adapter.pair(module), keepDtype)) balanced.set(name, tensor);
  }
  const tensors = new Map<string, TensorData>();
  for (const [name, { dtype, shape }] of adapter.store.entries) {
    tensors.set(name, balanced.get(name) ?? { dtype, shape, data: () => adapter.store.readBytes(name) });
  }
  const file = path.join(out, adapterFiles.tensors);
  const removeIfEmpty = await makeFolder(caller, out);
  try {
    await writeSafetensors(file, tensors, { metadata: adapter.store.metadata });
    const modules = await verify(caller, adapter, file);
    // Last: a folder without it is no adapter.
    await writeAtomic(path.join(out, adapterFiles.config), await readFile(path.join(adapter.folder, adapterFiles.config)));
    return modules;
  } catch (error) {
    await rm(file, { force: true });
    await removeIfEmpty();
    throw error;
  }
}

/** The two tensors of a pair, balanced. */
function balancedTensors(pair: AdapterPair, keepDtype: boolean): readonly (readonly [string, TensorData])[] {
  const la = hostAlgebra();
  const projected = balancedProjection(la, pair);
  return (['A', 'B'] as const).map((side) => {
    const { name, shape, dtype } = pair.tensors[side];
    return [name, { dtype: keepDtype ? dtype : 'F32', shape, data: Float32Array.from(la.toArray(projected[side])) }];
  });
}

/** Compares what was written with what it came from. */
async function verify(caller: string, adapter: OpenAdapter, file: string): Promise<readonly BalancedModule[]> {
  const la = hostAlgebra();
  const written = await openSafetensors(file);
  try {
    const modules: BalancedModule[] = [];
    for (const module of adapter.modules) {
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
      'leave out --keep-dtype, or rescale the adapter: its entries leave the range of the format',
  );
}
