import { getBackend, memory } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { BackendError, ConfigError } from '../../../src/core/errors.js';
import { BACKEND_NAMES, type BackendName } from '../../../src/core/tensorflow-packages.js';
import { imitationReason } from '../../../src/linalg/tensor/backends/gpu-adapter.js';
import { openBackend } from '../../../src/linalg/tensor/backends/open-backend.js';
import { openTensorflow } from '../../../src/linalg/tensor/backends/tensorflow.node.js';

describe('openBackend', () => {
  it('opens wasm and cpu everywhere, and the same ones again', async () => {
    // Counting tensors takes a backend.
    await openBackend('cpu');
    for (const name of ['wasm', 'cpu', 'wasm'] as const) {
      const before = memory().numTensors;
      const opened = await openBackend(name);
      expect(opened).toMatchObject({ name, readsSynchronously: true, report: { taken: name, passedOver: [], cuda: false } });
      expect(opened.report.memory).toBeGreaterThan(2 ** 20);
      expect(opened.report.device).toMatch(/cores/);
      expect(opened.report.matmul).not.toBe('');
      expect(getBackend()).toBe(name);
      expect((await openBackend(name)).factorizations).toBe(opened.factorizations);
      expect(memory().numTensors).toBe(before);
    }
  });

  it('opens several asked for at once, one after another', async () => {
    const opened = await Promise.all([openBackend('cpu'), openBackend('wasm'), openBackend('cpu')]);
    expect(opened.map(({ name }) => name)).toEqual(['cpu', 'wasm', 'cpu']);
    expect(getBackend()).toBe('cpu');
  });

  it("'auto' takes one, and gives the reason for each that it would have preferred", async () => {
    const { name, report } = await openBackend('auto');
    const better = BACKEND_NAMES.slice(0, BACKEND_NAMES.indexOf(name));
    expect(report.passedOver.map((one) => one.name)).toEqual(better);
    for (const { reason } of report.passedOver) expect(reason).toMatch(/; /);
    // With wasm there, nothing worse is looked at.
    expect(name).not.toBe('cpu');
  });

  it('by name: it is there, or the error says how to get it', async () => {
    for (const name of ['tensorflow', 'webgpu'] as const) {
      const outcome = await openBackend(name).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(outcome).toBeInstanceOf(BackendError);
        expect(outcome.message).toMatch(
          new RegExp(`^tensorAlgebra: expected the backend '${name}' to be there, it is not: .*(install|npm)`),
        );
      } else {
        expect(outcome).toMatchObject({ name, report: { taken: name } });
      }
    }
  });

  it('rejects names that it does not know', async () => {
    await expect(openBackend('webgl' as BackendName)).rejects.toThrow(ConfigError);
    await expect(openBackend('webgl' as BackendName)).rejects.toThrow(
      /^tensorAlgebra: expected 'auto', one of tensorflow, webgpu, wasm, cpu, or a backend such as wasm\(\), got "webgl"; /,
    );
  });
});

describe('openTensorflow', () => {
  const failingWith = (message: string, code?: string) => () => {
    throw Object.assign(new Error(message), code === undefined ? {} : { code });
  };

  it('says what is missing: the package, its binding, a library, or the common core', async () => {
    const cases: readonly (readonly [(name: string) => unknown, RegExp])[] = [
      [
        failingWith("Cannot find module '@tensorflow/tfjs-node-gpu'\nRequire stack: …", 'MODULE_NOT_FOUND'),
        /is not installed; run npm install @tensorflow\/tfjs-node-gpu/,
      ],
      [
        failingWith('The Node.js native addon module (tfjs_binding.node) can not be found at path: …'),
        /without its native binding.*npm rebuild/,
      ],
      [
        failingWith('libtensorflow.so.2: cannot open shared object file', 'ERR_DLOPEN_FAILED'),
        /does not load \(libtensorflow.*npm rebuild/,
      ],
      [() => ({ Tensor: class {} }), /a copy of @tensorflow\/tfjs-core of its own; run npm dedupe/],
    ];
    for (const [load, reason] of cases) expect(await openTensorflow(load)).toMatch(reason);
  });
});

describe('imitationReason', () => {
  const nvidia = {
    vendor: 'nvidia',
    architecture: 'ampere',
    device: '0x2204',
    description: 'NVIDIA GeForce RTX 3090',
    isFallbackAdapter: false,
  };

  it('is none for a GPU', () => {
    expect(imitationReason(nvidia)).toBeUndefined();
    expect(imitationReason({ ...nvidia, vendor: 'intel', architecture: 'xe', description: '' })).toBeUndefined();
  });

  it('names a program that imitates one, and says what to install', () => {
    const adapters = [
      { vendor: 'google', architecture: 'swiftshader', device: '0xc0de', description: 'SwiftShader driver 5.0.0', isFallbackAdapter: true },
      { vendor: 'mesa', architecture: '', device: '', description: 'llvmpipe (LLVM 15.0.6, 256 bits)' },
      { ...nvidia, isFallbackAdapter: true },
    ];
    for (const adapter of adapters) expect(imitationReason(adapter)).toMatch(/imitates one \(.*\); install the Vulkan driver/);
  });
});
