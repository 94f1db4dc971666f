/** The programs of guides as workers, for the "Run" buttons of the site (tools/pages/browser/run.ts). */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Plugin } from 'esbuild';
import { wasmFileNames } from '../../src/linalg/tensor/backends/wasm-paths.js';
import { markdownPrograms } from '../../test/snippets/markdown-programs.js';
import { bundle, repository } from './package-sources.js';

/** The guides with buttons: each block of TypeScript is a program, or a piece of the page's one program. */
export const guides = ['tour', 'getting-started', 'tutorial', 'solvers', 'custom-manifold', 'completion'] as const;

/** Builds the programs and the script of the buttons into a folder. */
export async function buildPrograms(target: string): Promise<void> {
  const names: Readonly<Record<string, string>> = Object.assign({}, ...guides.map(programsOf));
  const programs: Plugin = {
    name: 'programs',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^program:/ }, ({ path: name }) => ({ path: name.slice('program:'.length), namespace: 'program' }));
      onLoad({ filter: /.*/, namespace: 'program' }, ({ path: name }) => ({ contents: names[name], loader: 'ts', resolveDir: repository }));
    },
  };
  await bundle({
    entryPoints: [
      ...Object.keys(names).map((name) => ({ in: `program:${name}`, out: name })),
      { in: path.join(import.meta.dirname, 'browser/run.ts'), out: 'run' },
    ],
    outdir: target,
    plugins: [programs],
  });
  copyKernels(target);
}

/** Copies what the engine on WebAssembly loads. */
export function copyKernels(target: string): void {
  const kernels = path.join(repository, 'node_modules/@tensorflow/tfjs-backend-wasm/dist');
  mkdirSync(target, { recursive: true });
  for (const file of wasmFileNames) cpSync(path.join(kernels, file), path.join(target, file));
}

/** Puts the buttons into the pages that TypeDoc has made of the guides, if there are any. */
export function addButtons(site: string): void {
  const folder = path.join(site, 'documents');
  if (!existsSync(folder)) return;
  for (const guide of guides) {
    const [, heading] = /^# (.+)$/m.exec(guideText(guide)) ?? [];
    const written = readdirSync(folder)
      .map((name) => path.join(folder, name))
      .find((file) => file.endsWith('.html') && readFileSync(file, 'utf8').includes(`<title>${heading} | `));
    if (written === undefined)
      throw new Error(`docs/${guide}.md: ${folder} has no page with the title '${heading}'; run npx typedoc first`);
    const html = readFileSync(written, 'utf8');
    // TypeDoc's page may have been here before.
    if (!html.includes('data-program')) writeFileSync(written, withButtons(html, guide, '../programs/run.js'));
  }
}

/**
 * Names the program and the piece of each block of TypeScript in a page, and adds the script that makes the buttons.
 */
export function withButtons(html: string, guide: string, script: string): string {
  const pieces = piecesOf(guide);
  let index = 0;
  const named = html.replaceAll('<pre><code class="ts">', (block) => {
    const at = pieces[index++];
    return at === undefined ? block : `<pre data-program="${at.program}" data-piece="${at.piece}"><code class="ts">`;
  });
  if (index !== pieces.length)
    throw new Error(`docs/${guide}.md has ${pieces.length} blocks of TypeScript, but its page in the site ${index}`);
  return named.replace('</head>', `<script type="module" src="${script}"></script></head>`);
}

/** Returns the programs of a guide by name; each tells the page where it is and what it prints. */
export function programsOf(guide: string): Readonly<Record<string, string>> {
  const pieces = piecesOf(guide);
  let index = 0;
  const text = guideText(guide).replaceAll(fence, (line) => `${line}console.piece(${pieces[index++].piece});\n`);
  const sources = markdownPrograms(`${guide}.md`, text);
  const names = [...new Set(pieces.map(({ program }) => program))];
  const channel = JSON.stringify(path.join(import.meta.dirname, 'browser/console.ts'));
  return Object.fromEntries(
    names.map((name, k) => {
      const count = pieces.filter(({ program }) => program === name).length;
      return [name, `import { console } from ${channel};\n${sources[k].source}console.piece(${count});\n`];
    }),
  );
}

const fence = /^```ts(?: tour)?\n/gm;

/** Which program each block of a guide belongs to: those fenced with `ts tour` are pieces of one, in order of their blocks. */
function piecesOf(guide: string): readonly { readonly program: string; readonly piece: number }[] {
  let piece = 0;
  const fences = guideText(guide).match(fence) ?? [];
  return fences.map((line, index) =>
    line.includes('tour') ? { program: guide, piece: piece++ } : { program: `${guide}-${index + 1}`, piece: 0 },
  );
}

const guideText = (guide: string): string => readFileSync(path.join(repository, `docs/${guide}.md`), 'utf8');
