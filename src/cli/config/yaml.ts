/**
 * Reads YAML files as data, with the line of every part, and writes them. Texts are parsed within bounds: the YAML
 * library recurses as deep as the text nests, and V8 ends the process if its stack overflows within a regular
 * expression.
 */
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  stringify,
} from 'yaml';
import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { isJsonObject, type JsonObject } from '../../io/parse-json.js';
import { readText } from '../../io/text/read-text.js';

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
  const { document, lines, values } = await readDocument(caller, file);
  return { values, origin: (path) => `${file}:${lineOf(document, lines, path)}` };
}

/** A YAML file of keys and values, as it is written and as values. */
interface YamlFile {
  readonly document: Document;
  readonly lines: LineCounter;
  readonly values: JsonObject;
}

async function readDocument(caller: string, file: string): Promise<YamlFile> {
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
  return { document, lines, values };
}

/** Converts a document to values. An empty file is an empty configuration. */
function toValue(file: string, document: Document): unknown {
  if (document.contents === null) return {};
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (cause) {
    throw new ConfigError(`${file}:1: expected plain YAML, got: ${(cause as Error).message}; write it without aliases`, { cause });
  }
  if (holdsItself(value, new Set()))
    throw new ConfigError(`${file}:1: expected plain YAML, got an alias within the value that it names; write it without aliases`);
  return value;
}

/** Returns true if a value contains itself, as `a: &a [*a]` does. */
function holdsItself(value: unknown, holders: Set<unknown>): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (holders.has(value)) return true;
  holders.add(value);
  const found = Object.values(value).some((one) => holdsItself(one, holders));
  holders.delete(value);
  return found;
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

/**
 * Formats a configuration as YAML, leaving out keys without a value.
 *
 * @throws ConfigError if the text would be too long to be read again.
 */
export function configText(caller: string, config: object): string {
  const text = stringify(config, { lineWidth: 0, aliasDuplicateObjects: false });
  if (text.length <= mostCharacters) return text;
  throw new ConfigError(
    `${caller}: expected a configuration of at most ${mostCharacters} characters when it is written as YAML, got ${text.length}; give lists of names as a pattern, and long texts in a file of data`,
  );
}

/**
 * Returns the text of a file of keys and values with some of them changed, its comments and order kept.
 *
 * @param changes - new values by key; `undefined` takes a key away.
 * @throws ConfigError as {@link readYaml}.
 */
export async function changedYaml(caller: string, file: string, changes: JsonObject): Promise<string> {
  const { document } = await readDocument(caller, file);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) document.delete(key);
    else document.set(key, value);
  }
  return document.toString({ lineWidth: 0 });
}

/** Maximum length of a text, in characters; it takes up to two seconds and 200 MB. Configurations have thousands. */
const mostCharacters = 2 ** 17;
/** Maximum nesting of lists and keys. */
const deepest = 100;

/** Maximum nesting while parsing: the stack also holds a document and a scalar, and keys with lists count twice. */
const deepestParse = 2 * deepest + 8;

/** The reason why a text is not valid YAML, and the place. */
export interface YamlFault {
  /** Position in the text. */
  readonly start: number;
  readonly message: string;
}

/** Message for a text that nests too deep. */
const tooDeep = `more than ${deepest} nested levels`;

/**
 * Parses a text with a single document. Keys must be texts, each of them once in its map.
 *
 * @param lines - receives the positions of the lines.
 */
export function parseYaml(text: string, lines: LineCounter): Document | YamlFault {
  // A text read from a file may have more bytes than characters.
  if (text.length > mostCharacters) return { start: 0, message: `more than ${mostCharacters} characters` };
  let deepAt: number | undefined;
  const onDeep = (start: number): void => {
    deepAt = start;
  };
  // The library would compare all pairs of keys; treeFault uses a set.
  const composer = new Composer({ lineCounter: lines, prettyErrors: false, stringKeys: true, uniqueKeys: false });
  const documents = composer.compose(boundedTokens(text, lines, onDeep), true, text.length);
  const first = documents.next();
  if (deepAt !== undefined) return { start: deepAt, message: tooDeep };
  // With `forceDoc`, even an empty text yields a document.
  const document = first.value as Document;
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) return { start: problem.pos[0], message: problem.message };
  const second = documents.next();
  if (deepAt !== undefined) return { start: deepAt, message: tooDeep };
  if (second.done !== true) return { start: second.value.range[0], message: 'several documents' };
  return treeFault(document) ?? document;
}

/** Yields the tokens of the parser, and stops before the nesting gets too deep to compose. */
function* boundedTokens(text: string, lines: LineCounter, onDeep: (start: number) => void): Generator<CST.Token, void> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    if (parser.stack.length <= deepestParse) continue;
    onDeep(parser.offset);
    return;
  }
  yield* parser.end();
}

/** Finds repeated keys and deep nesting. It does not recurse, because deep nesting would exhaust the stack. */
function treeFault(document: Document): YamlFault | undefined {
  const open: { readonly node: unknown; readonly depth: number }[] = [{ node: document.contents, depth: 1 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, depth } = next;
    if (!isCollection(node)) continue;
    const start = node.range?.[0] ?? 0;
    if (depth > deepest) return { start, message: tooDeep };
    const keys = new Set<unknown>();
    for (const item of node.items as readonly unknown[]) {
      if (!isPair(item)) {
        open.push({ node: item, depth: depth + 1 });
        continue;
      }
      const key = isScalar(item.key) ? item.key.value : item.key;
      const at = isNode(item.key) ? (item.key.range?.[0] ?? start) : start;
      if (keys.has(key)) return { start: at, message: `the key ${describeValue(key)} occurs twice in one map` };
      keys.add(key);
      open.push({ node: item.value, depth: depth + 1 });
    }
  }
  return undefined;
}
