/**
 * The `webgpu` backend: in Node through the `webgpu` package (Dawn), elsewhere through the platform's own `navigator.gpu`.
 */
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { env, findBackend, setBackend } from '@tensorflow/tfjs-core';
import type { ReadyBackend } from './opened-backend.js';
import type { WebgpuBackend } from './webgpu/run-program.js';
import { webgpuFactorizations } from './webgpu-factorizations.js';

/** The little of WebGPU that is used here. */
interface Gpu {
  requestAdapter(options: { readonly powerPreference: 'high-performance' }): Promise<Adapter | null>;
}

/** What an adapter says about itself. */
export interface AdapterInfo {
  /** Who made it, such as `'nvidia'`. */
  readonly vendor: string;
  /** Its family. */
  readonly architecture: string;
  /** Its own name or number. */
  readonly device: string;
  /** Its driver's name for it. */
  readonly description: string;
  /** Whether it is one that is taken when nothing better is there. */
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
 * Loads the package and starts the backend, on whatever adapter there is.
 *
 * @returns the backend, or why it is not there, with what to do.
 */
export async function openWebgpu(): Promise<ReadyBackend | string> {
  const adapter = await findAdapter();
  if (typeof adapter === 'string') return adapter;
  try {
    // It registers itself only where there is a navigator.gpu, which there is from now on.
    await import('@tensorflow/tfjs-backend-webgpu');
  } catch (error) {
    return `@tensorflow/tfjs-backend-webgpu does not load (${firstLine(error)}); run npm install @tensorflow/tfjs-backend-webgpu`;
  }
  if (!(await setBackend('webgpu'))) return `the GPU device does not start (${nameOf(adapter.info)}); update its driver`;
  if (imitationReason(adapter.info) !== undefined) preferTiledProducts();
  return {
    name: 'webgpu',
    factorizations: webgpuFactorizations(findBackend('webgpu') as unknown as WebgpuBackend),
    readsSynchronously: false,
    device: { device: nameOf(adapter.info), memory: undefined, cuda: false, matmul: 'WGSL programs of TensorFlow.js' },
  };
}

/**
 * For small products the backend takes a program with a workgroup an entry, to occupy all of a GPU. A processor runs those threads one after another, and
 * is ten to a hundred times faster with the program that is meant for large ones.
 */
function preferTiledProducts(): void {
  const tiled = 3;
  if (env().getNumber('WEBGPU_MATMUL_PROGRAM_TYPE') < 0) env().set('WEBGPU_MATMUL_PROGRAM_TYPE', tiled);
}

/**
 * Why webgpu should not be taken unasked: there is no GPU, no adapter, or it is a processor that imitates a GPU and is slower than wasm.
 *
 * @returns `undefined` for a real GPU.
 */
export async function reasonAgainstAdapter(): Promise<string | undefined> {
  if (!mayHaveGpu())
    return `this machine has no GPU device (/dev/dri/render*, /dev/nvidia*, /dev/dxg); in a container, pass the host's through`;
  const adapter = await findAdapter();
  return typeof adapter === 'string' ? adapter : imitationReason(adapter.info);
}

/** Why an adapter is no GPU; `undefined` if it is one. */
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

/** Drivers look for window systems too, and on Linux complain on the standard error where there is no folder for their sockets. */
async function quietly<Result>(ask: () => Promise<Result> | undefined): Promise<Result | undefined> {
  if (process.platform !== 'linux' || process.env.XDG_RUNTIME_DIR !== undefined) return ask();
  process.env.XDG_RUNTIME_DIR = tmpdir();
  try {
    return await ask();
  } finally {
    delete process.env.XDG_RUNTIME_DIR;
  }
}

/** Node has a navigator from version 21 on, without `gpu`, and does not let it be replaced by assignment. */
function provideGpu(globals: Globals, gpu: Gpu): void {
  if (globals.navigator === undefined) {
    Object.defineProperty(globalThis, 'navigator', {
      value: { userAgent: `Node.js/${process.versions.node}` },
      configurable: true,
      writable: true,
    });
  }
  // It also keeps the object alive, with which Dawn's devices die.
  Object.defineProperty(globals.navigator, 'gpu', { value: gpu, configurable: true });
}

/** On Linux, whether there is a file of a GPU's: without one the only adapters are imitations, of which Dawn warns on the standard error. */
function mayHaveGpu(): boolean {
  if (process.platform !== 'linux') return true;
  const names = (directory: string): readonly string[] => (existsSync(directory) ? readdirSync(directory) : []);
  try {
    return [...names('/dev/dri'), ...names('/dev')].some((name) => /^(render|nvidia\d|dxg$|mali|kgsl)/.test(name));
  } catch {
    // The folders may not be looked at.
    return true;
  }
}

/** On Linux, whether a Vulkan driver is installed: without one Dawn prints warnings that nobody asked for. */
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
