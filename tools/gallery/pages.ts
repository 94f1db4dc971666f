/** The pages of the gallery: their programs, what these print, and the block of the page that shows it. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { markdownPrograms } from '../../test/snippets/markdown-programs.js';

/** A table in long form, as Vega-Lite reads it. */
export type Rows = readonly Readonly<Record<string, string | number>>[];

/** What a program gave. */
export interface ProgramRun {
  /** What it printed. */
  readonly output: string;
  /** What it exports as `rows`: the data of its plot. */
  readonly rows: Rows;
}

const folder = 'docs/gallery';

/** The names of all pages. */
export function pageNames(): readonly string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.md'))
    .map((file) => file.slice(0, -'.md'.length));
}

/** Where a page lies. */
export function pageFile(name: string): string {
  return path.join(folder, `${name}.md`);
}

/** Runs the one program of a page in this process, in which the library is loaded only once. */
export async function runPage(name: string): Promise<ProgramRun> {
  const programs = markdownPrograms(pageFile(name), readFileSync(pageFile(name), 'utf8'));
  if (programs.length !== 1)
    throw new Error(`${pageFile(name)}: expected one program, got ${programs.length}; a page of the gallery shows one`);
  const directory = path.resolve('.gallery');
  mkdirSync(directory, { recursive: true });
  const file = path.join(directory, `${name}.ts`);
  writeFileSync(file, programs[0].source);
  const lines: string[] = [];
  const print = console.log;
  console.log = (...values: unknown[]) => lines.push(format(...values));
  try {
    const { rows } = (await import(pathToFileURL(file).href)) as { rows?: Rows };
    if (!Array.isArray(rows) || rows.length === 0)
      throw new Error(`${pageFile(name)}: expected the program to export rows, the data of its plot`);
    return { output: lines.join('\n'), rows };
  } finally {
    console.log = print;
  }
}

const outputBlock = /(\n```text\n)([\s\S]*?)(```\n)/;

/** What a page says that its program prints. */
export function shownOutput(name: string): string {
  const shown = outputBlock.exec(readFileSync(pageFile(name), 'utf8'))?.[2];
  if (shown === undefined) throw new Error(`${pageFile(name)}: expected a block fenced with 'text' for what the program prints`);
  return shown.trimEnd();
}

/** Replaces that. */
export function showOutput(name: string, output: string): void {
  const page = readFileSync(pageFile(name), 'utf8');
  writeFileSync(
    pageFile(name),
    page.replace(outputBlock, (_, open: string, _shown: string, close: string) => `${open}${output}\n${close}`),
  );
}
