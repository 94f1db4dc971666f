/** A page that needs neither factorizations nor sparse products is bundled without them, and any other has them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { describe, expect, it, vi } from 'vitest';

const source = path.resolve(import.meta.dirname, '../../src');
const whole = path.join(source, 'linalg/host/whole-engine.ts');

/** The operations that are brought, as a method of an engine. */
const brought = /\.(svd|qr|eigh|cholesky|solveTriangular|sparseMatmul|sampledMatmul)\(|\bsparsePasses\b/;
const code = (file: string): string => readFileSync(path.join(source, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');

/** Returns the files of which a page that imports these names is made, as a bundler with package.json's rules does. */
async function filesOf(imports: string): Promise<readonly string[]> {
  const { metafile } = await build({
    stdin: { contents: imports, resolveDir: source, loader: 'ts' },
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    plugins: [
      {
        name: 'sources of a page',
        setup(bundler) {
          const found = (file: string) => ({ path: file, sideEffects: file === whole });
          bundler.onResolve({ filter: /^#platform\// }, ({ path: name }) =>
            found(path.join(source, `${name.slice('#platform/'.length)}.web.ts`)),
          );
          bundler.onResolve({ filter: /^\.\.?\// }, ({ path: name, resolveDir }) => {
            const file = path.join(resolveDir, name.replace(/\.js$/, '.ts'));
            return existsSync(file) ? found(file) : undefined;
          });
        },
      },
    ],
  });
  const [{ inputs }] = Object.values(metafile.outputs);
  return Object.entries(inputs)
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([file]) => path.relative(source, path.resolve(file)).replaceAll(path.sep, '/'));
}

describe('the elementary engine', () => {
  it('names hostAlgebra where an operation was left out, and is what hostAlgebra returns', async () => {
    vi.resetModules();
    const { elementaryEngine: la } = await import('../../src/linalg/host/elementary-engine.js');
    const x = la.fromRows([
      [4, 1],
      [1, 3],
    ]);
    for (const operation of ['qr', 'svd', 'eigh', 'cholesky'] as const)
      expect(() => la[operation](x)).toThrow(
        expect.objectContaining({ name: 'NotImplementedError', message: expect.stringMatching(`^${operation}: .*hostAlgebra\\(\\)`) }),
      );
    expect(() => la.solveTriangular(x, x)).toThrow(/^solveTriangular: .*hostAlgebra\(\)/);
    expect(la.sparsePasses).toBeUndefined();
    const { hostAlgebra } = await import('../../src/linalg/host/host-algebra.js');
    expect(hostAlgebra({ blas: 'off' })).toBe(la);
    expect(la.toArray(la.cholesky(x))[0]).toBe(2);
    expect(la.sparsePasses).toBeDefined();
  });

  it('is what every host engine has, under one set of names', async () => {
    const { elementaryEngine } = await import('../../src/linalg/host/elementary-engine.js');
    const { hostAlgebra } = await import('../../src/linalg/host/host-algebra.js');
    expect(Object.keys(hostAlgebra())).toEqual(Object.keys(elementaryEngine));
  });
});

describe('what a page is made of', () => {
  const simple = ['sphere', 'oblique', 'euclidean', 'hyperbolic', 'poincare-ball', 'simplex'];

  it('holds no factorization where no manifold of it needs one', async () => {
    const manifolds = simple.map((name) => `export * from './manifolds/${name}.js';`).join('');
    const files = await filesOf(`${manifolds} export { minimize } from './solvers/minimize.js';`);
    expect(files).not.toContain('linalg/host/whole-engine.ts');
    expect(files.filter((file) => /factorizations|svd|eigh|householder|sparse|csr/.test(file))).toEqual([]);
  });

  it.each([
    'manifolds/stiefel',
    'manifolds/fixed-rank',
    'linalg/matrix-functions',
    'solvers/directions/matrix-adam',
    'linalg/host/host-algebra',
  ])('holds all of them with %s', async (name) =>
    expect(await filesOf(`export * from './${name}.js';`)).toContain('linalg/host/whole-engine.ts'),
  );

  it('names what it needs of an engine that it is given', () => {
    // Manifolds, metrics and the parts of either have the engine of a factory, tensors bring theirs with them.
    const without = /^(linalg\/(host|tensor)|manifolds|metrics|nn|models|lora|cli)\//;
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).map((file) => file.replaceAll(path.sep, '/'));
    const careless = files
      .filter((file) => file.endsWith('.ts') && !without.test(file) && brought.test(code(file)))
      .filter((file) => !/import '[^']*\/host\/whole-engine\.js'|import \{[^}]*\bhostAlgebra\b/.test(code(file)));
    expect(careless).toEqual(['linalg/linear-algebra.ts']);
    const lean = files.filter((file) => file.startsWith('manifolds/') && /\balgebraOrElementary\(/.test(code(file)));
    expect(lean.sort()).toEqual(simple.map((name) => `manifolds/${name}.ts`).sort());
  });
});
