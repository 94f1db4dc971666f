/** YAML text as a document, within bounds: the library that parses it recurses as deep as a text nests, and V8 ends the process where its stack runs out within a regular expression. */
import { Composer, type CST, type Document, isCollection, isNode, isPair, isScalar, Lexer, type LineCounter, Parser } from 'yaml';
import { describeValue } from '../../core/options.js';

/** Characters of a text. The library needs up to two seconds and 200 MB for so many; configurations have some thousand. */
export const mostCharacters = 2 ** 17;
/** Levels of lists and keys within one another. */
const deepest = 100;

/** Levels while parsing: the parser holds a document and a scalar besides, and keys that hold lists count twice. */
const deepestParse = 2 * deepest + 8;

/** Why a text is no YAML, and where. */
export interface YamlFault {
  /** Position in the text. */
  readonly start: number;
  readonly message: string;
}

/** The message for what nests too deep. */
const tooDeep = `more than ${deepest} levels within one another`;

/**
 * Parses the only document of a text. Keys are texts, each once in its map.
 *
 * @param lines - takes the positions of the lines.
 */
export function parseYaml(text: string, lines: LineCounter): Document | YamlFault {
  // A text read from a file may have more bytes than characters.
  if (text.length > mostCharacters) return { start: 0, message: `more than ${mostCharacters} characters` };
  let deepAt: number | undefined;
  const onDeep = (start: number): void => {
    deepAt = start;
  };
  // The library compares every key with every other; treeFault takes a set.
  const composer = new Composer({ lineCounter: lines, prettyErrors: false, stringKeys: true, uniqueKeys: false });
  const documents = composer.compose(boundedTokens(text, lines, onDeep), true, text.length);
  const first = documents.next();
  if (deepAt !== undefined) return { start: deepAt, message: tooDeep };
  // With `forceDoc` even an empty text is a document.
  const document = first.value as Document;
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) return { start: problem.pos[0], message: problem.message };
  const second = documents.next();
  if (deepAt !== undefined) return { start: deepAt, message: tooDeep };
  if (second.done !== true) return { start: second.value.range[0], message: 'several documents' };
  return treeFault(document) ?? document;
}

/** The tokens of the parser; they end where the nesting gets too deep, before anything is composed of it. */
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

/** Finds keys that a map has twice, and deep nesting. Without recursion, whose stack the nesting would exhaust. */
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
