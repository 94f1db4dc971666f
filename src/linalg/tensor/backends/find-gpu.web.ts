import type { GpuGlobals } from './gpu.js';

type FindGpu = typeof import('./find-gpu.node.js');

export const driverAdvice: FindGpu['driverAdvice'] =
  "use a browser with WebGPU on a machine with a GPU, and see that hardware acceleration is on in the browser's settings";

export const findGpu: FindGpu['findGpu'] = async () =>
  (globalThis as GpuGlobals).navigator?.gpu ?? `this browser has no WebGPU here, which needs https or localhost; ${driverAdvice}`;

export const quietly: FindGpu['quietly'] = async (ask) => ask();

export const noGpuReason: FindGpu['noGpuReason'] = () => undefined;
