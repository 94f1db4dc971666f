/** The TypeScript programs inside a Markdown page. */

/** One program of a page. */
export interface MarkdownProgram {
  /** The page and the line at which the program starts, as `README-12`. */
  readonly name: string;
  /** The source. Each line keeps the number it has in the page, so that an error message points at the page. */
  readonly source: string;
}

/**
 * Collects the programs of a page. A block fenced with `ts` is a program of its own; all blocks fenced with `ts tour`
 * together are one, so that a page can explain a program piece by piece.
 *
 * @throws Error if a fence that looks like TypeScript is tagged in another way, since it would silently not be run.
 */
export function markdownPrograms(page: string, text: string): readonly MarkdownProgram[] {
  const lines = text.split('\n');
  const blank = (): string[] => lines.map(() => '');
  const tour = blank();
  const programs: { start: number; lines: string[] }[] = [];
  let tourStart: number | undefined;
  let target: string[] | undefined;
  let inForeignBlock = false;
  lines.forEach((line, index) => {
    const fence = /^\s*```(.*)$/.exec(line)?.[1]?.trim();
    if (fence === undefined) {
      if (target !== undefined) target[index] = line;
    } else if (target !== undefined || inForeignBlock) {
      target = undefined;
      inForeignBlock = false;
    } else if (fence === 'ts tour') {
      tourStart ??= index + 2;
      target = tour;
    } else if (fence === 'ts') {
      target = blank();
      programs.push({ start: index + 2, lines: target });
    } else if (/^(ts|tsx|js|typescript|javascript)\b/.test(fence)) {
      throw new Error(
        `${page}:${index + 1}: a block is fenced with '${fence}'; use 'ts', or 'ts tour' for a piece of the page's one program`,
      );
    } else {
      inForeignBlock = true;
    }
  });
  if (tourStart !== undefined) programs.push({ start: tourStart, lines: tour });
  const stem = page.replace(/\.(md|ts)$/, '').replaceAll('/', '-');
  return programs
    .sort((a, b) => a.start - b.start)
    .map((program) => ({ name: `${stem}-${program.start}`, source: `${program.lines.join('\n').trimEnd()}\n` }));
}

/**
 * A source file with everything but its doc comments blanked out, these without their asterisks: {@link markdownPrograms} finds the examples in it.
 *
 * @param text - TypeScript.
 */
export function docComments(text: string): string {
  let inside = false;
  return text
    .split('\n')
    .map((line) => {
      if (/^\s*\/\*\*/.test(line)) inside = !line.includes('*/');
      else if (inside && line.includes('*/')) inside = false;
      else if (inside) return line.replace(/^\s*\* ?/, '');
      return '';
    })
    .join('\n');
}
