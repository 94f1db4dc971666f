/** Models of a Hugging Face hub: the files of a repository that the loaders read, and no others. */
import { ConfigError } from '../core/errors.js';
import { declareOptions, option } from '../core/options.js';
import { nodeFiles } from '../io/files/node-files.js';
import { lastName } from '../io/files/slash-path.js';
import type { DownloadProgress, HubRepository } from '../io/hub/hub-repository.js';
import { openHubRepository } from '../io/hub/open-hub-repository.js';
import { singleFileName } from '../io/safetensors/open-safetensors.js';
import { readShardIndex, shardIndexName } from '../io/safetensors/shard-index.js';
import { optionalFiles, requiredFiles } from './copy-model.js';

/** Options of {@link downloadModel}. */
export interface DownloadModelOptions {
  /** Branch, tag or commit hash of 40 digits. Default: `'main'`. */
  readonly revision?: string;
  /** Signal that ends the download; what has come stays, and the next one goes on from there. Default: none. */
  readonly signal?: AbortSignal;
  /** Receives the state of the download, whenever bytes have come. Default: none. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Receives a line of text about waits, resumed downloads, and a cache that is used without asking. Default: none. */
  readonly onNotice?: (line: string) => void;
  /** The function or command that errors name. Default: `'downloadModel'`. */
  readonly caller?: string;
}

const downloadModelOptions = declareOptions<DownloadModelOptions>()({
  revision: option({ optional: true }),
  signal: option({ optional: true }),
  onProgress: option({ optional: true }),
  onNotice: option({ optional: true }),
  caller: option({ default: 'downloadModel' }),
});

/** A model that was downloaded. */
export interface DownloadedModel {
  /** Folder with its files, for `loadCausalLM` and `loadTokenizer`. It belongs to the cache: do not write to it. */
  readonly folder: string;
  /** Hash of the commit, which names these files for ever. */
  readonly commit: string;
}

/**
 * Downloads a model from a Hugging Face hub into the cache that Python's `huggingface_hub` uses too, or finds it there:
 * configuration, tokenizer and the weights in safetensors format. See {@link openHubRepository} for the environment
 * variables.
 *
 * @param repository - `owner/name`.
 * @param options - see {@link DownloadModelOptions}.
 * @returns the folder and the commit. A second call downloads nothing.
 * @throws ConfigError if there is no such repository or revision, it may not be read, or it lacks a file that a model
 * needs; BackendError if the hub cannot be reached; FormatError if a file has not the checksum that the hub names;
 * NotImplementedError on a page, where the loaders read from the hub themselves: see `hubFiles`.
 */
export async function downloadModel(repository: string, options: DownloadModelOptions = {}): Promise<DownloadedModel> {
  const { caller, ...rest } = downloadModelOptions.read('downloadModel', options);
  const opened = await openHubRepository(repository, { ...rest, caller, kind: 'model' });
  const has = (name: string): boolean => opened.paths.includes(name);
  for (const name of requiredFiles) if (!has(name)) throw lacks(caller, opened, name);
  const others = [...requiredFiles, ...optionalFiles].filter(has);
  if (has(singleFileName)) await opened.download([...others, singleFileName]);
  else if (has(shardIndexName)) {
    // The index names the shards.
    await opened.download([...others, shardIndexName]);
    const shards = await readShardIndex(caller, nodeFiles.join(opened.folder, shardIndexName), nodeFiles);
    await opened.download([...shards.keys()].map((file) => lastName(file)));
  } else throw lacks(caller, opened, `${singleFileName} or ${shardIndexName}`);
  return { folder: opened.folder, commit: opened.commit };
}

/** Files listed in an error. */
const mostListed = 12;

/** Returns the error for a repository without a file that models need. */
function lacks(caller: string, { repository, paths }: HubRepository, name: string): ConfigError {
  const listed = paths.filter((place) => !/^(\.|README|LICENSE)/i.test(place));
  const more = listed.length > mostListed ? ` and ${listed.length - mostListed} more` : '';
  const there = listed.length === 0 ? 'no files' : `${listed.slice(0, mostListed).join(', ')}${more}`;
  return new ConfigError(`${caller}: expected ${name} in ${repository}, found ${there}; ${remedyOf(paths)}`);
}

function remedyOf(paths: readonly string[]): string {
  if (paths.includes('adapter_config.json')) return 'this is an adapter: download it, and name its base model';
  if (paths.some((place) => place.endsWith('.gguf')))
    return 'quantized files of llama.cpp are not read: name the repository of the original';
  if (paths.some((place) => /\.(bin|h5|msgpack|pth?)$/.test(place)))
    return 'weights of other formats are not read: name a revision or a repository that has safetensors, or convert them with transformers';
  return 'name the repository of a causal language model in the format of transformers';
}
