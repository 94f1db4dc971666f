import { cholesky } from './kernels/cholesky.js';
import { eigh } from './kernels/eigh.js';
import { gemm } from './kernels/gemm.js';
import { qr } from './kernels/qr.js';
import { svd } from './kernels/svd.js';
import { solveTriangular } from './kernels/triangular.js';
import type { HostKernels } from './kernels.js';

/** The kernels that are always available: pure TypeScript, loops over typed arrays. */
export const typescriptKernels: HostKernels = { name: 'typescript', gemm, qr, svd, eigh, cholesky, solveTriangular };
