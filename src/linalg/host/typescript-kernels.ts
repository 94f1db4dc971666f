import { cholesky } from './kernels/cholesky.js';
import { eigh } from './kernels/eigh.js';
import { gemm } from './kernels/gemm.js';
import { jacobiSvd } from './kernels/jacobi-svd.js';
import { qr } from './kernels/qr.js';
import { solveTriangular } from './kernels/triangular.js';
import type { HostKernels } from './kernels.js';

/** The kernels that are always there: pure TypeScript, loops over typed arrays. */
export const typescriptKernels: HostKernels = { name: 'typescript', gemm, qr, svd: jacobiSvd, eigh, cholesky, solveTriangular };
