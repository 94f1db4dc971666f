/** Finds by their names which files of a data set are for training, for validation and for a test. */
import { formatOfName, stemOf } from '../../io/records/record-files.js';

/** The parts of a data set. */
export type Split = 'train' | 'valid' | 'test';

/** Paths of the files of each part. */
export type SplitFiles = Readonly<Record<Split, readonly string[]>>;

/** Words that name a part, as the `datasets` library of Python knows them. */
const words: Readonly<Record<string, Split>> = {
  train: 'train',
  training: 'train',
  validation: 'valid',
  valid: 'valid',
  dev: 'valid',
  val: 'valid',
  test: 'test',
  testing: 'test',
  eval: 'test',
  evaluation: 'test',
};

/** Files beside the data that have an extension of data. */
const otherFiles = /^(dataset_infos?|metadata|config|state|package(-lock)?)\.json$/i;

/** Returns the files that hold records, by their extensions. */
export function recordFiles(paths: readonly string[]): readonly string[] {
  return paths.filter((place) => {
    const name = place.split('/').at(-1) ?? '';
    return formatOfName(name) !== undefined && !name.startsWith('.') && !otherFiles.test(name);
  });
}

/** Returns the part that a word names; `undefined` for other words. */
export function splitOfWord(word: string): Split | undefined {
  const name = word.toLowerCase();
  return Object.hasOwn(words, name) ? words[name] : undefined;
}

/** Returns the part that a path names: in the file's own name, else in the nearest folder that names one. */
function splitOfPath(place: string): Split | undefined {
  const [name, ...folders] = place.split('/').toReversed();
  for (const text of [stemOf(name), ...folders])
    for (const word of text.split(/[-._ \d]+/)) {
      const split = splitOfWord(word);
      if (split !== undefined) return split;
    }
  return undefined;
}

/** Divides files among the parts. A single file that names none is for training. */
export function splitsByName(paths: readonly string[]): SplitFiles {
  const files = recordFiles(paths).toSorted();
  const of = (split: Split | undefined): readonly string[] => files.filter((place) => splitOfPath(place) === split);
  const isSingle = files.length === 1 && of(undefined).length === 1;
  return { train: isSingle ? files : of('train'), valid: of('valid'), test: of('test') };
}

/**
 * Finds files of one part in several formats: they may hold the same rows twice.
 *
 * @returns the endings, if there is more than one.
 */
export function mixedFormats(files: readonly string[]): readonly string[] {
  const endings = new Set(files.map((file) => /\.[a-z]+(\.gz)?$/i.exec(file)?.[0].toLowerCase() ?? ''));
  return endings.size > 1 ? [...endings] : [];
}
