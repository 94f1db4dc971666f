/**
 * The `webgpu` backend: in Node through the `webgpu` package (Dawn), elsewhere through the platform's own
 * `navigator.gpu`.
 */

import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { env, setBackend } from '@tensorflow/tfjs-core';
import { startedBackend } from '../tensorflow-internals.js';
import type { ReadyBackend } from './opened-backend.js';
import type { WebgpuBackend } from './webgpu/run-program.js';
import { webgpuFactorizations } from './webgpu-factorizations.js';

/** The part of WebGPU that is used here. */
interface Gpu {
  requestAdapter(options: { readonly powerPreference: 'high-performance' }): Promise<Adapter | null>;
}

/** Description that an adapter gives of itself. */
export interface AdapterInfo {
  /** Vendor, such as `'nvidia'`. */
  readonly vendor: string;
  /** Family of the GPU. */
  readonly architecture: string;
  /** Name or number of the GPU. */
  readonly device: string;
  /** The driver's name for it. */
  readonly description: string;
  /** True if the adapter is only taken when nothing better is available. */
  readonly isFallbackAdapter?: boolean;
}

interface Adapter {
  readonly info: AdapterInfo;
}

/** The globals that TensorFlow.js's backend reads. */
interface Globals {
  navigator?: { gpu?: Gpu; userAgent?: string };
}

const DRIVER_ADVICE =
  "install the Vulkan driver of the GPU and Vulkan's loader (Debian and Ubuntu: apt install libvulkan1 mesa-vulkan-drivers, or NVIDIA's driver), " +
  'or point VK_DRIVER_FILES at the .json file of a driver';

let remembered: Promise<Adapter | string> | undefined;

/**
 * Loads the package and starts the backend, on any adapter.
 *
 * @returns the backend, or the reason why it is not available, with what to do.
 */
export async function openWebgpu(): Promise<ReadyBackend | string> {
  const adapter = await findAdapter();
  if (typeof adapter === 'string') return adapter;
  try {
    // The package registers itself only if there is a navigator.gpu, as there is from now on.
    await import('@tensorflow/tfjs-backend-webgpu');
  } catch (error) {
    return `@tensorflow/tfjs-backend-webgpu does not load (${firstLine(error)}); run npm install @tensorflow/tfjs-backend-webgpu`;
  }
  if (!(await setBackend('webgpu'))) return `the GPU device does not start (${nameOf(adapter.info)}); update its driver`;
  if (imitationReason(adapter.info) !== undefined) preferTiledProducts();
  return {
    name: 'webgpu',
    factorizations: webgpuFactorizations(startedBackend<WebgpuBackend>('webgpu')),
    readsSynchronously: false,
    device: { device: nameOf(adapter.info), memory: undefined, cuda: false, matmul: 'WGSL programs of TensorFlow.js' },
  };
}

/**
 * Prefers the program for large products. For small ones the backend takes one with a workgroup per entry, to occupy
 * all of a GPU; a processor, which runs those threads one after another, is ten to a hundred times slower with it.
 */
function preferTiledProducts(): void {
  const tiled = 3;
  if (env().getNumber('WEBGPU_MATMUL_PROGRAM_TYPE') < 0) env().set('WEBGPU_MATMUL_PROGRAM_TYPE', tiled);
}

/**
 * Returns the reason not to take webgpu unasked: no GPU, no adapter, or a processor that imitates a GPU and is slower
 * than wasm.
 *
 * @returns `undefined` for a real GPU.
 */
export async function reasonAgainstAdapter(): Promise<string | undefined> {
  if (!mayHaveGpu())
    return `this machine has no GPU device (/dev/dri/render*, /dev/nvidia*, /dev/dxg); in a container, pass the host's through`;
  const adapter = await findAdapter();
  return typeof adapter === 'string' ? adapter : imitationReason(adapter.info);
}

/** Returns the reason why an adapter is no GPU; `undefined` if it is one. */
export function imitationReason(info: AdapterInfo): string | undefined {
  const known = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b|\bcpu\b/i.test(
    `${info.vendor} ${info.architecture} ${info.description}`,
  );
  if (!known && info.isFallbackAdapter !== true) return undefined;
  return `the adapter is no GPU but a program that imitates one (${nameOf(info)}); ${DRIVER_ADVICE}`;
}

