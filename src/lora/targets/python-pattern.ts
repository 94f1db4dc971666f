/** Regular expressions as Python's `re` means them, which PEFT matches module names with. */
import { ConfigError } from '../../core/errors.js';

/** Where Python writes otherwise what JavaScript has too. */
const escapes: Readonly<Record<string, string>> = { '\\A': '(?<![\\s\\S])', '\\Z': '(?![\\s\\S])' };

/** An escape; a class, in which Python takes a first `]` for itself; a named group; a reference to one; a quantifier without its first number. */
const tokens = /\\[\s\S]|\[(\^?)(\]?)((?:\\[\s\S]|[^\]\\])*)\]|\(\?P<|\(\?P=(\w+)\)|\{,(\d+)\}/g;

/**
 * A Python pattern as a JavaScript one that must match the whole of a string, as `re.fullmatch` does.
 *
 * @param option - the option that it came from, for the message.
 * @throws ConfigError if the pattern is not one, or uses what JavaScript lacks (atomic groups, possessive quantifiers, flags past the beginning).
 */
export function pythonPattern(caller: string, option: string, pattern: string): RegExp {
  const flags = /^\(\?([ims]+)\)/.exec(pattern);
  try {
    return new RegExp(`^(?:${translate(pattern.slice(flags?.[0].length ?? 0))})$`, flags?.[1]);
  } catch (cause) {
    throw new ConfigError(
      `${caller}: ${option} must be regular expressions that Python and JavaScript share, got ${JSON.stringify(pattern)} (${(cause as Error).message}); write it otherwise`,
      { cause },
    );
  }
}

function translate(pattern: string): string {
  return pattern.replace(tokens, (token, negated = '', bracket = '', members = '', reference?: string, most?: string) => {
    if (token.startsWith('[')) return `[${negated}${bracket === '' ? '' : '\\]'}${members}]`;
    if (token === '(?P<') return '(?<';
    if (reference !== undefined) return `\\k<${reference}>`;
    if (most !== undefined) return `{0,${most}}`;
    return escapes[token] ?? token;
  });
}
