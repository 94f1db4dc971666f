import type { KnipConfig } from 'knip';

const config: KnipConfig = {
  entry: [
    'src/index.ts',
    'src/*/index.ts',
    'src/linalg/tensor/index.ts',
    'src/linalg/tensor/backends/entries/*/index.ts',
    // Taken instead of NAME.node.ts where there is no Node.js.
    'src/**/*.web.ts',
    'test/**/*.test.ts',
    'test/consumer/*.{ts,mjs}',
    'bench/*.ts',
    'examples/*.ts',
    'examples/from-manopt/*.ts',
    // Named by HTML files.
    'examples/web/*/*.ts',
    'tools/pages/browser/*.ts',
    'tools/*.{ts,mjs}',
    // Started as processes of their own.
    'test/snippets/run-programs.ts',
    'test/web/*.ts',
    'test/runtimes/*.mjs',
    // Put into the published declarations by tools/build-declarations.ts.
    'src/core/public-globals.ts',
    'src/linalg/tensor/public-tensor.ts',
    'tools/fuzz/worker.ts',
    'test/distributed/programs/*.ts',
    'bench/study/{main,worker}.ts',
    'bench/scaling-worker.ts',
  ],
  project: ['{src,test,bench,examples,tools}/**/*.{ts,mjs}'],
  // The options of a function are exported with it: a user's declarations need their name even where no file of ours
  // does.
  ignoreExportsUsedInFile: { interface: true, type: true },
  // Started as programs, `attw` by tools/check-package.ts and AssemblyScript's compiler by tools/compile-kernels.ts.
  // Tokenizers of published models are found by their names, of which the code knows the ends:
  // test/support/real-tokenizers.ts.
  ignoreDependencies: ['@arethetypeswrong/cli', 'assemblyscript', /^@lenml\/tokenizer-/],
  // Programs of the machine's, where it has them: a compiler and Octave for bench/peers, NVIDIA's, which knows the name
  // of the GPU, and one that makes a terminal.
  ignoreBinaries: ['gcc', 'mkoctfile', 'nvidia-smi', 'octave-cli', 'script'],
};

export default config;