function findAdapter(): Promise<Adapter | string> {
  remembered ??= searchAdapter();
  return remembered;
}

async function searchAdapter(): Promise<Adapter | string> {
  const globals = globalThis as Globals;
  try {
    if (globals.navigator?.gpu === undefined) {
      if (!mayHaveDriver()) return `no Vulkan driver is installed; ${DRIVER_ADVICE}`;
      const { create, globals: classes } = await import('webgpu');
      for (const [name, value] of Object.entries(classes)) if (!(name in globalThis)) Object.assign(globalThis, { [name]: value });
      provideGpu(globals, create([]) as unknown as Gpu);
    }
  } catch (error) {
    return `the optional package 'webgpu' does not load (${firstLine(error)}); run npm install webgpu @tensorflow/tfjs-backend-webgpu`;
  }
  const adapter = await quietly(() => globals.navigator?.gpu?.requestAdapter({ powerPreference: 'high-performance' }));
  return adapter ?? `no GPU adapter answers; ${DRIVER_ADVICE}`;
}

/**
 * Keeps drivers quiet. They look for window systems too, and on Linux complain on the standard error if there is no
 * folder for their sockets.
 */
async function quietly<Result>(ask: () => Promise<Result> | undefined): Promise<Result | undefined> {
  if (process.platform !== 'linux' || process.env.XDG_RUNTIME_DIR !== undefined) return ask();
  process.env.XDG_RUNTIME_DIR = tmpdir();
  try {
    return await ask();
  } finally {
    delete process.env.XDG_RUNTIME_DIR;
  }
}

/** Sets `navigator.gpu`. From version 21 on Node has a navigator without it, which assignment cannot replace. */
function provideGpu(globals: Globals, gpu: Gpu): void {
  if (globals.navigator === undefined) {
    Object.defineProperty(globalThis, 'navigator', {
      value: { userAgent: `Node.js/${process.versions.node}` },
      configurable: true,
      writable: true,
    });
  }
  // This also keeps the object alive, with which Dawn's devices die.
  Object.defineProperty(globals.navigator, 'gpu', { value: gpu, configurable: true });
}

/**
 * Returns false if Linux shows no device file of a GPU: the only adapters are then imitations, of which Dawn warns on
 * the standard error.
 */
function mayHaveGpu(): boolean {
  if (process.platform !== 'linux') return true;
  const names = (directory: string): readonly string[] => (existsSync(directory) ? readdirSync(directory) : []);
  try {
    return [...names('/dev/dri'), ...names('/dev')].some((name) => /^(render|nvidia\d|dxg$|mali|kgsl)/.test(name));
  } catch {
    // The folders may not be read.
    return true;
  }
}

/** Returns false if Linux has no Vulkan driver: Dawn would print warnings that nobody asked for. */
function mayHaveDriver(): boolean {
  if (process.platform !== 'linux') return true;
  if (process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES || process.env.VK_ADD_DRIVER_FILES) return true;
  const home = process.env.HOME ?? '/';
  const roots = [
    process.env.XDG_CONFIG_HOME ?? path.join(home, '.config'),
    process.env.XDG_DATA_HOME ?? path.join(home, '.local/share'),
    ...(process.env.XDG_CONFIG_DIRS ?? '/etc/xdg').split(':'),
    ...(process.env.XDG_DATA_DIRS ?? '/usr/local/share:/usr/share').split(':'),
    '/etc',
    '/usr/local/etc',
  ];
  return roots.some((root) => {
    const directory = path.join(root, 'vulkan/icd.d');
    return existsSync(directory) && readdirSync(directory).some((file) => file.endsWith('.json'));
  });
}

function nameOf(info: AdapterInfo): string {
  const name = [info.vendor, info.architecture, info.device].filter((part) => part !== '').join(' ');
  return info.description === '' ? name : `${name}: ${info.description}`;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];
}
