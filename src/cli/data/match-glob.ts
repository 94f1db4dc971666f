/** Patterns of file names. They come from strangers, so that they are matched in linear time. */
import { RE2JS } from 're2js';

const escaped = (text: string): string => text.replaceAll(/[\\^$.|?*+()[\]{}]/g, '\\$&');

/** Returns true if a text has the signs of a pattern. */
export function isGlob(text: string): boolean {
  return /[*?[{]/.test(text);
}

/**
 * Returns a function that matches paths: `*` is any part of a name, `**` any folders, `?` a character, `[a-c]` one of
 * several, `{a,b}` one of two texts.
 */
export function matchGlob(pattern: string): (place: string) => boolean {
  let source = '';
  let depth = 0;
  for (const token of pattern.match(/\*\*\/|\*+|\[[!^]?[^\]]+\]|[\s\S]/g) ?? []) {
    if (token === '**/') source += '(?:.*/)?';
    else if (/^\*+$/.test(token)) source += token === '*' ? '[^/]*' : '.*';
    else if (token === '?') source += '[^/]';
    else if (token.length > 1)
      source += `[${token
        .slice(1, -1)
        .replace(/^!/, '^')
        .replaceAll(/[\\[\]]/g, '\\$&')}]`;
    else if (token === '{') {
      source += '(?:';
      depth++;
    } else if (token === '}' && depth > 0) {
      source += ')';
      depth--;
    } else source += token === ',' && depth > 0 ? '|' : escaped(token);
  }
  // A brace that does not close is a character like others.
  let compiled: RE2JS;
  try {
    compiled = depth > 0 ? RE2JS.compile(`^${escaped(pattern)}$`) : RE2JS.compile(`^${source}$`, RE2JS.DOTALL);
  } catch {
    // As in Python, a range that ends before it begins, as in [z-a], has no characters.
    return () => false;
  }
  return (place) => compiled.matches(place);
}
