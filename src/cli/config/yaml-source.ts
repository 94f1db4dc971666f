/** Reads YAML files as data, with the line of every part. */
import { type Document, isAlias, isCollection, isMap, isScalar, LineCounter, type Node } from 'yaml';
import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { isJsonObject, type JsonObject } from '../../io/parse-json.js';
import { readText } from '../../io/text/read-text.js';
import { mostCharacters, parseYaml } from './parse-yaml.js';

/** The place where a value was written: `runs/a.yaml:3`, or `--rank`. */
export type Origin = string;

/** Keys and values, with the place of each. */
export interface ConfigSource {
  /** The values. */
  readonly values: JsonObject;
  /** Returns the place of the value at a path of keys, or of its nearest part if the path is unknown. */
  origin(path: readonly PropertyKey[]): Origin;
}

/**
 * Reads a YAML file of keys and values.
 *
 * @throws ConfigError naming file and line if it cannot be read, is not YAML, repeats a key, nests deeper than 100
 * levels, exceeds 128 KiB, or does not hold keys and values; FormatError for bytes that are not UTF-8.
 */
export async function readYaml(caller: string, file: string): Promise<ConfigSource> {
  const text = await readText(
    caller,
    file,
    mostCharacters,
    'give lists of names as a pattern, long texts in a file of data, and divide a sweep',
  );
  const lines = new LineCounter();
  const document = parseYaml(text, lines);
  if ('message' in document) {
    const { line } = lines.linePos(document.start);
    throw new ConfigError(`${file}:${line}: expected YAML, got: ${document.message.slice(0, 300)}; correct that line`);
  }
  const values = toValue(file, document);
  if (!isJsonObject(values)) {
    throw new ConfigError(
      `${file}:1: expected keys and values, such as 'rank: 16', got ${describeValue(values)}; see bures ${caller} --help`,
    );
  }
  return { values, origin: (path) => `${file}:${lineOf(document, lines, path)}` };
}

/** Converts a document to values. An empty file is an empty configuration. */
function toValue(file: string, document: Document): unknown {
  if (document.contents === null) return {};
  try {
    return document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (cause) {
    throw new ConfigError(`${file}:1: expected plain YAML, got: ${(cause as Error).message}; write it without aliases`, { cause });
  }
}

function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let line = 1;
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (!isCollection(node)) break;
    const pair = isMap(node) ? node.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
    const start = ((pair?.key ?? node.get(key, true)) as Node | undefined)?.range?.[0];
    if (start === undefined) break;
    line = lines.linePos(start).line;
    node = node.get(key, true);
  }
  return line;
}
