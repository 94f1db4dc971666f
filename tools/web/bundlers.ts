/** The bundlers under which the programs run, each with the options that its own documentation begins with. */
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { rspack } from '@rspack/core';
import { build as esbuild } from 'esbuild';
import { createServer, build as viteBuild } from 'vite';
import webpack from 'webpack';
import { type Served, strictPolicy } from './serve.js';

/** Bundles the page of a program of a project. @returns the folder with `NAME.html`. */
export type Bundler = (project: string, name: string) => Promise<string>;

/** By name. */
export const bundlers: Readonly<Record<string, Bundler>> = {
  esbuild: async (project, name) => {
    const folder = output(project, 'esbuild', name);
    await esbuild({
      // It bundles no workers by their addresses: a worker is an entry, beside the page.
      entryPoints: ['page', 'worker'].map((kind) => path.join(project, `src/${name}.${kind}.js`)).filter((entry) => existsSync(entry)),
      bundle: true,
      minify: true,
      platform: 'browser',
      format: 'esm',
      splitting: true,
      target: 'es2023',
      outdir: folder,
      absWorkingDir: project,
      logLevel: 'error',
    });
    writePage(folder, name, `${name}.page.js`);
    return folder;
  },

  webpack: async (project, name) => {
    const folder = output(project, 'webpack', name);
    // Its minifier takes most of a build's time, and is not what is tested here: the others minify.
    await finished((done) => webpack({ ...packOptions(project, name, folder), optimization: { minimize: false } }, done));
    writePage(folder, name, 'main.js');
    return folder;
  },

  rspack: async (project, name) => {
    const folder = output(project, 'rspack', name);
    await finished((done) => rspack(packOptions(project, name, folder), done));
    writePage(folder, name, 'main.js');
    return folder;
  },

  'vite build': async (project, name) => {
    const folder = output(project, 'vite', name);
    await viteBuild({
      root: project,
      configFile: false,
      logLevel: 'error',
      // The default is a script, which has no top-level await.
      worker: { format: 'es' },
      build: { outDir: folder, emptyOutDir: true, target: 'es2023', rollupOptions: { input: path.join(project, `${name}.html`) } },
    });
    return folder;
  },
};

/** Serves a project by Vite's development server, which bundles dependencies alone. */
export async function serveVite(project: string): Promise<Served> {
  const server = await createServer({
    root: project,
    configFile: false,
    logLevel: 'error',
    server: { host: '127.0.0.1', port: 0, headers: { 'Content-Security-Policy': strictPolicy } },
  });
  await server.listen();
  const [address] = server.resolvedUrls?.local ?? [];
  return { address: address.replace(/\/$/, ''), close: () => server.close() };
}

function packOptions(project: string, name: string, folder: string) {
  return {
    mode: 'production' as const,
    target: 'web' as const,
    context: project,
    entry: `./src/${name}.page.js`,
    output: { path: folder, filename: 'main.js' },
    performance: { hints: false as const },
  };
}

interface Stats {
  hasErrors(): boolean;
  toString(options: object): string;
}

function finished(run: (done: (error: Error | null, stats?: Stats) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    run((error, stats) => {
      if (error) reject(error);
      else if (stats?.hasErrors()) reject(new Error(stats.toString({ all: false, errors: true })));
      else resolve();
    });
  });
}

const output = (project: string, bundler: string, name: string): string => path.join(project, 'out', bundler, name);

function writePage(folder: string, name: string, script: string): void {
  writeFileSync(
    path.join(folder, `${name}.html`),
    `<!doctype html><title>${name}</title><link rel="icon" href="data:,"><script type="module" src="./${script}"></script>\n`,
  );
}
