import { createRequire } from 'node:module';
import { freemem } from 'node:os';
import { describeError, type Koffi } from './native-library.js';
import type { Runtime } from './runtime.js';

/** Node.js, Deno and Bun. */
export const runtime: Runtime = {
  environment: process.env,
  availableBytes() {
    const { availableMemory } = process as { availableMemory?: () => number };
    return availableMemory?.call(process) ?? freemem();
  },
  warn: (line) => process.emitWarning(line, 'BuresWarning'),
  toInstall: (packages) => `run npm install ${packages}`,
  loadKoffi() {
    try {
      return createRequire(import.meta.url)('koffi') as Koffi;
    } catch (error) {
      return `the optional package 'koffi' cannot be loaded (${describeError(error)}); run npm install koffi`;
    }
  },
};
