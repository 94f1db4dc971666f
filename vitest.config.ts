import { existsSync } from 'node:fs';
import path from 'node:path';
import { defineConfig } from 'vitest/config';

const root = import.meta.dirname;

/**
 * Tests that open other backends of TensorFlow.js than the suite's, fill the heap of one, replace a module, or want to
 * see which gradients are registered: no file may run before them in their process.
 */
const isolated = [
  'test/tensor',
  'test/nn',
  'test/io/csv-in-pages.test.ts',
  'test/io/replace-folder.test.ts',
  'test/lora/in-memory.test.ts',
  'test/models/misuse.test.ts',
  'test/models/kept-activations.test.ts',
  'test/models/kept-weights.test.ts',
  'test/models/quantized.test.ts',
  'test/cli/bad-weights.test.ts',
  'test/*.test.ts',
];
/**
 * Laws that compute on the host, or not at all: the same whatever the backend, so that tools/test-backends.ts, which
 * names one, does not repeat them.
 */
const withoutBackend = process.env.BURES_TEST_BACKENDS === undefined ? [] : ['test/laws/gauge.test.ts', 'test/laws/options.test.ts'];
const within = (folders: readonly string[]) => folders.map((folder) => (folder.endsWith('.ts') ? folder : `${folder}/**/*.test.ts`));

export default defineConfig({
  resolve: {
    // As `paths` in tsconfig.json: the package by its name means the sources.
    alias: [
      { find: /^bures$/, replacement: path.join(root, 'src/index.ts') },
      { find: /^bures\/tensor$/, replacement: path.join(root, 'src/linalg/tensor/index.ts') },
      { find: /^bures\/tensor\/(.+)$/, replacement: path.join(root, 'src/linalg/tensor/backends/entries/$1/index.ts') },
      { find: /^bures\/(.+)$/, replacement: path.join(root, 'src/$1/index.ts') },
      { find: /^#platform\/(.+)$/, replacement: path.join(root, 'src/$1.node.ts') },
    ],
  },
  test: {
    projects: [
      // Files of one worker share the modules that they import, whose loading takes longer than most of them.
      {
        extends: true,
        test: { name: 'shared', include: ['test/**/*.test.ts'], exclude: [...within(isolated), ...withoutBackend], isolate: false },
      },
      { extends: true, test: { name: 'isolated', include: within(isolated) } },
    ],
    setupFiles: existsSync(path.join(root, 'test/support/setup.ts')) ? ['test/support/setup.ts'] : [],
    // Processes, since a native library (OpenBLAS) is loaded once a process, with threads of its own.
    pool: 'forks',
    maxWorkers: 2,
    // Two workers fill two cores; a thread pool in each would only take turns with the other's. And no test asks the
    // real hub, whatever it names; those with a hub of their own say so.
    env: { OPENBLAS_NUM_THREADS: '1', HF_HUB_OFFLINE: '1' },
    // Nothing is asserted about time. This ends a test that hangs, on a machine that may be many times slower than
    // ours.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
