import { withoutMachinePaths } from '../../io/files/portable-name.js';
import { writeAll, writeFolder } from '../../io/files/staging-files.js';
import type { JsonObject } from '../../io/parse-json.js';
import type { TensorData } from '../../io/safetensors/serialize-tensors.js';
import { writeSafetensors } from '../../io/safetensors/write-safetensors.js';
import { adapterFiles, adapterOrder, type Place } from '../peft/adapter-files.js';
import { type CardSource, cardFile, derivedCard } from '../peft/model-card.js';

/** Returns √Σlost²/√Σnorm²: the relative error of several modules together; 0 if nothing is lost. */
export function relativeError(modules: readonly { readonly lost: number; readonly norm: number }[]): number {
  const lost = rootOfSquares(modules.map((one) => one.lost));
  return lost === 0 ? 0 : lost / rootOfSquares(modules.map((one) => one.norm));
}

/** A model may have more modules than a call may have arguments. */
function rootOfSquares(values: readonly number[]): number {
  return values.reduce((sum, value) => Math.hypot(sum, value), 0);
}

/** The files of an adapter. */
export interface FactorFiles {
  readonly tensors: ReadonlyMap<string, TensorData>;
  /** The header's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The contents of adapter_config.json; a local path of the base model is left out. */
  readonly config: JsonObject;
  /** How the adapter was made, for its model card. */
  readonly made: string;
  /** The adapters it was made from. */
  readonly sources: readonly CardSource[];
  /** Called before a file is written; what it throws ends the work. */
  check(): Promise<void>;
}

/**
 * Writes an adapter and its model card completely or not at all.
 *
 * @returns true if a README.md of another hand was kept in the place of the card.
 * @throws BackendError if the file system refuses.
 */
export async function writeFactors(
  caller: string,
  out: Place,
  { tensors, metadata, config, made, sources, check }: FactorFiles,
): Promise<boolean> {
  const text = new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`);
  const card = await derivedCard(config, made, sources);
  return writeFolder(
    out.files,
    caller,
    out.folder,
    async (files, folder) => {
      await check();
      await writeSafetensors(files.join(folder, adapterFiles.tensors), tensors, { metadata, files });
      await files.write(files.join(folder, adapterFiles.config), withoutMachinePaths(text));
      const readme = await cardFile(card, { files, folder }, out);
      await writeAll(files, readme);
      await check();
      return readme.size === 0;
    },
    adapterOrder,
  );
}
