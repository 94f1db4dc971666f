import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Gpu, GpuGlobals } from './gpu.js';

/** What to do where there is no driver. */
export const driverAdvice =
  "install the Vulkan driver of the GPU and Vulkan's loader (Debian and Ubuntu: apt install libvulkan1 mesa-vulkan-drivers, or NVIDIA's driver), " +
  'or point VK_DRIVER_FILES at the .json file of a driver';

/** Returns WebGPU as the `webgpu` package (Dawn) gives it, or the reason why there is none, with what to do. */
export async function findGpu(): Promise<Gpu | string> {
  const globals = globalThis as GpuGlobals;
  try {
    if (globals.navigator?.gpu === undefined) {
      if (!mayHaveDriver()) return `no Vulkan driver is installed; ${driverAdvice}`;
      const { create, globals: classes } = await import('webgpu');
      for (const [name, value] of Object.entries(classes)) if (!(name in globalThis)) Object.assign(globalThis, { [name]: value });
      provideGpu(globals, create([]) as unknown as Gpu);
    }
  } catch (error) {
    const [line] = (error instanceof Error ? error.message : String(error)).split('\n', 1);
    return `the optional package 'webgpu' does not load (${line}); run npm install webgpu @tensorflow/tfjs-backend-webgpu`;
  }
  return globals.navigator?.gpu as Gpu;
}

/**
 * Keeps drivers quiet. They look for window systems too, and on Linux complain on the standard error if there is no
 * folder for their sockets.
 */
export async function quietly<Result>(ask: () => Promise<Result> | undefined): Promise<Result | undefined> {
  if (process.platform !== 'linux' || process.env.XDG_RUNTIME_DIR !== undefined) return ask();
  process.env.XDG_RUNTIME_DIR = tmpdir();
  try {
    return await ask();
  } finally {
    delete process.env.XDG_RUNTIME_DIR;
  }
}

/** Sets `navigator.gpu`. From version 21 on Node has a navigator without it, which assignment cannot replace. */
function provideGpu(globals: GpuGlobals, gpu: Gpu): void {
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
 * Returns the reason why there is no GPU if Linux shows no device file of one: the only adapters are then imitations,
 * of which Dawn warns on the standard error.
 */
export function noGpuReason(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const names = (directory: string): readonly string[] => (existsSync(directory) ? readdirSync(directory) : []);
  try {
    if ([...names('/dev/dri'), ...names('/dev')].some((name) => /^(render|nvidia\d|dxg$|mali|kgsl)/.test(name))) return undefined;
  } catch {
    // The folders may not be read.
    return undefined;
  }
  return "this machine has no GPU device (/dev/dri/render*, /dev/nvidia*, /dev/dxg); in a container, pass the host's through";
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
