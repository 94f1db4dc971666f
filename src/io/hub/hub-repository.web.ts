import { NotImplementedError } from '../../core/errors.js';
import type { HubRepository, Opening } from './hub-repository.js';

/** A page has no cache of the hub. */
export async function openCached(repository: string, { kind, revision, caller }: Opening): Promise<HubRepository> {
  const name = JSON.stringify(revision === undefined ? repository : `${repository}@${revision}`);
  throw new NotImplementedError(
    `${caller}: expected Node.js, whose cache of the hub it keeps ${repository} in, got a page; read its files by hubFiles(${name}${kind === 'dataset' ? ", { kind: 'dataset' }" : ''})`,
  );
}
