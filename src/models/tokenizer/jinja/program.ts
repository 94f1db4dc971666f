/** Programs of templates: what the library parses, with what it does not parse, or does not tell apart, mended. */
import { parse, tokenize } from '@huggingface/jinja';

/** A node of a program, as far as the interpreter reads it. */
export interface Node {
  readonly type: string;
  readonly [property: string]: unknown;
}

export type Statement = Node | undefined;

/** A parsed template. */
export interface Program extends Node {
  readonly body: readonly Node[];
}

interface Token {
  readonly value: string;
  readonly type: string;
}

/**
 * Parses a template.
 *
 * @throws Error, the library's, if it is no Jinja.
 */
export function parseTemplate(source: string): Program {
  // Jinja reads all line ends alike.
  const tokens = tokenize(source.replace(/\r\n?/g, '\n'), { lstrip_blocks: true, trim_blocks: true }) as readonly Token[];
  return marked(parse(withTestArguments(withTuples(tokens)) as never) as unknown as Program) as Program;
}

/**
 * Rewrites tuples with a comma at their end, which the library does not parse: `(a, b,)` as `(a, b)`, and the tuple of
 * one element, `(a,)`, as `([a] | «tuple»)`.
 */
function withTuples(tokens: readonly Token[]): readonly Token[] {
  const made: Token[] = [];
  /** Brackets that are open: where they stand in the list made, and the commas directly in them. */
  const open: { readonly at: number; readonly isCall: boolean; commas: number }[] = [];
  for (const [at, token] of tokens.entries()) {
    const bracket = open.at(-1);
    if (/^Open(?:Paren|SquareBracket|CurlyBracket)$/.test(token.type)) {
      const before = made.at(-1);
      const isCall = token.type !== 'OpenParen' || (before !== undefined && isCallee(before));
      open.push({ at: made.length, isCall, commas: 0 });
    } else if (/^Close(?:Paren|SquareBracket|CurlyBracket)$/.test(token.type)) open.pop();
    else if (token.type === 'Comma' && bracket !== undefined) {
      bracket.commas += 1;
      if (tokens[at + 1]?.type === 'CloseParen' && !bracket.isCall) {
        if (bracket.commas > 1) continue;
        made.splice(bracket.at + 1, 0, { value: '[', type: 'OpenSquareBracket' });
        made.push({ value: ']', type: 'CloseSquareBracket' }, { value: '|', type: 'Pipe' }, { value: 'tuple', type: 'Identifier' });
        continue;
      }
    }
    made.push(token);
  }
  return made;
}

/** Returns true if a bracket after a token is that of a call. */
const isCallee = ({ type, value }: Token): boolean =>
  (type === 'Identifier' && !['in', 'and', 'or', 'not', 'if', 'else', 'is', 'set', 'elif'].includes(value)) ||
  /^Close(?:Paren|SquareBracket)$/.test(type);

/** Words after a test that do not begin its argument. */
const wordsAfterTests = new Set(['and', 'or', 'else', 'if', 'is', 'in', 'not']);

/**
 * Writes tests with arguments, which the library does not parse, as filters: `x is divisibleby(3)` becomes
 * `x | «is divisibleby»(3)`. Both bind alike. An argument may stand without parentheses.
 */
function withTestArguments(tokens: readonly Token[]): readonly Token[] {
  const made: Token[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at];
    const negated = isWord(tokens[at + 1], 'not');
    const name = tokens[at + (negated ? 2 : 1)];
    const first = at + (negated ? 3 : 2);
    if (!isWord(token, 'is') || name === undefined || !isTestName(name)) {
      made.push(token);
      continue;
    }
    const inParentheses = tokens[first]?.type === 'OpenParen';
    const end = inParentheses ? first : endOfArgument(tokens, first);
    if (!inParentheses && end === first) {
      made.push(token);
      continue;
    }
    made.push({ value: '|', type: 'Pipe' }, { value: `is ${negated ? 'not ' : ''}${name.value}`, type: 'Identifier' });
    if (!inParentheses)
      made.push({ value: '(', type: 'OpenParen' }, ...withTestArguments(tokens.slice(first, end)), { value: ')', type: 'CloseParen' });
    at = end - 1;
  }
  return made;
}

const isWord = (token: Token | undefined, word: string): boolean => token?.type === 'Identifier' && token.value === word;

const isTestName = ({ type }: Token): boolean => type === 'Identifier';

/** Returns where an argument without parentheses ends: a literal, a list, or a name with its attributes. */
function endOfArgument(tokens: readonly Token[], first: number): number {
  const token = tokens[first] as Token | undefined;
  const begins =
    token !== undefined &&
    (['StringLiteral', 'NumericLiteral', 'OpenSquareBracket', 'OpenCurlyBracket'].includes(token.type) ||
      (token.type === 'Identifier' && !wordsAfterTests.has(token.value)));
  if (!begins) return first;
  let at = first;
  let depth = 0;
  do {
    const { type } = tokens[at];
    if (/^Open/.test(type)) depth += 1;
    else if (/^Close/.test(type)) depth -= 1;
    at += 1;
    const next = tokens[at] as Token | undefined;
    if (depth > 0 || next === undefined) continue;
    if (next.type === 'OpenSquareBracket' || next.type === 'OpenParen') continue;
    if (next.type !== 'Dot') break;
    at += 1;
  } while (at < tokens.length);
  return Math.min(at, tokens.length);
}

/**
 * Statements that write by themselves, or nothing. What else stands in a block is an expression whose value is written.
 */
const statements = new Set([
  'Set',
  'If',
  'For',
  'Macro',
  'CallStatement',
  'FilterStatement',
  'Break',
  'Continue',
  'Comment',
  'StringLiteral',
]);

/** Lists of statements, by the names that the library gives them. */
const blocks = ['body', 'alternate', 'defaultBlock'] as const;

/** Marks the expressions of blocks whose values are written. */
function marked(node: Node): Node {
  const changed = Object.fromEntries(
    blocks.flatMap((name) => {
      const block = node[name];
      if (!Array.isArray(block)) return [];
      return [[name, (block as readonly Node[]).map((one) => (statements.has(one.type) ? marked(one) : { type: 'Output', value: one }))]];
    }),
  );
  // The library's nodes are of classes that it looks for.
  return Object.assign(Object.create(Object.getPrototypeOf(node) as object) as Node, node, changed);
}
