/** A YAML file as data, with the line of every part of it. */
import { type Document, isAlias, isCollection, isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { isJsonObject, type JsonObject } from '../../core/parse-json.js';
import { readText } from '../read-text.js';

/** Where a value was written: `runs/a.yaml:3`, or `--rank`. */
export type Origin = string;

/** Keys and values, and where each was written. */
export interface ConfigSource {
  /** What was written. */
  readonly values: JsonObject;
  /** Where the value at a path of keys was written; of an unknown path, where its nearest part was. */
  origin(path: readonly PropertyKey[]): Origin;
}

/**
 * Reads a file of YAML that holds keys and values.
 *
 * @throws ConfigError naming file and line if it cannot be read, is not UTF-8 or not YAML, or holds something else than keys.
 */
export async function readYaml(caller: string, file: string): Promise<ConfigSource> {
  const text = await readText(caller, file);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    throw new ConfigError(`${file}:${lines.linePos(problem.pos[0]).line}: expected YAML, got: ${problem.message}; correct that line`);
  }
  const values = toValue(file, document);
  if (!isJsonObject(values)) {
    throw new ConfigError(
      `${file}:1: expected keys and values, such as 'rank: 16', got ${describeValue(values)}; see bures ${caller} --help`,
    );
  }
  return { values, origin: (path) => `${file}:${lineOf(document, lines, path)}` };
}

/** An empty file is an empty configuration. */
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
