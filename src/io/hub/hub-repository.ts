/** A repository of a hub as it is opened on a machine: `hub-repository.node.ts` and `hub-repository.web.ts` open it. */
import type { RepositoryKind } from './repository-name.js';

/** State of a download. */
export interface DownloadProgress {
  /** `owner/name`. */
  readonly repository: string;
  /** Path of the file of which bytes have come, in the repository. */
  readonly file: string;
  /** Number of bytes that are there, of all files of this download. */
  readonly bytes: number;
  /** Number of bytes of all of them. */
  readonly totalBytes: number;
}

/** A repository at one commit. */
export interface HubRepository {
  /** `owner/name`. */
  readonly repository: string;
  /** Hash of the commit. */
  readonly commit: string;
  /** The local folder of this commit, in which downloaded files lie under their own names. */
  readonly folder: string;
  /**
   * Paths of the files, with slashes; without a connection, and if their list is not known, of those that have been
   * downloaded.
   */
  readonly paths: readonly string[];
  /**
   * Downloads files, those that are not there yet.
   *
   * @param paths - paths of files, of those that the repository has.
   * @returns the folder.
   * @throws ConfigError for a path that the repository does not have, or a refusal of the hub; BackendError if the hub
   * cannot be reached (or may not be, with `HF_HUB_OFFLINE`), or the file system refuses; FormatError if what comes has
   * not the checksum that the hub names.
   */
  download(paths: readonly string[]): Promise<string>;
}

/** What a repository is opened with. */
export interface Opening {
  readonly kind: RepositoryKind;
  readonly revision: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: DownloadProgress) => void) | undefined;
  readonly onNotice: ((line: string) => void) | undefined;
  /** The function or command that errors name. */
  readonly caller: string;
}
