/** Finds the files of a data set that a key or a flag names: on this machine, or in a repository of the hub. */
import { ConfigError } from '../../core/errors.js';
import { nearestNames } from '../../core/nearest-names.js';
import { exists, isFolder, namesIn } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { parseRepositoryName, type RepositoryName, repositoryText } from '../../io/hub/repository-name.js';
import { type HubRepository, openHubRepository } from '../../io/index.js';
import { formatOfName, recordExtensions, stemOf } from '../../io/records/record-files.js';
import { readText } from '../../io/text/read-text.js';
import { withPathHint } from '../hub/find-model.js';
import { type DownloadWatch, whileDownloading } from '../hub/while-downloading.js';
import type { Terminal } from '../terminal.js';
import { cardConfigurations } from './dataset-card.js';
import { isGlob, matchGlob } from './match-glob.js';
import { mixedFormats, recordFiles, type Split, type SplitFiles, splitsByName } from './split-files.js';

/** What the files are wanted for: training with validation, or evaluation. */
export type DataUse = 'training' | 'evaluation';

/** The files of a data set on this machine. */
export interface FoundData {
  /** The name under which a run records it: an absolute path, or `owner/name@commit` with `:PART` if one was named. */
  readonly name: string;
  /** Files of the rows: to train on, or to evaluate on. */
  readonly rows: readonly string[];
  /** Files of the validation rows; none if they are to be held out of the training rows, or nothing is trained. */
  readonly valid: readonly string[];
  /** Says which files of a repository were chosen; absent for what is on this machine. */
  readonly choice?: string;
}

/** Largest README.md that is read, in bytes. */
const mostCardBytes = 2 ** 22;

/** A repository, and the part of it that was named. */
interface HubData extends RepositoryName {
  readonly part: string | undefined;
}

/** Reads `owner/name[@revision][:part]` or `owner/name/part`. @returns `undefined` for any other text. */
export function parseDataName(text: string): HubData | undefined {
  const colon = text.indexOf(':');
  const slash = text.indexOf('/', text.indexOf('/') + 1);
  // A revision may have slashes, so that after one only a colon begins a part.
  const cut = colon >= 0 ? colon : text.includes('@') || slash < 0 ? text.length : slash;
  const name = parseRepositoryName(text.slice(0, cut));
  const part = text.slice(cut + 1).replace(/\/+$/, '');
  // No repository is called train.jsonl: that is a path, of a file that is not there.
  const isFile = cut === text.length && formatOfName(text) !== undefined;
  return name === undefined || isFile ? undefined : { ...name, part: part === '' ? undefined : part };
}

/**
 * Finds a data set. A path that exists on this machine comes first: a file, or a directory with files that are named
 * after their parts. Files of a repository of the hub are downloaded unless the cache has them.
 *
 * @throws ConfigError if there is none, or it cannot be told which files are meant, with a list of them; errors of
 * {@link openHubRepository}.
 */
export async function findData(caller: string, named: string, use: DataUse, terminal: Terminal): Promise<FoundData> {
  if (await isFolder(named)) return inFolder(named, use);
  if (await exists(named)) return { name: path.resolve(named), rows: [named], valid: [] };
  const parts = named.split(',').map((part) => part.trim());
  if (parts.length > 1 && (await Promise.all(parts.map((part) => part !== '' && exists(part)))).every(Boolean))
    throw new ConfigError(
      `data: ${named} does not exist, but its parts at the commas do; ${use === 'training' ? `give the flag once for each, ${parts.map((part) => `--data ${part}`).join(' ')}, or a list in a file of keys` : 'give one of them'}`,
    );
  const wanted = parseDataName(named);
  if (wanted === undefined)
    throw new ConfigError(
      `data: ${named} does not exist; pass a file (${recordExtensions}), a directory with ${fileNames(use)}, or the name of a data set on the hub, owner/name`,
    );
  return whileDownloading(terminal, (watch) => onHub(caller, wanted, use, watch)).catch((error: unknown) => {
    throw withPathHint(error, named);
  });
}

function fileNames(use: DataUse): string {
  return use === 'training' ? 'train.jsonl' : 'test.jsonl or valid.jsonl';
}

/** Chooses the files for a use. */
function filesFor(
  use: DataUse,
  { train, valid, test }: SplitFiles,
): { readonly rows: readonly string[]; readonly valid: readonly string[] } {
  return use === 'training' ? { rows: train, valid } : { rows: test.length > 0 ? test : valid, valid: [] };
}

async function inFolder(folder: string, use: DataUse): Promise<FoundData> {
  const names = await namesIn(folder);
  const within = (await isFolder(path.join(folder, 'data')))
    ? (await namesIn(path.join(folder, 'data'))).map((name) => `data/${name}`)
    : [];
  const files = filesFor(use, splitsInFolder(names, splitsByName([...names, ...within])));
  checkChosen(folder, use, files.rows, recordFiles([...names, ...within]));
  checkFormats(folder, files.valid);
  const places = (list: readonly string[]): readonly string[] => list.map((name) => path.join(folder, name));
  return { name: path.resolve(folder), rows: places(files.rows), valid: places(files.valid) };
}

