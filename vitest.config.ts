import { existsSync } from 'node:fs';
import path from 'node:path';
import { defineConfig } from 'vitest/config';

const root = import.meta.dirname;

export default defineConfig({
  resolve: {
    // As `paths` in tsconfig.json: the package by its name means the sources.
    alias: [
      { find: /^bures$/, replacement: path.join(root, 'src/index.ts') },
      { find: /^bures\/(.+)$/, replacement: path.join(root, 'src/$1/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: existsSync(path.join(root, 'test/support/setup.ts')) ? ['test/support/setup.ts'] : [],
    // Processes, since a native library (OpenBLAS) is loaded once a process, with threads of its own.
    pool: 'forks',
    maxWorkers: 2,
    // Two workers fill two cores; a thread pool in each would only take turns with the other's.
    env: { OPENBLAS_NUM_THREADS: '1' },
    // Nothing is asserted about time. This ends a test that hangs, on a machine that may be many times slower than ours.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
