/** Names of repositories on a Hugging Face hub: `owner/name`, with `@revision` where one is meant. */
import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';

/** Kinds of repositories that are read. */
export type RepositoryKind = 'model' | 'dataset';

/** A repository, and the revision that was asked for. */
export interface RepositoryName {
  /** `owner/name`. */
  readonly repository: string;
  /** Branch, tag or commit. `undefined` if none was named; the hub's default branch is meant. */
  readonly revision: string | undefined;
}

const part = '[A-Za-z0-9][\\w.-]{0,95}';
const repositoryPattern = new RegExp(`^${part}/${part}$`);
const namePattern = new RegExp(`^(?<repository>${part}/${part})(?:@(?<revision>[\\w./-]+))?$`);

/** A full commit hash, which names one state of a repository for ever. */
const commitPattern = /^[0-9a-f]{40}$/;

/** Returns true if a revision is a full commit hash. */
export function isCommit(revision: string | undefined): revision is string {
  return revision !== undefined && commitPattern.test(revision);
}

/** Returns true for `owner/name`, as the hub admits it. */
export function isRepository(text: string): boolean {
  return repositoryPattern.test(text) && !/--|\.\.|\.git$/.test(text);
}

/** Returns true if a revision can be the name of a file in the cache: it leads out of no folder. */
function isRevision(text: string): boolean {
  return text.split('/').every((name) => !/^\.*$/.test(name));
}

/**
 * Reads `owner/name` or `owner/name@revision`.
 *
 * @returns `undefined` for any other text, such as a path.
 */
export function parseRepositoryName(text: string): RepositoryName | undefined {
  const { repository, revision } = namePattern.exec(text)?.groups ?? {};
  if (repository === undefined || !isRepository(repository)) return undefined;
  return revision === undefined || isRevision(revision) ? { repository, revision } : undefined;
}

/** Formats a repository with its revision: `owner/name@revision`. */
export function repositoryText({ repository, revision }: RepositoryName): string {
  return revision === undefined ? repository : `${repository}@${revision}`;
}

/** Checks arguments of a public function. @throws ConfigError if they name no repository, or no revision. */
export function checkRepository(caller: string, repository: unknown, revision: unknown): void {
  if (typeof repository !== 'string' || !isRepository(repository))
    throw new ConfigError(
      `${caller}: expected the name of a repository on the hub, owner/name, got ${describeValue(repository)}; pass its owner and its name`,
    );
  if (revision !== undefined && (typeof revision !== 'string' || parseRepositoryName(`${repository}@${revision}`) === undefined))
    throw new ConfigError(`${caller}: revision must be a branch, a tag or a commit, got ${describeValue(revision)}; pass one of them`);
}
