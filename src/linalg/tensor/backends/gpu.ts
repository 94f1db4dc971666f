/** The part of WebGPU that is used here. */
export interface Gpu {
  requestAdapter(options: { readonly powerPreference: 'high-performance' }): Promise<GpuAdapter | null>;
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

/** A GPU, or a program that imitates one. */
export interface GpuAdapter {
  readonly info: AdapterInfo;
}

/** The globals that TensorFlow.js's backend reads. */
export interface GpuGlobals {
  navigator?: { gpu?: Gpu; userAgent?: string };
}
