/** A project that has installed the package, with the programs of test/web and of the documentation. */
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { transform } from 'esbuild';
import { wasmFileNames } from '../../src/linalg/tensor/backends/wasm-paths.js';
import { markdownPrograms } from '../../test/snippets/markdown-programs.js';

const repository = path.resolve(import.meta.dirname, '../..');
/** The pages whose programs run in a browser. What needs an engine of TensorFlow.js has programs of its own. */
const pages = ['tour', 'tutorial', 'getting-started'] as const;

/** Makes the project in an empty folder, from what `npm run build` has left in dist/. */
export async function createProject(folder: string): Promise<void> {
  const modules = path.join(folder, 'node_modules');
  mkdirSync(path.join(folder, 'src'), { recursive: true });
  mkdirSync(path.join(modules, 'bures'), { recursive: true });
  cpSync(path.join(repository, 'dist'), path.join(modules, 'bures/dist'), { recursive: true });
  cpSync(path.join(repository, 'package.json'), path.join(modules, 'bures/package.json'));
  for (const name of readdirSync(path.join(repository, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(path.join(repository, 'node_modules', name), path.join(modules, name));
  }
  // The files of TensorFlow.js: beside the page, where the backend's name alone looks for them, and in a folder.
  for (const place of ['public', 'public/wasm']) {
    mkdirSync(path.join(folder, place), { recursive: true });
    for (const file of wasmFileNames)
      cpSync(path.join(modules, '@tensorflow/tfjs-backend-wasm/dist', file), path.join(folder, place, file));
  }
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'pages', private: true, type: 'module', sideEffects: true }));
  for (const file of readdirSync(path.join(repository, 'test/web'))) {
    if (file.endsWith('.ts')) await write(folder, file.slice(0, -3), readFileSync(path.join(repository, 'test/web', file), 'utf8'));
  }
  const programs: string[] = [];
  for (const page of pages) {
    const text = withoutTensors(readFileSync(path.join(repository, `docs/${page}.md`), 'utf8'));
    for (const { name, source } of markdownPrograms(`${page}.md`, text)) {
      if (/from 'bures\/(tensor|lora|models|io)'|from 'node:/.test(source)) continue;
      await write(folder, name, `import { consoleOf } from './console.js';\nconst console = consoleOf('${name}');\n${source}`);
      programs.push(name);
    }
  }
  writeFileSync(path.join(folder, 'src/documents.js'), programs.map((name) => `import './${name}.js';\n`).join(''));
}

/**
 * Writes the page of a program, which gives what it has written to the function `finished` of the test.
 *
 * @param inWorker - the program that a module worker of the page runs, in place of the one of this name.
 */
export function writePage(folder: string, name: string, inWorker?: string): void {
  const script = (kind: 'page' | 'worker', ...lines: readonly string[]): void =>
    writeFileSync(path.join(folder, `src/${name}.${kind}.js`), `${lines.join('\n')}\n`);
  // Imported statically, so that a program that awaits at its top level does so in the page's own script.
  const run = ["import { allWritten } from './console.js';", `import './${inWorker ?? name}.js';`];
  if (inWorker === undefined) script('page', ...run, 'globalThis.finished(allWritten());');
  else {
    script('worker', ...run, 'postMessage(allWritten());');
    script(
      'page',
      `const worker = new Worker(new URL('./${name}.worker.js', import.meta.url), { type: 'module' });`,
      'worker.onmessage = ({ data }) => globalThis.finished(data);',
      "worker.onerror = ({ message }) => { throw new Error('the worker stopped: ' + message); };",
    );
  }
  writeFileSync(
    path.join(folder, `${name}.html`),
    `<!doctype html><title>${name}</title><link rel="icon" href="data:,"><script type="module" src="/src/${name}.page.js"></script>\n`,
  );
}

async function write(folder: string, name: string, source: string): Promise<void> {
  const { code } = await transform(source, { loader: 'ts', target: 'es2022' });
  writeFileSync(path.join(folder, `src/${name}.js`), code);
}

/** Leaves out the pieces of a page's one program that open an engine of TensorFlow.js. */
function withoutTensors(text: string): string {
  const parts = text.split('```');
  return parts.map((part) => (part.startsWith('ts tour') && part.includes('bures/tensor') ? 'text\n' : part)).join('```');
}
