/** Finds the model that a key or an argument names: a folder on this machine, or a repository of the hub. */
import { BackendError, ConfigError } from '../../core/errors.js';
import { exists } from '../../io/files/entries.node.js';
import { nodeFiles } from '../../io/files/node-files.js';
import { path } from '../../io/files/path.node.js';
import { MissingRepositoryError } from '../../io/hub/refusals.js';
import { parseRepositoryName, repositoryText } from '../../io/hub/repository-name.js';
import { otherFile, otherTokenizer, otherWeights } from '../../io/other-formats.js';
import { downloadModel } from '../../models/index.js';
import type { Terminal } from '../terminal.js';
import { whileDownloading } from './while-downloading.js';

/** A model on this machine. */
export interface FoundModel {
  /** Its folder; of a model of the hub, in the cache. */
  readonly folder: string;
  /** The name under which a run records it: the absolute path of a folder, or `owner/name@commit`. */
  readonly name: string;
}

/**
 * Finds a model. A path that exists on this machine comes first; `owner/name` and `owner/name@revision` are downloaded
 * unless the cache has them.
 *
 * @throws ConfigError if it is neither; errors of {@link downloadModel}.
 */
export async function findModel(caller: string, named: string, terminal: Terminal): Promise<FoundModel> {
  const isFile = otherFile(named);
  if (isFile !== undefined) throw new ConfigError(`${caller}: expected the directory of a model, got ${named}: ${isFile}`);
  const wanted = (await exists(named)) ? undefined : parseRepositoryName(named);
  if (wanted === undefined) {
    const [weights, tokenizer] = [await otherWeights(nodeFiles, named), await otherTokenizer(nodeFiles, named)];
    if (weights !== undefined) throw new ConfigError(`${caller}: expected model.safetensors in ${named}, found ${weights}`);
    if (await exists(path.join(named, 'config.json'))) {
      if (tokenizer !== undefined) throw new ConfigError(`${caller}: expected tokenizer.json in ${named}, found ${tokenizer}`);
      return { folder: named, name: path.resolve(named) };
    }
    throw new ConfigError(
      `${caller}: expected a model, found no config.json in ${named}; pass the directory of a model in Hugging Face format, or its name on the hub, owner/name`,
    );
  }
  const { repository, revision } = wanted;
  const { folder, commit } = await whileDownloading(terminal, (watch) =>
    downloadModel(repository, { ...watch, caller, ...(revision === undefined ? {} : { revision }) }),
  ).catch((error: unknown) => {
    throw withPathHint(error, named);
  });
  return { folder, name: repositoryText({ repository, revision: commit }) };
}

/** Adds to the error of a name that the hub does not know that it is no path either: it may have been meant as one. */
export function withPathHint(error: unknown, named: string): unknown {
  const message = (text: string): string => `${text}; as a path, ${named} does not exist on this machine`;
  if (error instanceof MissingRepositoryError) return new ConfigError(message(error.message), { cause: error });
  if (error instanceof BackendError) return new BackendError(message(error.message), { cause: error });
  return error;
}
