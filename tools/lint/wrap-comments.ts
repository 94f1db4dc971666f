/** Breaks comments of TypeScript at one width, as a person would. */

/** Columns of a comment, its indentation included. */
const WIDTH = 120;

/** Pieces that are not broken, and words. */
const piece = /(?:`[^`]*`|\$\$[^$]*\$\$|\$[^$\s](?:[^$]*[^$\s])?\$|\{@\w+ [^}]*\}|\S)+/g;

/** Words that would begin a list, a heading, a quotation, a table or a tag, were they the first of a line. */
const marker = /^(?:[-+*]|\d+[.)]|#+|>|\|.*|@.*|```.*|\$\$.*)$/;

/** What begins a paragraph of its own. */
const item = /^(?:[-+*] |\d+[.)] |@)/;

/** The numbers of the lines of comments that are too wide and could be broken. */
export function commentsTooWide(text: string): readonly number[] {
  const before = text.split('\n');
  const after = new Set(withWrappedComments(text).split('\n'));
  return before.flatMap((line, index) => ([...line].length > WIDTH && isComment(line) && !after.has(line) ? [index + 1] : []));
}

function isComment(line: string): boolean {
  return /^\s*(?:\/\/|\/\*\*?|\*)/.test(line);
}

/** A text whose comments are broken anew. */
export function withWrappedComments(text: string): string {
  const lines = text.split('\n');
  const out: string[] = [];
  let inTemplate = false;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at];
    const isCode = inTemplate || !isComment(line);
    if (isCode) {
      // An odd number of backquotes begins or ends a template of several lines: what looks like a comment in it is
      // text.
      if ((line.replace(/\\`/g, '').match(/`/g) ?? []).length % 2 === 1) inTemplate = !inTemplate;
      out.push(line);
    } else if (/^\s*\/\//.test(line)) {
      const indent = /^\s*/.exec(line)?.[0] ?? '';
      const block: string[] = [];
      for (; at < lines.length && lines[at].startsWith(`${indent}//`); at++) block.push(lines[at].slice(indent.length + 2));
      at--;
      out.push(...(isProse(block) ? wrapBody(block.map(withoutSpace), `${indent}// `) : block.map((rest) => `${indent}//${rest}`)));
    } else {
      const end = lines.findIndex((candidate, index) => index >= at && candidate.includes('*/'));
      out.push(...wrapBlock(lines.slice(at, end + 1)));
      at = end;
    }
  }
  return out.join('\n');
}

/** Directives of tools and drawings stay. */
function isProse(block: readonly string[]): boolean {
  return block.every((rest) => rest === '' || /^ \S/.test(rest)) && !block.some((rest) => /^ (?:biome-|@ts-|----|eslint|v8 |#)/.test(rest));
}

function withoutSpace(rest: string): string {
  return rest.replace(/^ /, '');
}

function wrapBlock(block: readonly string[]): readonly string[] {
  const match = /^(\s*)(\/\*\*?)(.*)$/s.exec(block[0]);
  const last = block[block.length - 1];
  // Code after the comment, or before it in its first line: left alone.
  if (match === null || !/\*\/\s*$/.test(last)) return block;
  const [, indent, opening] = match;
  if (opening !== '/**') return block;
  if (block.length === 1) {
    const body = match[3].replace(/\*\/\s*$/, '').trim();
    if ([...block[0]].length <= WIDTH) return block;
    return [`${indent}/**`, ...wrapBody(withTagsApart([body]), `${indent} * `), `${indent} */`];
  }
  const body = [match[3], ...block.slice(1, -1), last.replace(/\s*\*\/\s*$/, '')].map((line, index) =>
    index === 0 ? line.trim() : line.replace(/^\s*\* ?/, ''),
  );
  while (body[0] === '') body.shift();
  while (body[body.length - 1]?.trim() === '') body.pop();
  return [`${indent}/**`, ...wrapBody(withTagsApart(body), `${indent} * `), `${indent} */`];
}

/** Tags in the middle of a line, or broken off at its end, begin paragraphs of their own. */
function withTagsApart(body: readonly string[]): readonly string[] {
  const out: string[] = [];
  for (const line of body) {
    for (const [index, part] of line.split(/\s(?=@(?:throws|returns|param|typeParam|see)\b)/).entries()) {
      if (index > 0 && part.startsWith('@throws') && !out.some((before) => before.startsWith('@'))) out.push('');
      out.push(part);
    }
  }
  return out;
}

/** Breaks paragraphs; each line is given `prefix`, without its last space where the line is empty. */
function wrapBody(body: readonly string[], prefix: string): readonly string[] {
  const out: string[] = [];
  let paragraph: string[] = [];
  const flush = (): void => {
    if (paragraph.length > 0) out.push(...wrapParagraph(paragraph, WIDTH - [...prefix].length));
    paragraph = [];
  };
  let verbatim: RegExp | undefined;
  for (const line of body) {
    if (verbatim !== undefined) {
      out.push(line);
      if (verbatim.test(line)) verbatim = undefined;
      continue;
    }
    const fence = /^\s*(```|\$\$)/.exec(line)?.[1];
    if (fence !== undefined) {
      flush();
      out.push(line);
      const again = fence === '$$' ? /\$\$/ : /```/;
      if (!again.test(line.replace(/^\s*(?:```|\$\$)/, ''))) verbatim = again;
    } else if (line.trim() === '' || /^(?: {4}|\||#)/.test(line)) {
      flush();
      out.push(line.trimEnd());
    } else {
      if (item.test(line.trimStart())) flush();
      paragraph.push(line);
    }
  }
  flush();
  return out.map((line) => (line === '' ? prefix.trimEnd() : prefix + line));
}

function wrapParagraph(lines: readonly string[], width: number): readonly string[] {
  const indent = /^\s*/.exec(lines[0])?.[0] ?? '';
  const first = lines[0].trimStart();
  const hanging = indent + (/^[-+*] /.test(first) ? '  ' : /^\d+[.)] /.test(first) ? '   ' : '');
  const words = joined(
    lines
      .map((line) => line.trim())
      .join(' ')
      .match(piece) ?? [],
  );
  const out: string[] = [];
  let current = indent;
  for (const [index, word] of words.entries()) {
    const start = index === 0 || current === hanging;
    if (!start && [...current].length + 1 + [...word].length > width) {
      out.push(current);
      current = hanging + word;
    } else current += (start ? '' : ' ') + word;
  }
  out.push(current);
  return out;
}

/** Words that may not begin a line are joined to the one before. */
function joined(words: readonly string[]): readonly string[] {
  const out: string[] = [];
  for (const [index, word] of words.entries()) {
    if (index > 0 && marker.test(word)) out[out.length - 1] += ` ${word}`;
    else out.push(word);
  }
  return out;
}
