/** Patterns of Python's `re` in the syntax of RE2, which matches in linear time. */
import { codePoint, shorthandMembers } from './python-classes.js';

/** A translated pattern. */
export interface Translation {
  /** The pattern in RE2's syntax. */
  readonly source: string;
  /** Number of steps of its automaton, repetitions counted out. */
  readonly size: number;
  /** True if it is exact only for names in ASCII: it has a `\b`, or ignores case. */
  readonly asciiNames: boolean;
  /** True if it is exact only for names with no line break but a last one: it has a `$`. */
  readonly oneLine: boolean;
}

/** Error for a pattern that is not valid in Python, or that no linear-time engine can match. */
export class PatternProblem extends Error {}

/** Largest number of repetitions that RE2 accepts, nested ones multiplied. */
const MOST_REPEATS = 1000;
/** Largest depth of nested parentheses. */
const MOST_NESTED = 100;

const NEEDS_LOOKING_BACK =
  'which an engine of linear time cannot match; spell the alternatives out, list the names, or take modules out with exclude_modules';

type Flags = ReadonlySet<string>;

/** A part of a pattern: its translation, its size, and its kind. */
interface Part {
  readonly source: string;
  readonly size: number;
  /** Decides if a quantifier may follow: only after an `'item'`. */
  readonly kind: 'item' | 'position' | 'repeated';
}

/**
 * Translates a pattern by Python 3.11's grammar (`re._parser`), for text.
 *
 * @param flags - flags of the whole pattern: letters of `aimsux`.
 * @throws PatternProblem where Python refuses the pattern, and for what RE2 lacks: lookaround, references to groups,
 * conditions, atomic groups and possessive quantifiers.
 */
export function translatePython(pattern: string, flags: string): Translation {
  return new Translator(pattern).translate(new Set(flags));
}

class Translator {
  readonly #characters: readonly string[];
  #at = 0;
  #asciiNames = false;
  #oneLine = false;
  readonly #names = new Set<string>();

  constructor(pattern: string) {
    this.#characters = [...pattern];
  }

  translate(flags: Flags): Translation {
    const { source, size } = this.#alternatives(flags, 0);
    if (this.#at < this.#characters.length) this.#fail('has a ) without a (');
    return { source, size, asciiNames: this.#asciiNames, oneLine: this.#oneLine };
  }

  #fail(problem: string): never {
    throw new PatternProblem(`${problem} (at character ${this.#at + 1})`);
  }

  #peek(ahead = 0): string {
    return this.#characters[this.#at + ahead] ?? '';
  }

  #take(): string {
    if (this.#at >= this.#characters.length) this.#fail('ends too early');
    return this.#characters[this.#at++];
  }

