/** A YAML file as data, with the line of every part of it. */
import { type Document, isAlias, isCollection, isMap, isNode, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
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

/** Bytes of a configuration: a file of megabytes is something else. */
const mostBytes = 2 ** 22;
/** Levels of lists and keys within one another. */
const deepest = 100;

/**
 * Reads a file of YAML that holds keys and values.
 *
 * @throws ConfigError naming file and line if it cannot be read, is not YAML, has a key twice, is nested in more than 100 levels or larger than 4 MiB, or holds something else than keys; FormatError for
 * bytes that are not UTF-8.
 */
export async function readYaml(caller: string, file: string): Promise<ConfigSource> {
  const text = await readText(caller, file, mostBytes);
  const lines = new LineCounter();
  // The library compares every key with every other; checkTree takes a set.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true, uniqueKeys: false });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw faultAt(file, lines, problem.pos[0], problem.message);
  checkTree(document, (start, message) => faultAt(file, lines, start, message));
  const values = toValue(file, document);
  if (!isJsonObject(values)) {
    throw new ConfigError(
      `${file}:1: expected keys and values, such as 'rank: 16', got ${describeValue(values)}; see bures ${caller} --help`,
    );
  }
  return { values, origin: (path) => `${file}:${lineOf(document, lines, path)}` };
}

function faultAt(file: string, lines: LineCounter, start: number, message: string): ConfigError {
  const said = /call stack/.test(message) ? `more than ${deepest} levels within one another` : message.slice(0, 300);
  return new ConfigError(`${file}:${lines.linePos(start).line}: expected YAML, got: ${said}; correct that line`);
}

/** Refuses keys that a map has twice, and deep nesting. Without recursion, whose stack the nesting would exhaust. */
function checkTree(document: Document, fault: (start: number, message: string) => ConfigError): void {
  const open: { readonly node: unknown; readonly depth: number }[] = [{ node: document.contents, depth: 1 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, depth } = next;
    if (!isCollection(node)) continue;
    const start = node.range?.[0] ?? 0;
    if (depth > deepest) throw fault(start, `more than ${deepest} levels within one another`);
    const keys = new Set<unknown>();
    for (const item of node.items as readonly unknown[]) {
      if (!isPair(item)) {
        open.push({ node: item, depth: depth + 1 });
        continue;
      }
      const key = isScalar(item.key) ? item.key.value : item.key;
      const at = isNode(item.key) ? (item.key.range?.[0] ?? start) : start;
      if (keys.has(key)) throw fault(at, `the key ${describeValue(key)} twice in one map`);
      keys.add(key);
      open.push({ node: item.value, depth: depth + 1 });
    }
  }
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
