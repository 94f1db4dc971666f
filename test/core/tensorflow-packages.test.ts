/** TensorFlow.js is not installed with the library: what says so, and how it is told from other errors. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { BackendError } from 'bures';
import { describe, expect, it } from 'vitest';
import { installTensorflow, TENSORFLOW_PACKAGES, withTensorflow } from '../../src/core/tensorflow-packages.js';

it('the packages and their versions are those of package.json', () => {
  const { peerDependencies, peerDependenciesMeta, dependencies, optionalDependencies } = JSON.parse(
    readFileSync(path.resolve(import.meta.dirname, '../../package.json'), 'utf8'),
  );
  expect(peerDependencies).toMatchObject(TENSORFLOW_PACKAGES);
  for (const name of Object.keys(TENSORFLOW_PACKAGES)) expect(peerDependenciesMeta[name]).toEqual({ optional: true });
  expect(Object.keys({ ...dependencies, ...optionalDependencies }).filter((name) => name.includes('tensorflow'))).toEqual([]);
});

describe('withTensorflow', () => {
  it.each([
    ["Cannot find package '@tensorflow/tfjs-core' imported from /x/node_modules/bures/dist/nn/attention.js"],
    ["Cannot find module '@tensorflow/tfjs-backend-wasm' from '/x/node_modules/bures/dist/linalg/tensor/backends/wasm.js'"],
    ['Could not resolve "@tensorflow/tfjs-backend-cpu", but found it in a package.json'],
  ])('says how TensorFlow.js is installed: %s', async (message) => {
    const failing = withTensorflow('bures/tensor', () => Promise.reject(new Error(message)));
    await expect(failing).rejects.toThrow(BackendError);
    await expect(failing).rejects.toThrow(new RegExp(`^bures/tensor: expected TensorFlow\\.js.*run ${installTensorflow}$`));
  });

  it.each(["Cannot find package 'zod' imported from /x", 'the WebAssembly module of @tensorflow/tfjs-core is broken'])(
    'leaves other errors as they are: %s',
    async (message) => {
      await expect(withTensorflow('bures', () => Promise.reject(new TypeError(message)))).rejects.toThrow(TypeError);
    },
  );

  it('gives what is loaded', async () => {
    expect(await withTensorflow('bures', async () => 7)).toBe(7);
  });
});
