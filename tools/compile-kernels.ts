/**
 * Compiles the kernels of kernels/, for `npm run build:kernels` and for the test that holds the result against them.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Where the compiled kernels are kept. */
export const COMPILED_KERNELS = 'src/linalg/tensor/wasm/compiled-kernels.ts';

const HEADER = `/** Compiled from kernels/ by \`npm run build:kernels\`; do not edit. */
export const COMPILED_KERNELS =
`;
/** Ids of sections of a WebAssembly module. */
const [START, DATA] = [8, 11];

/**
 * Returns the file that holds the compiled kernels.
 *
 * @throws Error if they do not compile, or would write to memory by themselves.
 */
export function compileKernels(): string {
  const root = path.resolve(import.meta.dirname, '..');
  const folder = mkdtempSync(path.join(tmpdir(), 'bures-kernels-'));
  try {
    const output = path.join(folder, 'kernels.wasm');
    const options = [
      '-O3',
      '--noAssert',
      '--runtime',
      'stub',
      '--enable',
      'simd',
      '--importMemory',
      '--noExportMemory',
      '--initialMemory',
      '1',
    ];
    // Its compiler runs in a process of its own: importing it would bring AssemblyScript's global types into ours.
    const compiler = path.join(root, 'node_modules/assemblyscript/bin/asc.js');
    execFileSync(process.execPath, [compiler, 'kernels/index.ts', ...options, '--outFile', output], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    return fileOf(readFileSync(output));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function fileOf(binary: Buffer): string {
  // The memory is TensorFlow.js's: constants in a data section would be written over its beginning.
  for (const id of sectionsOf(binary))
    if (id === DATA || id === START) throw new Error(`build:kernels: the module has section ${id}; take tables and text out of kernels/`);
  const text = binary.toString('base64');
  const lines = text.match(/.{1,120}/g) ?? [];
  return `${HEADER}  '${lines.join("' +\n  '")}';\n`;
}

function* sectionsOf(binary: Uint8Array): Generator<number> {
  let at = 8;
  while (at < binary.length) {
    yield binary[at++];
    let [size, shift] = [0, 0];
    for (;;) {
      const byte = binary[at++];
      size |= (byte & 127) << shift;
      shift += 7;
      if (byte < 128) break;
    }
    at += size;
  }
}
