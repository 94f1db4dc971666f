/** A page has no native libraries: the kernels in TypeScript compute everything. */
type Native = typeof import('./native.node.js');

export const loadBlasKernels: Native['loadBlasKernels'] = () => undefined;

export const loadSgemm: Native['loadSgemm'] = () => undefined;

export const blasIsDemanded: Native['blasIsDemanded'] = () => false;

export const blasStatus: Native['blasStatus'] = () => ({
  available: false,
  reason: 'a page cannot load native libraries; run the program in Node.js to use one',
});
