/** Copies of a model's files, from where they lie to where they stay: from the hub into what a browser keeps, say. */
import { BackendError, ConfigError } from '../core/errors.js';
import { declareOptions, option, type Settings } from '../core/options.js';
import type { Files, OpenFile } from '../io/files/files.js';
import { filesOption } from '../io/files/files-option.js';
import { lastName } from '../io/files/slash-path.js';
import { singleFileName } from '../io/safetensors/open-safetensors.js';
import { readShardIndex, shardIndexName } from '../io/safetensors/shard-index.js';

/** Files that every model has to have. */
export const requiredFiles = ['config.json', 'tokenizer.json'] as const;

/** Files that are read if they are there. */
export const optionalFiles = ['generation_config.json', 'tokenizer_config.json', 'special_tokens_map.json', 'chat_template.jinja'] as const;

/** State of {@link copyModel}. */
export interface CopyProgress {
  /** Name of the file of which bytes have come. */
  readonly file: string;
  /** Number of its bytes that are there. */
  readonly bytes: number;
  /** Number of all of its bytes. */
  readonly totalBytes: number;
}

/** Options of {@link copyModel}. */
export interface CopyModelOptions {
  /** Where the model lies. Default: the files of this machine. */
  readonly from?: Files;
  /** Where the copy goes. Default: the files of this machine. */
  readonly to?: Files;
  /** Signal that ends the copy between two pieces; files that are whole stay. Default: none. */
  readonly signal?: AbortSignal;
  /** Receives the state of a file, whenever a piece of it has come. Default: none. */
  readonly onProgress?: (progress: CopyProgress) => void;
}

const copyModelOptions = declareOptions<CopyModelOptions>()({
  from: filesOption,
  to: filesOption,
  signal: option({ optional: true }),
  onProgress: option({ optional: true }),
});

/** The options, with their defaults. */
type CopySettings = Settings<CopyModelOptions, 'from' | 'to'>;

/** Bytes copied at a time. */
const pieceBytes = 2 ** 22;

/**
 * Copies what the loaders read of a model: configuration, tokenizer and the weights in safetensors format, of one file
 * or of shards. Weights are copied piece by piece, and the index of shards comes last.
 *
 * @param directory - the model's folder in `from`; `''` for that of `hubFiles` or `webFiles` itself.
 * @param folder - the folder in `to`.
 * @param options - see {@link CopyModelOptions}.
 * @returns once all is there. A file that is there already is not copied again, so that a second call goes on where an
 * interrupted one was: one of the same length that agrees in 16 pieces of 64 KiB, in which other weights of the same
 * shapes differ. What an earlier copy of another model has left is replaced or removed.
 * @throws ConfigError if the model lacks a file that it has to have; FormatError if the index of its shards is damaged;
 * BackendError if a file ends early; and the errors of `from` and `to`.
 *
 * @example
 * ```ts
 * import { hubFiles, opfsFiles } from 'bures/io';
 * import { copyModel, loadCausalLM } from 'bures/models';
 * import { tensorAlgebra } from 'bures/tensor';
 *
 * export async function keptModel(name: string) {
 *   const files = opfsFiles();
 *   await copyModel('', `models/${name}`, { from: hubFiles(name), to: files });
 *   return loadCausalLM(`models/${name}`, { files, algebra: await tensorAlgebra() });
 * }
 * ```
 */
export async function copyModel(directory: string, folder: string, options: CopyModelOptions = {}): Promise<void> {
  const settings = copyModelOptions.read('copyModel', options);
  const { from, to } = settings;
  const source = (name: string): string => from.join(directory, name);
  const copy = (name: string): Promise<boolean> => copyFile(source(name), to.join(folder, name), settings);
  for (const name of requiredFiles) if (!(await copy(name))) throw lacks(directory, name);
  // What an earlier copy has left and this model lacks would be read with it.
  const gone = (name: string): Promise<void> => to.remove(to.join(folder, name));
  for (const name of optionalFiles) if (!(await copy(name))) await gone(name);
  if (await copy(singleFileName)) return gone(shardIndexName);
  if ((await from.describe(source(shardIndexName))) === undefined) throw lacks(directory, `${singleFileName} or ${shardIndexName}`);
  const shards = await readShardIndex('copyModel', source(shardIndexName), from);
  for (const shard of shards.keys()) if (!(await copy(lastName(shard)))) throw lacks(directory, `the shard ${lastName(shard)}`);
  await copy(shardIndexName);
  await gone(singleFileName);
}

function lacks(directory: string, what: string): ConfigError {
  const place = directory === '' ? 'among the files of the model' : `in ${directory}`;
  return new ConfigError(`copyModel: expected ${what} ${place}, found none; name the folder of a model in the format of transformers`);
}

/** Copies a file unless it is there. @returns false if there is none to copy. */
async function copyFile(source: string, target: string, { from, to, signal, onProgress }: CopySettings): Promise<boolean> {
  signal?.throwIfAborted();
  if ((await from.describe(source)) === undefined) return false;
  const open = await from.open(source);
  try {
    const { bytes: totalBytes } = open;
    const progress = (bytes: number) => onProgress?.({ file: lastName(source), bytes, totalBytes });
    if ((await to.describe(target))?.bytes === totalBytes && (await agrees(open, to, target))) {
      progress(totalBytes);
      return true;
    }
    const piece = new Uint8Array(Math.min(pieceBytes, totalBytes));
    await to.write(target, async ({ write }) => {
      for (let at = 0; at < totalBytes; ) {
        signal?.throwIfAborted();
        const read = await open.read(piece, at);
        if (read === 0) throw new BackendError(`copyModel: ${source} ended after ${at} of ${totalBytes} bytes; call it again`);
        await write(piece.subarray(0, read));
        at += read;
        progress(at);
      }
    });
  } finally {
    await open.close();
  }
  return true;
}

/** Pieces in which files are compared, and their length. */
const compared = { pieces: 16, bytes: 2 ** 16 } as const;

/**
 * Returns true if a file agrees with an open one of the same length: all of it if small, else in evenly spread pieces.
 */
async function agrees(source: OpenFile, files: Files, path: string): Promise<boolean> {
  const copy = await files.open(path);
  try {
    const stride = Math.max(compared.bytes, Math.ceil((source.bytes - compared.bytes) / (compared.pieces - 1)));
    for (let at = 0; at < source.bytes; at += stride) {
      const [a, b] = [await pieceAt(source, at), await pieceAt(copy, at)];
      if (a.length !== b.length || a.some((byte, i) => byte !== b[i])) return false;
    }
    return true;
  } finally {
    await copy.close();
  }
}

async function pieceAt(file: OpenFile, at: number): Promise<Uint8Array> {
  const piece = new Uint8Array(Math.min(compared.bytes, file.bytes - at));
  let done = 0;
  for (let read = 1; read > 0 && done < piece.length; done += read) read = await file.read(piece.subarray(done), at + done);
  return piece.subarray(0, done);
}