/** A file of a directory that has just the name of a part comes before others that name it too. */
function splitsInFolder(names: readonly string[], byName: SplitFiles): SplitFiles {
  const of = (split: Split): readonly string[] => {
    const exact = recordFiles(names).filter((name) => stemOf(name) === split);
    return exact.length > 0 ? exact : byName[split];
  };
  return { train: of('train'), valid: of('valid'), test: of('test') };
}

async function onHub(caller: string, wanted: HubData, use: DataUse, watch: DownloadWatch): Promise<FoundData> {
  const { repository: id, revision, part } = wanted;
  const repository = await openHubRepository(id, { ...watch, caller, kind: 'dataset', ...(revision === undefined ? {} : { revision }) });
  const files = filesFor(use, await chosenFiles(caller, repository, wanted, use));
  checkChosen(id, use, files.rows, recordFiles(repository.paths));
  checkFormats(id, files.valid);
  const folder = await repository.download([...files.rows, ...files.valid]);
  const pinned = `${repositoryText({ repository: id, revision: repository.commit })}${part === undefined ? '' : `:${part}`}`;
  const validating = files.valid.length === 0 ? '' : `, validating on ${files.valid.join(', ')}`;
  const choice = `${id}: ${use === 'training' ? 'training' : 'evaluating'} on ${files.rows.join(', ')}${validating}`;
  const places = (list: readonly string[]): readonly string[] => list.map((name) => path.join(folder, ...name.split('/')));
  return { name: pinned, rows: places(files.rows), valid: places(files.valid), choice };
}

/**
 * Returns the files of a repository that are meant: by the part that was named, by its README.md, or by their names.
 */
async function chosenFiles(caller: string, repository: HubRepository, { part, ...name }: HubData, use: DataUse): Promise<SplitFiles> {
  const { paths } = repository;
  const only = (files: readonly string[]): SplitFiles =>
    use === 'training' ? { train: files, valid: [], test: [] } : { train: [], valid: [], test: files };
  if (part !== undefined && paths.includes(part)) return only([part]);
  if (part !== undefined && isGlob(part)) return only(recordFiles(paths).filter(matchGlob(part)));
  const configurations = await configurationsOf(caller, repository);
  if (part !== undefined) {
    const configuration = configurations.find((one) => one.name === part);
    if (configuration !== undefined) return configuration.files(paths);
    const within = paths.filter((place) => place.startsWith(`${part}/`));
    if (within.length > 0) return splitsByName(within);
    const near = nearestNames(part, [...configurations.map((one) => one.name), ...recordFiles(paths)]);
    throw new ConfigError(
      `data: ${repositoryText(name)} has no file, folder or configuration '${part}'; ${near.length === 0 ? listed(recordFiles(paths)) : `did you mean ${near.join(', ')}?`}`,
    );
  }
  const meant = configurations.length === 1 ? configurations : configurations.filter(({ isDefault }) => isDefault);
  if (configurations.length === 0) return splitsByName(paths);
  if (meant.length === 1) return meant[0].files(paths);
  const names = configurations.map((one) => one.name);
  throw new ConfigError(
    `data: ${repositoryText(name)} has several configurations, ${names.slice(0, mostListed).join(', ')}; name one after a colon: ${name.repository}:${names[0]}`,
  );
}

async function configurationsOf(caller: string, repository: HubRepository): ReturnType<typeof readConfigurations> {
  return repository.paths.includes('README.md') ? readConfigurations(caller, repository) : [];
}

async function readConfigurations(caller: string, repository: HubRepository) {
  const file = path.join(await repository.download(['README.md']), 'README.md');
  const found = cardConfigurations(await readText(caller, file, mostCardBytes));
  if (typeof found !== 'string') return found;
  throw new ConfigError(
    `data: expected the head of README.md of ${repository.repository} to say which files make which part, got: ${found}; name the file after a colon: ${repository.repository}:FILE`,
  );
}

/** Files listed in an error. */
const mostListed = 12;

function listed(files: readonly string[]): string {
  if (files.length === 0) return `there are no files ${recordExtensions}`;
  const more = files.length > mostListed ? ` and ${files.length - mostListed} more` : '';
  return `its files are ${files.slice(0, mostListed).join(', ')}${more}`;
}

/** Requires files for a use. @throws ConfigError with a list of those that there are. */
function checkChosen(where: string, use: DataUse, rows: readonly string[], all: readonly string[]): void {
  if (rows.length === 0)
    throw new ConfigError(
      `data: ${where} has ${use === 'training' ? 'no file that is named after training, such as train.jsonl' : 'neither test.jsonl nor valid.jsonl, nor another file that is named after a test or validation'}; ${listed(all)}; pass the file itself`,
    );
  checkFormats(where, rows);
}

function checkFormats(where: string, files: readonly string[]): void {
  const endings = mixedFormats(files);
  if (endings.length === 0) return;
  throw new ConfigError(
    `data: expected files of one format in ${where}, got ${endings.join(' and ')} for the same rows: ${files.slice(0, mostListed).join(', ')}; remove one, or pass the file itself`,
  );
}
