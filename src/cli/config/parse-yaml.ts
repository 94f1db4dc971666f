/**
 * Parses YAML within bounds: the YAML library recurses as deep as the text nests, and V8 ends the process if its stack
 * overflows within a regular expression.
 */
import { Composer, type CST, type Document, isCollection, isNode, isPair, isScalar, Lexer, type LineCounter, Parser } from 'yaml';
import { describeValue } from '../../core/options.js';

/** Maximum length of a text, in characters; it takes up to two seconds and 200 MB. Configurations have thousands. */
export const mostCharacters = 2 ** 17;
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
const tooDeep = `more than ${deepest} levels within one another`;

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
      if (keys.has(key)) return { start: at, message: `the key ${describeValue(key)} twice in one map` };
      keys.add(key);
      open.push({ node: item.value, depth: depth + 1 });
    }
  }
  return undefined;
}
