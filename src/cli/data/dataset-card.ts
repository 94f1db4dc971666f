/** The head of a data set's README.md on the hub, which may say which files make which part. */
import { LineCounter } from 'yaml';
import { isJsonObject } from '../../io/parse-json.js';
import { parseYaml } from '../config/yaml.js';
import { matchGlob } from './match-glob.js';
import { recordFiles, type Split, type SplitFiles, splitOfWord, splitsByName } from './split-files.js';

/** A configuration of a data set: a choice of its files. */
export interface CardConfiguration {
  readonly name: string;
  /** True if it is meant where none is named. */
  readonly isDefault: boolean;
  /** Returns the files of its parts, of those that there are. */
  files(paths: readonly string[]): SplitFiles;
}

/**
 * Reads the configurations in the head of a README.md, which is YAML between lines of three dashes.
 *
 * @returns the configurations, none if it names none; the reason in words if they cannot be understood.
 */
export function cardConfigurations(text: string): readonly CardConfiguration[] | string {
  const head = /^---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(text)?.[1];
  if (head === undefined) return [];
  const document = parseYaml(head, new LineCounter());
  if ('message' in document) return document.message.slice(0, 200);
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return (error as Error).message.slice(0, 200);
  }
  const configs = isJsonObject(content) ? content.configs : undefined;
  if (configs === undefined || configs === null) return [];
  if (!Array.isArray(configs)) return "'configs' is no list";
  const read: CardConfiguration[] = [];
  for (const config of configs as readonly unknown[]) {
    const made = readConfiguration(config);
    if (typeof made === 'string') return made;
    read.push(made);
  }
  return read;
}

/** A part and the patterns of its files. */
interface PartPatterns {
  readonly split: string;
  readonly patterns: readonly string[];
}

function readConfiguration(config: unknown): CardConfiguration | string {
  if (!isJsonObject(config)) return "an entry of 'configs' has no keys";
  const { config_name: named = 'default', data_files: data, data_dir: folder, default: marked } = config;
  const name = String(named);
  const within = typeof folder === 'string' ? `${folder.replace(/^\.?\/|\/$/g, '')}/` : '';
  const isDefault = marked === true || name === 'default';
  if (data === undefined || data === null)
    return { name, isDefault, files: (paths) => splitsByName(paths.filter((place) => place.startsWith(within))) };
  const parts = readParts(data);
  if (parts === undefined) return `'data_files' of the configuration '${name}' is neither a pattern nor a list of them`;
  return {
    name,
    isDefault,
    files(paths) {
      const of = (split: Split): readonly string[] => {
        const patterns = parts.filter((part) => splitOfWord(part.split) === split).flatMap((part) => part.patterns);
        const matches = patterns.map((pattern) => matchGlob(`${within}${pattern.replace(/^\.?\//, '')}`));
        return recordFiles(paths)
          .filter((place) => matches.some((match) => match(place)))
          .toSorted();
      };
      return { train: of('train'), valid: of('valid'), test: of('test') };
    },
  };
}

/** Reads `data_files`: a pattern, a list of patterns, or a list of parts with their patterns. */
function readParts(data: unknown): readonly PartPatterns[] | undefined {
  const patternsOf = (value: unknown): readonly string[] | undefined => {
    if (typeof value === 'string') return [value];
    return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined;
  };
  const all = patternsOf(data);
  if (all !== undefined) return [{ split: 'train', patterns: all }];
  const entries = Array.isArray(data)
    ? data
    : isJsonObject(data)
      ? Object.entries(data).map(([split, path]) => ({ split, path }))
      : undefined;
  const parts = entries?.map((entry: unknown): PartPatterns | undefined => {
    if (!isJsonObject(entry)) return undefined;
    const patterns = patternsOf(entry.path);
    return patterns === undefined ? undefined : { split: String(entry.split ?? 'train'), patterns };
  });
  return parts?.includes(undefined) ? undefined : (parts as readonly PartPatterns[] | undefined);
}
