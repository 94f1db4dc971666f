/** Writing safetensors files and sharded checkpoints. */

import { ConfigError } from '../../core/errors.js';
import { declareOptions, describeValue, number, option } from '../../core/options.js';
import { checkByteOrder } from '../byte-order.js';
import type { FileContent } from '../files/file-content.js';
import { type Files, isThere } from '../files/files.js';
import { filesOption } from '../files/files-option.js';
import { writeAll } from '../files/staging-files.js';
import { entryCount, storedBytes } from './dtypes.js';
import { singleFileName } from './open-safetensors.js';
import { checkTensor, serializeTensors, type TensorData } from './serialize-tensors.js';
import { shardIndexName } from './shard-index.js';

/** Options of {@link writeSafetensors}. */
export interface WriteSafetensorsOptions {
  /** Strings for the header's `__metadata__`. Default: `{ format: 'pt' }`, which transformers wants. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Where to write. Default: {@link nodeFiles}, the files of this machine. */
  readonly files?: Files;
}

/** Options of {@link writeCheckpoint}. */
export interface WriteCheckpointOptions extends WriteSafetensorsOptions {
  /** Bytes of tensors after which another shard is begun; a tensor is never divided. Default: 5e9. */
  readonly maxShardBytes?: number;
}

const writeSafetensorsOptions = declareOptions<WriteSafetensorsOptions>()({
  metadata: option({ default: { format: 'pt' } }),
  files: filesOption,
});
const writeCheckpointOptions = declareOptions<WriteCheckpointOptions>()({
  ...writeSafetensorsOptions.options,
  maxShardBytes: number({ default: 5e9, min: 1 }),
});

/** Defaults of {@link writeSafetensors} and {@link writeCheckpoint}. */
export const writeSafetensorsDefaults: Required<WriteCheckpointOptions> = writeCheckpointOptions.defaults;

/**
 * Writes tensors to one file in safetensors format, atomically: a reader finds the old file or the new one, whole. The
 * bytes are those that safetensors' own writer gives for the same tensors.
 *
 * @param file - the path; missing folders above it are created.
 * @param tensors - tensors by name. F16 and BF16 are rounded to nearest, ties to even; beyond the largest number to
 * infinity, as PyTorch does.
 * @param options - see {@link WriteSafetensorsOptions}.
 * @throws ConfigError or ShapeError, before anything is written, for numbers that do not fit their format or shape;
 * BackendError if the file system refuses. Then, or if a tensor's own function throws, an old file is untouched and
 * nothing is left behind.
 */
export async function writeSafetensors(
  file: string,
  tensors: ReadonlyMap<string, TensorData>,
  options: WriteSafetensorsOptions = {},
): Promise<void> {
  const caller = 'writeSafetensors';
  const { metadata, files } = writeSafetensorsOptions.read(caller, options);
  await writeAll(files, new Map([[file, safetensorsContent(caller, tensors, metadata)]]), { caller });
}

/**
 * Writes the weights of a checkpoint into a directory as transformers does: `model.safetensors` or, above
 * `maxShardBytes`, shards `model-00001-of-0000N.safetensors` filled in the order given, and
 * `model.safetensors.index.json`, which appears last.
 *
 * @param directory - created if missing; it must not hold a checkpoint yet, since the shards of two would mix.
 * @param tensors - tensors by name.
 * @param options - see {@link WriteCheckpointOptions}.
 * @throws ConfigError if the directory holds weights already; otherwise as {@link writeSafetensors}.
 */
export async function writeCheckpoint(
  directory: string,
  tensors: ReadonlyMap<string, TensorData>,
  options: WriteCheckpointOptions = {},
): Promise<void> {
  const caller = 'writeCheckpoint';
  const { metadata, maxShardBytes, files } = writeCheckpointOptions.read(caller, options);
  for (const name of [singleFileName, shardIndexName]) {
    if (!(await isThere(files, files.join(directory, name)))) continue;
    throw new ConfigError(
      `${caller}: expected a directory without weights, found ${name} in ${directory}; write to another, or remove it first`,
    );
  }
  const shards = divide(caller, tensors, maxShardBytes);
  const contents = new Map<string, FileContent>();
  const shardOf = new Map<string, string>();
  for (const [position, shard] of shards.entries()) {
    const file = shards.length === 1 ? singleFileName : `model-${fiveDigits(position + 1)}-of-${fiveDigits(shards.length)}.safetensors`;
    contents.set(files.join(directory, file), safetensorsContent(caller, shard, metadata));
    for (const name of shard.keys()) shardOf.set(name, file);
  }
  if (shards.length > 1) contents.set(files.join(directory, shardIndexName), encodeIndex(tensors, shardOf));
  await writeAll(files, contents, { caller });
}

function encodeIndex(tensors: ReadonlyMap<string, TensorData>, shardOf: ReadonlyMap<string, string>): string {
  const sum = (part: (tensor: TensorData) => number): number => [...tensors.values()].reduce((total, tensor) => total + part(tensor), 0);
  const metadata = {
    total_parameters: sum(({ shape }) => entryCount(shape)),
    total_size: sum(({ dtype, shape }) => storedBytes(dtype, shape)),
  };
  return `${JSON.stringify({ metadata, weight_map: Object.fromEntries(shardOf) }, undefined, 2)}\n`;
}

/** Fills shards one after another; checks the tensors on the way, since their sizes decide. */
function divide(caller: string, tensors: ReadonlyMap<string, TensorData>, most: number): readonly ReadonlyMap<string, TensorData>[] {
  const shards: Map<string, TensorData>[] = [new Map()];
  let filled = 0;
  for (const [name, tensor] of tensors) {
    checkTensor(caller, name, tensor);
    const size = storedBytes(tensor.dtype, tensor.shape);
    if (filled > 0 && filled + size > most) {
      shards.push(new Map());
      filled = 0;
    }
    shards.at(-1)?.set(name, tensor);
    filled += size;
  }
  return shards;
}

function fiveDigits(count: number): string {
  return String(count).padStart(5, '0');
}

/**
 * Returns the bytes of a safetensors file, to be written together with other files.
 *
 * @throws as {@link writeSafetensors}.
 */
export function safetensorsContent(
  caller: string,
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Readonly<Record<string, string>> = writeSafetensorsDefaults.metadata,
): FileContent {
  checkByteOrder(caller);
  for (const [name, value] of Object.entries(metadata)) {
    if (typeof value === 'string') continue;
    throw new ConfigError(`${caller}: metadata must hold strings, got ${describeValue(value)} for '${name}'; write it as a string`);
  }
  for (const [name, tensor] of tensors) checkTensor(caller, name, tensor);
  return (sink) => serializeTensors(caller, sink, tensors, metadata);
}
