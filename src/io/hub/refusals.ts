/** The errors for what a hub refuses, with the remedy. */
import { BackendError, type BuresError, ConfigError } from '../../core/errors.js';
import type { HubSettings } from './hub-settings.node.js';
import { type RepositoryKind, type RepositoryName, repositoryText } from './repository-name.js';

/** What was asked for. */
export interface Subject extends RepositoryName {
  readonly kind: RepositoryKind;
  /** Path of a file in the repository. Default: the repository itself. */
  readonly file?: string;
}

/** What the hub answered. */
export interface Refusal {
  readonly status: number;
  /** The hub's name of the error: RepoNotFound, RevisionNotFound, EntryNotFound, GatedRepo; empty without one. */
  readonly code: string;
  /** The hub's own words; may be empty. */
  readonly said: string;
}

/** There is no such repository, or none that may be seen. */
export class MissingRepositoryError extends ConfigError {}

/** Names of the kinds in sentences. */
const kinds = { model: 'model', dataset: 'data set' } as const;

/** Returns the address of a repository's page. */
export function pageOf({ endpoint }: Pick<HubSettings, 'endpoint'>, { kind, repository }: Subject): string {
  return `${endpoint}/${kind === 'dataset' ? 'datasets/' : ''}${repository}`;
}

/** Returns the error for a refusal that asking again would not mend. */
export function refusalError(
  { caller, settings }: { readonly caller: string; readonly settings: HubSettings },
  refusal: Refusal,
  subject: Subject,
): BuresError {
  const { status, code, said } = refusal;
  const { endpoint, token } = settings;
  const name = `the ${kinds[subject.kind]} ${subject.repository}`;
  const answer = `${endpoint} answered ${[`HTTP ${status}`, code, said].filter((text) => text !== '').join(', ')}`;
  const sent =
    token === undefined
      ? 'set HF_TOKEN to a token of an account that may read it'
      : 'the token that was sent (HF_TOKEN or the token file) may not read it: set another';
  if (code === 'GatedRepo')
    return new ConfigError(
      `${caller}: ${name} is gated (${answer}); accept its terms on ${pageOf(settings, subject)}, and ${token === undefined ? 'set HF_TOKEN to a token of that account' : 'see that HF_TOKEN is a token of that account'}`,
    );
  if (status === 401 && token !== undefined && code !== 'RepoNotFound')
    return new ConfigError(`${caller}: the token of the hub is not valid (${answer}); set HF_TOKEN to a valid one, or unset it`);
  // To those who may not know whether a private repository exists, the hub answers 401 for one that does not, too.
  if (code === 'RepoNotFound' || status === 401)
    return new MissingRepositoryError(
      `${caller}: ${name} does not exist, or is private (${answer}); check owner and name, and if it is private, ${sent}`,
    );
  if (code === 'RevisionNotFound')
    return new ConfigError(
      `${caller}: ${name} has no revision '${subject.revision ?? 'main'}' (${answer}); name a branch, a tag or a whole commit hash after @, or leave it out`,
    );
  if (code === 'EntryNotFound' || (status === 404 && subject.file !== undefined))
    return new ConfigError(`${caller}: ${repositoryText(subject)} has no file ${subject.file ?? ''} (${answer}); check its name`);
  if (status === 403) return new ConfigError(`${caller}: ${name} may not be read (${answer}); ${sent}`);
  if (status === 404)
    return new MissingRepositoryError(`${caller}: ${name} was not found (${answer}); check owner and name, and HF_ENDPOINT`);
  return new BackendError(`${caller}: ${name} cannot be read (${answer}); check HF_ENDPOINT, or try again later`);
}
