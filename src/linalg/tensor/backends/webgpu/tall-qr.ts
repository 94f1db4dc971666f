/**
 * QR of tall matrices as a tree: blocks of rows are factored side by side, their triangles stacked and factored again,
 * and the Qs multiplied. A batch takes as many launches as one matrix, and a matrix of any height a number that grows
 * with the logarithm of it.
 *
 * @see Demmel, Grigori, Hoemmen and Langou, "Communication-optimal parallel and sequential QR and LU factorizations",
 * SIAM J. Sci. Comput. 34(1), 2012.
 */
import { concat, matMul, reshape, slice, type Tensor, transpose } from '@tensorflow/tfjs-core';
import type { QrFactors } from '../../../linear-algebra-types.js';
import { blockwiseQr } from './householder-qr.js';
import type { WebgpuBackend } from './run-program.js';

/** Returns the rows of a block: enough that a level of the tree shrinks the matrix at least four times. */
function blockHeight(n: number): number {
  return Math.max(256, 4 * n);
}

/**
 * Computes a thin QR with a nonnegative diagonal.
 *
 * @param x - [members, m, n].
 * @param height - rows of a block at most, at least 2n.
 * @returns Q [members, m, p] and R [members, p, n], p = min(m, n).
 */
export function tallQr(backend: WebgpuBackend, x: Tensor, height?: number): QrFactors<Tensor> {
  const [members, m, n] = x.shape;
  if (m >= n) return tree(backend, x, height ?? blockHeight(n));
  const { Q, R } = tree(backend, slice(x, [0, 0, 0], [members, m, m]), height ?? blockHeight(m));
  return { Q, R: concat([R, matMul(Q, slice(x, [0, 0, m], [members, m, n - m]), true, false)], 2) };
}

function tree(backend: WebgpuBackend, x: Tensor, most: number): QrFactors<Tensor> {
  const [members, m, n] = x.shape;
  const blocks = Math.ceil(m / most);
  const height = Math.ceil(m / blocks);
  const factors = blockwiseQr(backend, x, { members, m, n, blocks, height });
  const qTransposed = slice(factors, [0, 0, 0], [members * blocks, n, height]);
  const r = slice(factors, [0, 0, height], [members * blocks, n, n]);
  if (blocks === 1) return { Q: transpose(qTransposed, [0, 2, 1]), R: r };
  const top = tree(backend, reshape(r, [members, blocks * n, n]), most);
  const q = matMul(qTransposed, reshape(top.Q, [members * blocks, n, n]), true, false);
  // The last block was filled up with zeros, to which Q adds nothing.
  return { Q: slice(reshape(q, [members, blocks * height, n]), [0, 0, 0], [members, m, n]), R: top.R };
}
