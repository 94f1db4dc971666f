/** Where a bundler finds the package by its name: in the sources, so that nothing has to be built first. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Plugin } from 'esbuild';

export const repository: string = path.resolve(import.meta.dirname, '../..');
const { exports, sideEffects } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, { readonly default?: string }>>;
  readonly sideEffects: readonly string[];
};
const sourceOf = (built: string): string => path.join(repository, built.replace('./dist/', 'src/').replace(/\.js$/, '.ts'));
/** The modules that are loaded for what they do. */
const working = sideEffects.map(sourceOf);

/** Resolves `bures`, its subpaths and `#platform/…` to what a page has of them in src/. */
export const packageSources: Plugin = {
  name: 'package-sources',
  setup({ onResolve }) {
    onResolve({ filter: /^bures($|\/)/ }, ({ path: name }) => {
      const built = exports[`.${name.slice('bures'.length)}`]?.default;
      if (built === undefined) return { errors: [{ text: `package.json exports no '${name}'` }] };
      return { path: sourceOf(built), sideEffects: false };
    });
    // package.json names them as they are built.
    onResolve({ filter: /^\.\.?\// }, ({ path: name, resolveDir }) => {
      const source = path.join(resolveDir, name.replace(/\.js$/, '.ts'));
      return working.includes(source) ? { path: source, sideEffects: true } : undefined;
    });
    onResolve({ filter: /^#platform\// }, ({ path: name }) => ({
      path: path.join(repository, `src/${name.slice('#platform/'.length)}.web.ts`),
      sideEffects: false,
    }));
  },
};
