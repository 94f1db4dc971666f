/** The index `model.safetensors.index.json`, which assigns each tensor of a checkpoint to a shard. */

import { FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import type { Files } from '../files/files.js';
import { isJsonObject, readJson } from '../parse-json.js';

/** Name of the index of a sharded checkpoint. */
export const shardIndexName = 'model.safetensors.index.json';

/**
 * Reads an index.
 *
 * @returns the names of the tensors by the path of their shard.
 * @throws FormatError if it is malformed, or names a shard outside its own directory.
 */
export async function readShardIndex(caller: string, file: string, files: Files): Promise<ReadonlyMap<string, readonly string[]>> {
  const index = await readJson(caller, file, files);
  if (!isJsonObject(index) || !isJsonObject(index.weight_map)) {
    throw new FormatError(`${caller}: ${file} must be an object with an object 'weight_map' of tensor names to files; fetch it again`);
  }
  const folder = file.replace(/[^/\\]+$/, '');
  const shards = new Map<string, string[]>();
  for (const [name, shard] of Object.entries(index.weight_map)) {
    if (!isPlainFileName(shard)) {
      throw new FormatError(
        `${caller}: ${file}: tensor ${JSON.stringify(name)}: expected the name of a .safetensors file in the same directory, got ${describeValue(shard)}; fetch the index again`,
      );
    }
    const location = files.join(folder, shard);
    const names = shards.get(location) ?? [];
    names.push(name);
    shards.set(location, names);
  }
  if (shards.size === 0) throw new FormatError(`${caller}: ${file}: expected a weight_map with tensors, got an empty one; fetch it again`);
  return shards;
}

/** Returns true for a name without separators, drive or other ways out of the directory. */
function isPlainFileName(value: unknown): value is string {
  return typeof value === 'string' && /^[^/\\:\0]+\.safetensors$/.test(value);
}
