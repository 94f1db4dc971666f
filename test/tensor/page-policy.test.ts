/** A page whose policy forbids WebAssembly: an error, and not the cpu without a word. */
import { afterEach, expect, it, vi } from 'vitest';
import { locateWasm } from '../../src/linalg/tensor/backends/start-wasm.web.js';

afterEach(() => vi.unstubAllGlobals());

it('names the policy and what to add to it', async () => {
  const Module = class {
    constructor() {
      throw new Error("Refused to compile or instantiate WebAssembly module because 'unsafe-eval' is not allowed");
    }
  };
  vi.stubGlobal('WebAssembly', { Module });
  await expect(locateWasm('/wasm')).rejects.toThrow(
    /^tensorAlgebra: expected a page that may compile WebAssembly, but its policy forbids it \(.*Refused to compile.*\); add 'wasm-unsafe-eval' to script-src/,
  );
});
