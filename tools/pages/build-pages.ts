/**
 * The pages of examples/web. A folder with HTML files is built as a whole: scripts
 * (`<script type="module" src="./NAME.js">`, from NAME.ts), style sheets, and `worker.ts` if there is one. Other files
 * beside them are copied. `assets.json` names folders to copy, relative to its own: `{ "model": "../../models/tiny" }`.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { copyKernels } from './build-programs.js';
import { bundle, repository } from './package-sources.js';

const root = path.join(repository, 'examples/web');

/**
 * Builds every page below examples/web into a folder.
 *
 * @returns the pages, relative to the folder.
 */
export async function buildPages(target: string): Promise<readonly string[]> {
  const pages = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.html'));
  for (const folder of new Set(pages.map((page) => path.dirname(page)))) {
    await buildFolder(path.join(root, folder), path.join(target, folder));
  }
  return pages;
}

async function buildFolder(source: string, target: string): Promise<void> {
  const files = readdirSync(source, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));
  const entries = entryPoints(source, files);
  await bundle({ entryPoints: entries.map((file) => path.join(source, file)), outdir: target, outbase: source });
  mkdirSync(target, { recursive: true });
  for (const file of files) {
    if (!entries.includes(file) && !file.endsWith('.ts') && file !== 'assets.json')
      cpSync(path.join(source, file), path.join(target, file));
  }
  if (files.includes('worker.ts')) copyKernels(path.join(target, 'wasm'));
  if (files.includes('assets.json')) {
    const assets = JSON.parse(readFileSync(path.join(source, 'assets.json'), 'utf8')) as Readonly<Record<string, string>>;
    for (const [name, folder] of Object.entries(assets)) cpSync(path.resolve(source, folder), path.join(target, name), { recursive: true });
  }
}

/** The sources of the scripts and style sheets that the HTML files of a folder name, and of its worker. */
function entryPoints(folder: string, files: readonly string[]): readonly string[] {
  const entries = new Set<string>(files.filter((file) => file === 'worker.ts'));
  for (const page of files.filter((file) => file.endsWith('.html'))) {
    const html = readFileSync(path.join(folder, page), 'utf8');
    for (const [, name] of html.matchAll(/<(?:script|link)\s[^>]*(?:src|href)="\.\/([^"]+\.(?:js|css))"/g)) {
      const file = name.replace(/\.js$/, '.ts');
      if (!existsSync(path.join(folder, file)))
        throw new Error(`${path.join(folder, page)} names ${name}, but there is no ${file} beside it`);
      entries.add(file);
    }
  }
  return [...entries];
}
