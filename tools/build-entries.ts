/**
 * Writes dist/entries/: for Node.js, the entries that need TensorFlow.js load it by `import()`, so that a package that
 * is missing is an error of ours, with the command that installs it. A static import fails before any of our code runs.
 * `require` cannot wait, and has entries of CommonJS for the same. Bundlers take the modules themselves, which have no
 * top-level await. Part of `npm run build`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const repository = path.resolve(import.meta.dirname, '..');
const { exports } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, string | { readonly node?: string; readonly require: string; readonly default: string }>>;
};

for (const [subpath, target] of Object.entries(exports)) {
  if (typeof target === 'string' || target.node === undefined) continue;
  const names = Object.keys(await import(pathToFileURL(path.join(repository, target.default)).href));
  const [file, folder] = [path.join(repository, target.node), path.posix.dirname(target.node)];
  const relative = (to: string): string => path.posix.relative(folder, to);
  const name = subpath.replace('.', 'bures');
  const lines = [
    '// Written by tools/build-entries.ts.',
    `import { withTensorflow } from '${relative('dist/core/tensorflow-packages.js')}';`,
    `const entry = await withTensorflow('${name}', () => import('${relative(target.default)}'));`,
    `export const { ${names.join(', ')} } = entry;`,
  ];
  const required = [
    '// Written by tools/build-entries.ts.',
    `const { requireWithTensorflow } = require('${relative('dist/core/tensorflow-packages.js')}');`,
    `module.exports = requireWithTensorflow('${name}', () => require('${relative(target.default)}'));`,
  ];
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${lines.join('\n')}\n`);
  writeFileSync(path.join(repository, target.require), `${required.join('\n')}\n`);
}
