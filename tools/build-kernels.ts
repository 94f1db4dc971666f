/**
 * Compiles kernels/ (AssemblyScript) to WebAssembly and writes it as base64 into the sources.
 *
 *     npm run build:kernels
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { COMPILED_KERNELS, compileKernels } from './compile-kernels.js';

const root = path.resolve(import.meta.dirname, '..');
writeFileSync(path.join(root, COMPILED_KERNELS), compileKernels());
console.error(`written: ${COMPILED_KERNELS}`);
