/** Where a bundler finds the package by its name: in the sources, so that nothing has to be built first. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';

export const repository: string = path.resolve(import.meta.dirname, '../..');
const { exports, sideEffects } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, { readonly default?: string }>>;
  readonly sideEffects: readonly string[];
};
const sourceOf = (built: string): string => path.join(repository, built.replace('./dist/', 'src/').replace(/\.js$/, '.ts'));
/** The modules that are loaded for what they do. */
const working = sideEffects.map(sourceOf);

/** Resolves `bures`, its subpaths and `#platform/…` to what a page has of them in src/. */
const packageSources: Plugin = {
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

/** Bundles scripts and style sheets for pages, from the sources. @throws if the bundler warns of anything. */
export async function bundle(options: Pick<BuildOptions, 'entryPoints' | 'outbase' | 'outdir' | 'plugins'>): Promise<void> {
  const { warnings } = await build({
    ...options,
    plugins: [packageSources, ...(options.plugins ?? [])],
    bundle: true,
    minify: true,
    splitting: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2023',
    absWorkingDir: repository,
    logLevel: 'warning',
  });
  if (warnings.length > 0) throw new Error(`${options.outdir}: ${warnings.map(({ text }) => text).join('; ')}`);
}
