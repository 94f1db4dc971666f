/**
 * Regular expressions as Python's `re` means them, which PEFT matches module names with. They come from files of strangers, so they are matched by RE2, whose time is linear in
 * the name, and their size is bounded before they are compiled.
 */
import { RE2JS } from 're2js';
import { ConfigError } from '../../core/errors.js';
import { PatternProblem, type Translation, translatePython } from './translate-python.js';

/** A compiled pattern. It matches the whole of a name or nothing, as `re.fullmatch` does. */
export interface NamePattern {
  /** Whether the pattern matches the whole name. */
  test(name: string): boolean;
  /** The text of a named group in the match; undefined if there is no match or the group took no part in it. */
  group(name: string, group: string): string | undefined;
}

/** What PEFT puts around a pattern before it matches. */
export interface PatternFrame {
  readonly before: string;
  readonly after: string;
}

/** Characters of one pattern. Generated patterns that list the modules of a large model have some ten thousand. */
const MOST_CHARACTERS = 65_536;
/** Steps of the automaton of one pattern. */
const MOST_SIZE = 100_000;
/** Steps of the automata of all patterns of one option: a rank for each module of a large model takes some fifty thousand. */
const MOST_SIZE_TOGETHER = 400_000;

/**
 * Compiles the patterns of one option.
 *
 * Flags at the beginning of a pattern, `(?i)`, hold for it and what is put around it, as in Python up to 3.10; later Pythons refuse them behind other text.
 *
 * @param option - the option that they came from, for the message.
 * @param frame - what PEFT puts around each of them; nothing by default.
 * @returns one for each, in their order. Cost of a test: the length of the name, times at worst the size of the pattern.
 * @throws ConfigError if one is no Python pattern, is too large, or needs what no engine of linear time has: lookaround, references to groups, conditions, atomic groups.
 */
export function pythonPatterns(
  caller: string,
  option: string,
  patterns: readonly string[],
  frame: PatternFrame = { before: '', after: '' },
): readonly NamePattern[] {
  let together = 0;
  return patterns.map((pattern) => {
    const fail = (problem: string, cause?: unknown): never => {
      const shown = JSON.stringify(pattern.length > 200 ? `${pattern.slice(0, 200)}…` : pattern);
      throw new ConfigError(`${caller}: ${option} must be regular expressions of Python's re, got ${shown}, which ${problem}`, { cause });
    };
    if (pattern.length > MOST_CHARACTERS)
      fail(`has ${pattern.length} characters, above the ${MOST_CHARACTERS} allowed; divide it or list the names`);
    const translation = translate(pattern, frame, fail);
    together += translation.size;
    if (translation.size > MOST_SIZE || together > MOST_SIZE_TOGETHER) {
      const most = translation.size > MOST_SIZE ? MOST_SIZE : MOST_SIZE_TOGETHER;
      fail(
        `repeats too much (${Math.max(translation.size, together)} steps, above the ${most} allowed); write fewer repetitions, or list the names`,
      );
    }
    return compile(translation, fail);
  });
}

/** One pattern, as {@link pythonPatterns} compiles it. */
export function pythonPattern(caller: string, option: string, pattern: string, frame?: PatternFrame): NamePattern {
  return pythonPatterns(caller, option, [pattern], frame)[0];
}

function translate(pattern: string, { before, after }: PatternFrame, fail: (problem: string, cause?: unknown) => never): Translation {
  let rest = pattern;
  let flags = '';
  for (let match = /^\(\?([aimsux]+)\)/.exec(rest); match !== null; match = /^\(\?([aimsux]+)\)/.exec(rest)) {
    flags += match[1];
    rest = rest.slice(match[0].length);
  }
  if (flags.includes('a') && flags.includes('u')) fail('sets the flags a and u together; keep one of them');
  try {
    // A comment of the flag x must not swallow what comes after the pattern.
    return translatePython(`${before}${rest}${flags.includes('x') ? '\n' : ''}${after}`, flags);
  } catch (cause) {
    if (cause instanceof PatternProblem) return fail(cause.message, cause);
    throw cause;
  }
}

function compile({ source, asciiNames, oneLine }: Translation, fail: (problem: string, cause?: unknown) => never): NamePattern {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (cause) {
    return fail(`is too large (${(cause as Error).message}); write fewer repetitions, or list the names`, cause);
  }
  const check = (name: string): void => {
    if (asciiNames && /[^\0-\x7F]/.test(name))
      fail(
        `has \\b or ignores case, which is supported for names in ASCII only, and the name ${JSON.stringify(name.slice(0, 100))} is not`,
      );
    if (oneLine && name.slice(0, -1).includes('\n'))
      fail(`has a $, which is supported for names without line breaks only, and the name ${JSON.stringify(name.slice(0, 100))} has one`);
  };
  return {
    test(name) {
      check(name);
      return compiled.testExact(name);
    },
    group(name, group) {
      check(name);
      const matcher = compiled.matcher(name);
      return matcher.matches() ? (matcher.group(group) ?? undefined) : undefined;
    },
  };
}
