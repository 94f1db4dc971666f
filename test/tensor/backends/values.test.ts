/** Backends as values, and what a page says of the file that wasm needs. */
import { tensorAlgebra } from 'bures/tensor';
import { cpu } from 'bures/tensor/cpu';
import { tensorflow } from 'bures/tensor/tensorflow';
import { type WasmPaths, wasm } from 'bures/tensor/wasm';
import { webgpu } from 'bures/tensor/webgpu';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BackendError, ConfigError } from '../../../src/core/errors.js';
import type { BackendName } from '../../../src/core/tensorflow-packages.js';
import { locateWasm } from '../../../src/linalg/tensor/backends/start-wasm.web.js';

describe('a backend as a value', () => {
  it('opens the engine that its name opens', async () => {
    for (const backend of [wasm(), cpu()]) {
      const engine = await tensorAlgebra({ backend });
      expect(engine.report).toMatchObject({ taken: backend.name, passedOver: [] });
      expect(await tensorAlgebra({ backend: backend.name })).toBe(engine);
    }
  });

  it('has a name, and starts nothing before it is opened', () => {
    expect([tensorflow(), webgpu(), wasm(), cpu()].map(({ name }) => name)).toEqual(['tensorflow', 'webgpu', 'wasm', 'cpu']);
  });

  it('is told from other objects', async () => {
    for (const backend of [{ name: 'wasm' }, { open: async () => '' }, {}, null] as unknown as BackendName[]) {
      await expect(tensorAlgebra({ backend })).rejects.toThrow(
        /^tensorAlgebra: expected 'auto', one of .* or a backend such as wasm\(\), got /,
      );
    }
  });

  it('rejects paths that are none', () => {
    expect(() => wasm({ paths: 3 as unknown as string })).toThrow(ConfigError);
    expect(() => wasm({ paths: { 'tfjs.wasm': '/a' } as WasmPaths })).toThrow(
      /^wasm: paths must be the address of a folder, or addresses by file name/,
    );
  });
});

describe('the wasm file of a page', () => {
  afterEach(() => vi.unstubAllGlobals());

  const answering = (answer: () => Promise<Response>): void => {
    vi.stubGlobal('document', { baseURI: 'https://example.org/app/index.html' });
    vi.stubGlobal('fetch', answer);
  };
  const html = { headers: { 'content-type': 'text/html' } };

  it.each<[string, () => Promise<Response>, RegExp]>([
    ['missing', async () => new Response('', { status: 404 }), /got status 404/],
    ['a page instead', async () => new Response('<!doctype html>', html), /got a file of type text\/html/],
    ['out of reach', () => Promise.reject(new TypeError('Failed to fetch')), /cannot be reached \(TypeError: Failed to fetch\)/],
  ])('%s: an error names the address that was tried', async (_, answer, came) => {
    answering(answer);
    const error = await locateWasm('files').then(undefined, (reason: unknown) => reason as Error);
    expect(error).toBeInstanceOf(BackendError);
    expect((error as Error).message).toMatch(/https:\/\/example\.org\/app\/files\/tfjs-backend-wasm-(threaded-)?simd\.wasm/);
    expect((error as Error).message).toMatch(came);
    expect((error as Error).message).not.toMatch(/\bnpm\b|\bapt\b/);
  });

  it('is named where it is not among the addresses given', async () => {
    answering(async () => new Response(''));
    await expect(locateWasm({ 'tfjs-backend-wasm.wasm': '/plain.wasm' })).rejects.toThrow(
      /expected the address of tfjs-backend-wasm-.*simd\.wasm/,
    );
  });
});
