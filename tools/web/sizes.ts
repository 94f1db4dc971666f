/** The sizes of programs for pages, beside those that were last committed. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build, type OutputFile } from 'esbuild';

const file = path.resolve(import.meta.dirname, '../../test/web/sizes.json');
/** How much larger than the committed size a program may be, as a part of it. */
const tolerance = 0.02;
const entries = ['', '/autodiff', '/diagnostics', '/distributed', '/problems', '/tensor', '/tensor/wasm'].map((entry) => `bures${entry}`);

/**
 * What is measured: the program with one manifold and one solver, the same with the whole engine, and whole entries.
 */
const programs: Readonly<Record<string, string>> = {
  'sphere and a solver': "import './src/sphere.js';",
  'sphere, a solver and hostAlgebra': "import './src/sphere.js'; export { hostAlgebra } from 'bures';",
  ...Object.fromEntries(entries.map((entry) => [entry, `export * from '${entry}';`])),
};

/**
 * Prints the size of each program, minified by esbuild, without what it loads later.
 *
 * @returns how many have grown by more than two per cent.
 */
export async function reportSizes(project: string, write: boolean): Promise<number> {
  const committed = write ? {} : (JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, number>>);
  const sizes: Record<string, number> = {};
  let grown = 0;
  for (const [name, source] of Object.entries(programs)) {
    sizes[name] = await sizeOf(project, source);
    const before = committed[name];
    const tooLarge = before !== undefined && sizes[name] > before * (1 + tolerance);
    if (tooLarge) grown++;
    const beside = before === undefined ? '' : `, committed ${kilobytes(before)}`;
    console.log(`${tooLarge ? 'GROWN ' : 'size  '}  ${name}: ${kilobytes(sizes[name])}${beside}`);
  }
  if (write) writeFileSync(file, `${JSON.stringify(sizes, undefined, 2)}\n`);
  return grown;
}

async function sizeOf(project: string, source: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: project },
    bundle: true,
    minify: true,
    splitting: true,
    write: false,
    platform: 'browser',
    format: 'esm',
    outdir: path.join(project, 'out'),
    logLevel: 'error',
  });
  const loaded = loadedAtOnce(outputFiles);
  return loaded.reduce((bytes, { contents }) => bytes + contents.length, 0);
}

/** The first script, and the parts that it imports statically. */
function loadedAtOnce(all: readonly OutputFile[]): readonly OutputFile[] {
  const found: OutputFile[] = [];
  const visit = (one: OutputFile | undefined): void => {
    if (one === undefined || found.includes(one)) return;
    found.push(one);
    for (const [, name] of one.text.matchAll(/(?:from|import)"\.\/([^"]+)"/g))
      visit(all.find((other) => path.basename(other.path) === name));
  };
  visit(all.find(({ path: name }) => path.basename(name) === 'stdin.js'));
  return found;
}

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