  #takeIf(text: string): boolean {
    if ([...text].some((character, index) => this.#peek(index) !== character)) return false;
    this.#at += text.length;
    return true;
  }

  /** Takes characters up to and including a closing one; returns those before it. */
  #until(end: string): string {
    let taken = '';
    for (let next = this.#take(); next !== end; next = this.#take()) taken += next;
    return taken;
  }

  #alternatives(flags: Flags, depth: number): Part {
    if (depth > MOST_NESTED) this.#fail(`has parentheses more than ${MOST_NESTED} deep`);
    const branches = [this.#sequence(flags, depth)];
    while (this.#takeIf('|')) branches.push(this.#sequence(flags, depth));
    return {
      source: branches.map(({ source }) => source).join('|'),
      size: branches.reduce((sum, { size }) => sum + size + 1, 0),
      kind: 'item',
    };
  }

  #sequence(flags: Flags, depth: number): Part {
    const parts: Part[] = [];
    while (this.#at < this.#characters.length && this.#peek() !== '|' && this.#peek() !== ')') {
      if (flags.has('x') && this.#skipVerbose()) continue;
      if (this.#takeIf('(?#')) {
        this.#until(')');
        continue;
      }
      const bounds = this.#quantifier();
      if (bounds === undefined) parts.push(this.#item(flags, depth));
      else parts.push(this.#repeat(parts.pop(), bounds));
    }
    return { source: parts.map(({ source }) => source).join(''), size: parts.reduce((sum, { size }) => sum + size, 0), kind: 'item' };
  }

  #skipVerbose(): boolean {
    if (/^[ \t\n\r\v\f]$/.test(this.#peek())) {
      this.#at += 1;
      return true;
    }
    if (this.#peek() !== '#') return false;
    while (this.#at < this.#characters.length && this.#take() !== '\n');
    return true;
  }

  /** Takes a quantifier and returns its bounds, if one comes next; braces that are not a quantifier are characters. */
  #quantifier(): readonly [number, number] | undefined {
    if (this.#takeIf('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#takeIf('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#takeIf('?')) return [0, 1];
    const start = this.#at;
    if (this.#peek() !== '{' || this.#peek(1) === '}') return undefined;
    this.#at += 1;
    const low = this.#digits();
    const high = this.#takeIf(',') ? this.#digits() : low;
    if (!this.#takeIf('}')) {
      this.#at = start;
      return undefined;
    }
    const bounds = [low === '' ? 0 : Number(low), high === '' ? Number.POSITIVE_INFINITY : Number(high)] as const;
    if (bounds[0] > bounds[1]) this.#fail('has a repetition whose most is below its least');
    return bounds;
  }

  #digits(): string {
    let digits = '';
    while (/^[0-9]$/.test(this.#peek())) digits += this.#take();
    return digits;
  }

  #repeat(part: Part | undefined, [low, high]: readonly [number, number]): Part {
    if (part === undefined || part.kind === 'position') this.#fail('has nothing to repeat before a quantifier');
    if (part.kind === 'repeated') this.#fail('repeats a repetition; put it in parentheses');
    if (this.#peek() === '+') this.#fail(`has a possessive quantifier, ${NEEDS_LOOKING_BACK}`);
    const lazy = this.#takeIf('?') ? '?' : '';
    const most = Number.isFinite(high) ? high : low;
    if (most > MOST_REPEATS) this.#fail(`repeats ${most} times, above the ${MOST_REPEATS} that are allowed`);
    const bounds = Number.isFinite(high) ? `{${low},${high}}` : low === 0 ? '*' : low === 1 ? '+' : `{${low},}`;
    // The parentheses keep RE2 from reading two quantifiers in a row.
    return { source: `(?:${part.source})${bounds}${lazy}`, size: 1 + part.size * Math.max(most, 1), kind: 'repeated' };
  }

  #item(flags: Flags, depth: number): Part {
    const character = this.#take();
    if (character === '(') return this.#group(flags, depth);
    if (character === '[') return { source: this.#class(flags), size: 1, kind: 'item' };
    if (character === '.') return { source: flags.has('s') ? '(?s:.)' : '[^\\n]', size: 1, kind: 'item' };
    if (character === '^') return { source: flags.has('m') ? '(?m:^)' : '\\A', size: 1, kind: 'position' };
    if (character === '$') {
      if (!flags.has('m')) this.#oneLine = true;
      return { source: '(?m:$)', size: 1, kind: 'position' };
    }
    if (character !== '\\') return this.#literal(character.codePointAt(0) ?? 0, flags);
    const letter = this.#take();
    if (letter === 'A') return { source: '\\A', size: 1, kind: 'position' };
    if (letter === 'Z') return { source: '\\z', size: 1, kind: 'position' };
    if (letter === 'b' || letter === 'B') {
      if (!flags.has('a')) this.#asciiNames = true;
      return { source: `\\${letter}`, size: 1, kind: 'position' };
    }
    if (/^[dDsSwW]$/.test(letter)) return { source: `[${shorthandMembers(letter, flags.has('a'))}]`, size: 1, kind: 'item' };
    if (/^[1-9]$/.test(letter)) return this.#literal(this.#octalOrReference(letter), flags);
    return this.#literal(this.#escaped(letter), flags);
  }

  #literal(point: number, flags: Flags): Part {
    if (flags.has('i') && (point > 127 || flags.has('a'))) this.#asciiNames = true;
    if (flags.has('i') && point > 127) this.#fail('ignores the case of a character outside ASCII; write both cases as [..]');
    const source = codePoint(point);
    return { source: flags.has('i') ? this.#folded(`(?i:${source})`) : source, size: 1, kind: 'item' };
  }

  /** Marks the pattern as ASCII only: Python and RE2 fold some other characters differently (İ, ı). */
  #folded(source: string): string {
    this.#asciiNames = true;
    return source;
  }

  /** Reads `\100` as a character in octal; `\10` and `\1` refer to groups. */
  #octalOrReference(first: string): number {
    const digits = first + this.#peek() + this.#peek(1);
    if (/^[1-3][0-7]{2}$/.test(digits)) {
      this.#at += 2;
      return Number.parseInt(digits, 8);
    }
    if (/^[4-7][0-7]{2}$/.test(digits)) this.#fail('has an octal escape above \\377');
    return this.#fail(`refers back to a group, ${NEEDS_LOOKING_BACK}`);
  }

  /** Returns the code point that an escape stands for, inside brackets and outside. */
  #escaped(letter: string): number {
    const simple = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 } as const;
    if (letter !== 'b' && letter in simple) return simple[letter as keyof typeof simple];
    const hexadecimal = { x: 2, u: 4, U: 8 } as const;
    if (letter in hexadecimal) {
      let digits = '';
      while (digits.length < hexadecimal[letter as keyof typeof hexadecimal] && /^[0-9a-fA-F]$/.test(this.#peek())) digits += this.#take();
      const point = Number.parseInt(digits, 16);
      if (digits.length < hexadecimal[letter as keyof typeof hexadecimal] || point > 0x10ffff) this.#fail(`has an incomplete \\${letter}`);
      return point;
    }
    if (letter === 'N') this.#fail('names a character by \\N{…}, which is not supported; write \\u and its number');
    if (letter === '0') {
      let digits = '0';
      while (digits.length < 3 && /^[0-7]$/.test(this.#peek())) digits += this.#take();
      return Number.parseInt(digits, 8);
    }
    if (/^[a-zA-Z0-9]$/.test(letter)) this.#fail(`has the escape \\${letter}, which Python does not have`);
    return letter.codePointAt(0) ?? 0;
  }

  /** Translates a class after its `[`. A first `]` is a member of it. */
  #class(flags: Flags): string {
    const negated = this.#takeIf('^') ? '^' : '';
    let members = '';
    for (let first = true; first || this.#peek() !== ']'; first = false) {
      const low = this.#member(flags);
      if (this.#peek() !== '-' || this.#peek(1) === ']') members += typeof low === 'string' ? low : codePoint(low);
      else {
        this.#at += 1;
        const high = this.#member(flags);
        if (typeof low === 'string' || typeof high === 'string' || high < low) this.#fail('has a range in brackets that runs backwards');
        members += `${codePoint(low)}-${codePoint(high)}`;
      }
    }
    this.#at += 1;
    return flags.has('i') ? this.#folded(`(?i:[${negated}${members}])`) : `[${negated}${members}]`;
  }

  /** Returns a member of a class: a character's code point, or the members of a shorthand. */
  #member(flags: Flags): number | string {
    const character = this.#take();
    if (character !== '\\') return character.codePointAt(0) ?? 0;
    const letter = this.#take();
    if (/^[dDsSwW]$/.test(letter)) return shorthandMembers(letter, flags.has('a'));
    if (letter === 'b') return 8;
    if (!/^[0-7]$/.test(letter)) return this.#escaped(letter);
    let digits = letter;
    while (digits.length < 3 && /^[0-7]$/.test(this.#peek())) digits += this.#take();
    const point = Number.parseInt(digits, 8);
    return point > 0o377 ? this.#fail('has an octal escape above \\377') : point;
  }

  /** Translates a group after its `(`. */
  #group(flags: Flags, depth: number): Part {
    let open = '(';
    let inner = flags;
    if (this.#takeIf('?')) {
      const kind = this.#take();
      if (kind === ':') open = '(?:';
      else if (kind === 'P') open = this.#named();
      else if (kind === '=' || kind === '!' || (kind === '<' && /^[=!]$/.test(this.#peek()))) {
        this.#fail(`looks ahead or behind, ${NEEDS_LOOKING_BACK}`);
      } else if (kind === '>') this.#fail(`has an atomic group, ${NEEDS_LOOKING_BACK}`);
      else if (kind === '(') this.#fail(`has a condition on a group, ${NEEDS_LOOKING_BACK}`);
      else {
        open = '(?:';
        inner = this.#scopedFlags(kind, flags);
      }
    }
    const { source, size } = this.#alternatives(inner, depth + 1);
    if (!this.#takeIf(')')) this.#fail('has a ( without its )');
    return { source: `${open}${source})`, size: size + 1, kind: 'item' };
  }

  /** Translates the opening of a named group after `(?P`. */
  #named(): string {
    if (this.#takeIf('=')) this.#fail(`refers back to a group, ${NEEDS_LOOKING_BACK}`);
    if (!this.#takeIf('<')) this.#fail('has a group that Python does not have');
    const name = this.#until('>');
    if (!/^[\p{L}\p{Nl}_][\p{L}\p{N}\p{M}_]*$/u.test(name)) this.#fail(`has a group named ${JSON.stringify(name)}, which is no name`);
    if (this.#names.has(name)) this.#fail(`names two groups '${name}'`);
    this.#names.add(name);
    return /^\w+$/.test(name) ? `(?P<${name}>` : '(';
  }

  /** Returns the flags inside `(?i-s:…)`, after its first letter. */
  #scopedFlags(first: string, flags: Flags): Flags {
    const text = first + (first === ':' ? '' : this.#scope());
    const match = /^([aimsux]*)(?:-([imsx]+))?:$/.exec(text);
    if (match === null) this.#fail(`has (?${text.slice(0, 20)}, which Python does not have in this place`);
    const [on, off] = [new Set(match[1]), new Set(match[2] ?? '')];
    if (on.has('a') && on.has('u')) this.#fail('sets the flags a and u together');
    if ([...on].some((flag) => off.has(flag))) this.#fail('sets a flag and takes it back');
    const kept = [...flags, ...on].filter((flag) => !off.has(flag) && !(flag === 'a' && on.has('u')));
    return new Set(kept);
  }

  #scope(): string {
    let text = '';
    while (/^[a-zA-Z-]$/.test(this.#peek())) text += this.#take();
    return text + this.#take();
  }
}
