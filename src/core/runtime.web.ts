import type { Runtime } from './runtime.js';

/** A page or a worker of one. */
export const runtime: Runtime = {
  environment: {},
  // What a page may still allocate is told by no browser; an allocation that fails says so itself.
  availableBytes: () => Number.POSITIVE_INFINITY,
  // biome-ignore lint/suspicious/noConsole: a page has no other place for warnings.
  warn: (line) => console.warn(line),
  toInstall: (packages) => `build the page with ${packages}, and serve every file of the build`,
  loadKoffi: () => 'a page cannot load native libraries; run the program in Node.js to use one',
};
