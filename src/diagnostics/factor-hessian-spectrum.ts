import '../linalg/host/whole-engine.js';
import { DomainError } from '../core/errors.js';
import { eye } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FactorPair } from '../metrics/factor-pair.js';
import {
  checkTail,
  coupledEigenvalues,
  type FactorPairBlocks,
  factorPairBlocks,
  type TailOptions,
  tailOptions,
} from './factor-pair-blocks.js';
import { short } from './slope-verdict.js';

/**
 * Computes all r(m + n) eigenvalues of the Hessian of $\tfrac12\|AB-Z\|_F^2$ with respect to (A, B) in closed form,
 * where AB is a truncated SVD of Z: r of its singular triplets.
 *
 * They are: r² zeros, along the gauge directions (AK, −KB); $\sigma_i(A)^2+\sigma_j(B)^2$ for i, j ≤ r; for each other
 * singular value s of Z the 2r eigenvalues of
 *
 * $$ \begin{bmatrix}BB^\top&-sI\\-sI&A^\top A\end{bmatrix}; $$
 *
 * and the $\sigma_j(B)^2$, $\sigma_i(A)^2$ once more for each remaining row or column. If rank Z = r (empty tail) the
 * nonzero ones are all $\sigma_i(A)^2+\sigma_j(B)^2$ over i ≤ m, j ≤ n, the spectra padded with zeros.
 *
 * If s > σ_r(AB), the pair is a saddle and some eigenvalues are negative. Eigenvalues at a minimizer have high relative
 * accuracy as far as the singular values of its factors do; at a saddle they are accurate relative to the largest.
 *
 * @param la - the engine of the factors.
 * @param pair - A m×r, B r×n, in any gauge. With an empty tail the factors may be rank deficient; further eigenvalues
 * then vanish to rounding.
 * @param options - the rest of Z's spectrum.
 * @returns r(m + n) eigenvalues, ascending, r² of them exactly 0 by construction. O((m+n)r² + p r³) flops for a tail of
 * p values.
 * @throws ShapeError if the shapes do not fit; ConfigError for a bad tail; DomainError for a rank-deficient pair with a
 * tail, whose spectrum depends on more than the singular values.
 * @see Castin, Nadjahi, Ablin and Peyré, "Balanced LoRA", ICML 2026, arXiv 2605.31484; the coupled blocks follow from
 * the second variation ‖dA B + A dB‖² + 2⟨AB − Z, dA dB⟩ in the singular bases of Z.
 */
export async function factorHessianSpectrum<M>(
  la: LinearAlgebra<M>,
  pair: FactorPair<M>,
  options: TailOptions = {},
): Promise<Float64Array> {
  const settings = tailOptions.read('factorHessianSpectrum', options);
  const blocks = await factorPairBlocks('factorHessianSpectrum', la, pair);
  const { m, n, rank, sigmaA, sigmaB, sigma } = blocks;
  const tail = checkTail('factorHessianSpectrum', settings.tail, Math.min(m, n) - rank);
  checkFullRank(la, blocks, tail);
  const smallest = sigma[rank - 1];
  const regular = tail.filter((s) => s <= smallest);
  const eigenvalues = [
    ...new Float64Array(rank * rank),
    ...Array.from(sigmaA, (a) => Array.from(sigmaB, (b) => a * a + b * b)).flat(),
    ...repeat(sigmaB, m - rank - tail.length),
    ...repeat(sigmaA, n - rank - tail.length),
    ...(await coupledEigenvalues(la, blocks, regular)).flatMap((block) => [...block]),
  ];
  for (const s of tail.subarray(0, tail.length - regular.length)) eigenvalues.push(...(await saddleEigenvalues(la, blocks, s)));
  return Float64Array.from(eigenvalues).sort();
}

/** Returns the squares of singular values, repeated `count` times. */
function repeat(sigma: Float64Array, count: number): number[] {
  const squares = Array.from(sigma, (value) => value * value);
  return Array.from({ length: count }, () => squares).flat();
}

function checkFullRank<M>(la: LinearAlgebra<M>, { rank, sigma, sigmaA, sigmaB }: FactorPairBlocks<M>, tail: Float64Array): void {
  const rounding = rank * la.epsilon * sigmaA[0] * sigmaB[0];
  // If no tail value exceeds σ_r, the direction that is missing does not matter.
  if (tail.length === 0 || sigma[rank - 1] > rounding || tail[0] <= sigma[rank - 1]) return;
  throw new DomainError(
    `factorHessianSpectrum: with a tail, AB must have rank r = ${rank}, but σ_r(AB) = ${short(sigma[rank - 1])}, which is rounding; ` +
      'take the spectrum from hessianSpectrum, which needs no closed form, or lower the rank',
  );
}

/** Computes the eigenvalues of [[BBᵀ, −sI], [−sI, AᵀA]] where this matrix is indefinite. */
async function saddleEigenvalues<M>(la: LinearAlgebra<M>, { rank, fromA, fromB }: FactorPairBlocks<M>, s: number): Promise<Float64Array> {
  const coupling = la.scale(-s, eye(la, rank));
  const upper = la.concat([la.matmul(fromB, fromB, { transposeA: true }), coupling], 'columns');
  const lower = la.concat([coupling, la.matmul(fromA, fromA, { transposeA: true })], 'columns');
  return la.toArray(la.eigh(la.concat([upper, lower], 'rows')).values);
}
