/** The programs of guides as workers, for the "Run" buttons of the site (tools/pages/browser/run.ts). */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Plugin } from 'esbuild';
import { wasmFileNames } from '../../src/linalg/tensor/backends/wasm-paths.js';
import { markdownPrograms } from '../../test/snippets/markdown-programs.js';
import { bundle, repository } from './package-sources.js';

/** The guides with buttons, each one program in pieces. */
const guides = ['tour'] as const;
const fence = '```ts tour\n';

/** Builds the programs and the script of the buttons into a folder. */
export async function buildPrograms(target: string): Promise<void> {
  const names: Readonly<Record<string, string>> = Object.fromEntries(guides.map((guide) => [guide, programOf(guide)]));
  const programs: Plugin = {
    name: 'programs',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^program:/ }, ({ path: name }) => ({ path: name.slice('program:'.length), namespace: 'program' }));
      onLoad({ filter: /.*/, namespace: 'program' }, ({ path: name }) => ({ contents: names[name], loader: 'ts', resolveDir: repository }));
    },
  };
  await bundle({
    entryPoints: [
      ...guides.map((guide) => ({ in: `program:${guide}`, out: guide })),
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

/** Names the program and the piece of each block of TypeScript in a page, and adds the script that makes the buttons. */
export function withButtons(html: string, guide: string, script: string): string {
  const pieces = guideText(guide).split(fence).length - 1;
  let piece = 0;
  const named = html.replaceAll('<pre><code class="ts">', () => `<pre data-program="${guide}" data-piece="${piece++}"><code class="ts">`);
  if (piece !== pieces) throw new Error(`docs/${guide}.md has ${pieces} pieces of its program, but its page ${piece} blocks of TypeScript`);
  return named.replace('</head>', `<script type="module" src="${script}"></script></head>`);
}

/** Returns the program of a guide, which tells the page where it is and what it prints. */
export function programOf(guide: string): string {
  let piece = 0;
  const text = guideText(guide).replaceAll(fence, () => `${fence}console.piece(${piece++});\n`);
  const [{ source }] = markdownPrograms(`${guide}.md`, text);
  const channel = JSON.stringify(path.join(import.meta.dirname, 'browser/console.ts'));
  return `import { console } from ${channel};\n${source}console.piece(${piece});\n`;
}

const guideText = (guide: string): string => readFileSync(path.join(repository, `docs/${guide}.md`), 'utf8');
