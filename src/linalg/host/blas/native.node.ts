/** The BLAS and LAPACK library of the machine. */
export { loadBlasKernels } from './blas-kernels.js';
export { blasIsDemanded, blasStatus } from './blas-library.js';
export { loadSgemm } from './sgemm.js';
