/**
 * Regular expressions in the sense of Python's `re`, with which PEFT matches module names. Since they come from
 * untrusted files, they are matched by RE2, whose time is linear in the name, and their size is bounded before they are
 * compiled.
 */
import { RE2JS } from 're2js';
import { ConfigError } from '../../core/errors.js';
import { PatternProblem, type Translation, translatePython } from './translate-python.js';

/** A compiled pattern. It matches a whole name, as `re.fullmatch` does. */
export interface NamePattern {
  /** Returns true if the pattern matches the whole name. */
  test(name: string): boolean;
  /** Returns the text of a named group in the match; undefined if there is no match or the group is not part of it. */
  group(name: string, group: string): string | undefined;
}

/** Text that PEFT puts around a pattern before it matches. */
export interface PatternFrame {
  readonly before: string;
  readonly after: string;
}

/** Largest length of a pattern. Generated lists of the modules of a large model have about ten thousand characters. */
const MOST_CHARACTERS = 65_536;
/** Largest number of steps of the automaton of one pattern. */
const MOST_SIZE = 100_000;
/**
 * Largest number of steps of the automata of all patterns of one option: a rank for each module of a large model takes
 * about fifty thousand.
 */
const MOST_SIZE_TOGETHER = 400_000;

/**
 * Compiles the patterns of one option.
 *
 * Flags at the beginning of a pattern, `(?i)`, also apply to the text around it, as in Python up to 3.10; later
 * versions of Python refuse flags after other text.
 *
 * @param option - the option that the patterns come from, for messages.
 * @param frame - text that PEFT puts around each pattern; empty by default.
 * @returns one compiled pattern for each, in order. Cost of a test: the length of the name, times at worst the size of
 * the pattern.
 * @throws ConfigError if a pattern is not valid in Python, is too large, or needs a feature that no linear-time engine
 * has: lookaround, references to groups, conditions, atomic groups.
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

/** Compiles one pattern, as {@link pythonPatterns} does. */
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
    // A comment under the flag x must not swallow the text after the pattern.
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
