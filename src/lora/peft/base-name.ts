/** The name under which an adapter's files refer to its base model. */
import { type Files, isThere } from '../../io/files/files.js';
import { portableName } from '../../io/files/portable-name.js';
import { parseRepositoryName } from '../../io/hub/repository-name.js';

/** A base model, as adapter_config.json names it. */
export interface BaseName {
  readonly name: string | null;
  /** Its revision on the hub. */
  readonly revision: string | null;
}

/**
 * Returns the name of a base model without a path of this machine.
 *
 * @param named - a directory, or a name on the hub with `@revision` where one is meant; `undefined` for none.
 * @param files - where the directory lies.
 */
export async function baseNameOf(named: string | undefined, files: Files): Promise<BaseName> {
  if (named === undefined) return { name: null, revision: null };
  const onHub = (await isThere(files, named)) ? undefined : parseRepositoryName(named);
  return onHub === undefined
    ? { name: await portableName(named, files), revision: null }
    : { name: onHub.repository, revision: onHub.revision ?? null };
}
