/** The files of an adapter in PEFT's format. */
import { ConfigError } from '../../core/errors.js';
import { type Files, isThere } from '../../io/files/files.js';
import { type PlacingOrder, resolvedPath } from '../../io/files/staging-files.js';
import { trainedWeightsFile } from './trained-weights.js';

/** Names of the files of an adapter in PEFT's format. */
export const adapterFiles = {
  /** Rank, scale, modules and the name of the base model. */
  config: 'adapter_config.json',
  /** The factors. */
  tensors: 'adapter_model.safetensors',
} as const;

/** A folder, and where it lies. */
export interface Place {
  readonly files: Files;
  readonly folder: string;
}

/** Files of adapters in other formats, and what makes PEFT's of each. */
const otherFormats: readonly (readonly [file: string, is: string])[] = [
  [
    'adapter_model.bin',
    "PEFT's older format, a pickle of PyTorch, which is a program and is not run here; load it with PEFT, and save it with save_pretrained(…, safe_serialization=True)",
  ],
  ['adapters.safetensors', 'the format of mlx-lm; convert its lora_a and lora_b, which are turned, and its scale to the format of PEFT'],
  ['adapter.safetensors', 'the format of another program; convert it to that of PEFT'],
  ['adapter_model.pt', 'a pickle of PyTorch, which is a program and is not run here; load it with its program, and save it with PEFT'],
  ['pytorch_lora_weights.safetensors', 'the format of diffusers, for models of images'],
];

/** @throws ConfigError for a folder without PEFT's tensors that has those of another format, saying what they are. */
export async function checkTensorFormat(caller: string, { files, folder }: Place): Promise<void> {
  if (await isThere(files, files.join(folder, adapterFiles.tensors))) return;
  for (const [file, is] of otherFormats) {
    if (await isThere(files, files.join(folder, file)))
      throw new ConfigError(`${caller}: expected ${adapterFiles.tensors} in ${folder}, found ${file}: ${is}`);
  }
}

/**
 * @throws ConfigError for the folder of a run of `bures finetune`, naming the adapter in it that is meant. Of any other
 * folder without a configuration, reading that says what is missing.
 */
export async function checkNoRun(caller: string, { files, folder }: Place): Promise<void> {
  if (await isThere(files, files.join(folder, adapterFiles.config))) return;
  const best = files.join(folder, 'best');
  if (await isThere(files, files.join(best, adapterFiles.config)))
    throw new ConfigError(`${caller}: expected the folder of an adapter, got that of a run, ${folder}; pass its best adapter, ${best}`);
  const checkpoints = files.join(folder, 'checkpoints');
  if ((await files.list(checkpoints).catch(() => [])).length > 0)
    throw new ConfigError(
      `${caller}: expected the folder of an adapter, got that of a run, ${folder}, which has no best adapter; pass one of its checkpoints, in ${checkpoints}`,
    );
}

/**
 * The order in which an adapter of pairs enters an existing folder. Without its configuration it does not count as an
 * adapter yet; trained weights of an earlier one, which would be taken for its own, are removed.
 */
export const adapterOrder: PlacingOrder = { stale: [trainedWeightsFile], last: [adapterFiles.tensors, adapterFiles.config] };

/** @throws ConfigError if `out` is the folder of the adapter, whose files are read while the new ones are written. */
export function checkOtherFolder(caller: string, { files, folder }: Place, out: Place): void {
  if (out.files !== files || resolvedPath(files, out.folder) !== resolvedPath(files, folder)) return;
  throw new ConfigError(
    `${caller}: expected another folder than that of the adapter, got ${out.folder}; its files would be replaced while they are read`,
  );
}
