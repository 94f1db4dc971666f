/** `model.safetensors.index.json`: which shard of a checkpoint holds which tensor. */
import path from 'node:path';
import { FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { isJsonObject, readJson } from '../../core/parse-json.js';

/** The name of the index of a sharded checkpoint. */
export const shardIndexName = 'model.safetensors.index.json';

/**
 * Reads an index.
 *
 * @returns the names of the tensors by the path of the shard that is to hold them.
 * @throws FormatError if it is malformed, or names a shard outside its own directory.
 */
export async function readShardIndex(caller: string, file: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const index = await readJson(caller, file);
  if (!isJsonObject(index) || !isJsonObject(index.weight_map)) {
    throw new FormatError(`${caller}: ${file} must be an object with an object 'weight_map' of tensor names to files; fetch it again`);
  }
  const shards = new Map<string, string[]>();
  for (const [name, shard] of Object.entries(index.weight_map)) {
    if (!isPlainFileName(shard)) {
      throw new FormatError(
        `${caller}: ${file}: tensor ${JSON.stringify(name)}: expected the name of a .safetensors file in the same directory, got ${describeValue(shard)}; fetch the index again`,
      );
    }
    const location = path.join(path.dirname(file), shard);
    const names = shards.get(location) ?? [];
    names.push(name);
    shards.set(location, names);
  }
  if (shards.size === 0) throw new FormatError(`${caller}: ${file}: expected a weight_map with tensors, got an empty one; fetch it again`);
  return shards;
}

/** A name without separators, drive or other ways out of the directory. */
function isPlainFileName(value: unknown): value is string {
  return typeof value === 'string' && /^[^/\\:\0]+\.safetensors$/.test(value);
}
