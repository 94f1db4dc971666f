type Processor = typeof import('./processor.node.js');

/** The part of a page's `navigator` that describes the machine. */
interface Machine {
  readonly hardwareConcurrency?: number;
}

export const processor: Processor['processor'] = () => {
  const { navigator } = globalThis as { readonly navigator?: Machine };
  // Browsers tell the number of cores, and hide the model. Of the memory they tell a power of two below 8 GB, if at
  // all.
  return { device: `the browser's processor (${navigator?.hardwareConcurrency ?? 1} cores)`, memory: undefined };
};
