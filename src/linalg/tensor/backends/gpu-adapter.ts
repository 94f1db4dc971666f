/** The adapter of WebGPU, by which `'auto'` and the command decide before any backend is loaded. */
import { driverAdvice, findGpu, noGpuReason, quietly } from '#platform/linalg/tensor/backends/find-gpu';
import type { AdapterInfo, GpuAdapter } from './gpu.js';

let remembered: Promise<GpuAdapter | string> | undefined;

/**
 * Returns the reason not to take webgpu unasked: no GPU, no adapter, or a processor that imitates a GPU and is slower
 * than wasm.
 *
 * @returns `undefined` for a real GPU.
 */
export async function reasonAgainstAdapter(): Promise<string | undefined> {
  const missing = noGpuReason();
  if (missing !== undefined) return missing;
  const adapter = await findAdapter();
  return typeof adapter === 'string' ? adapter : imitationReason(adapter.info);
}

/** Returns the reason why an adapter is no GPU; `undefined` if it is one. */
export function imitationReason(info: AdapterInfo): string | undefined {
  const known = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b|\bcpu\b/i.test(
    `${info.vendor} ${info.architecture} ${info.description}`,
  );
  if (!known && info.isFallbackAdapter !== true) return undefined;
  return `the adapter is no GPU but a program that imitates one (${nameOf(info)}); ${driverAdvice}`;
}

/** Asks for an adapter, once in a process. Returns the reason why there is none, with what to do. */
export function findAdapter(): Promise<GpuAdapter | string> {
  remembered ??= searchAdapter();
  return remembered;
}

async function searchAdapter(): Promise<GpuAdapter | string> {
  const gpu = await findGpu();
  if (typeof gpu === 'string') return gpu;
  const adapter = await quietly(() => gpu.requestAdapter({ powerPreference: 'high-performance' }));
  return adapter ?? `no GPU adapter answers; ${driverAdvice}`;
}

/** Names an adapter in words. */
export function nameOf(info: AdapterInfo): string {
  const name = [info.vendor, info.architecture, info.device].filter((part) => part !== '').join(' ');
  return info.description === '' ? name : `${name}: ${info.description}`;
}
