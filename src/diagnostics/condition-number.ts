/** Condition numbers of a factored problem at its solutions, which bound the speed of gradient descent. */
import { ConfigError, DomainError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FactorPair } from '../metrics/factor-pair.js';
import { checkTail, coupledEigenvalues, factorPairBlocks, type TailOptions, tailOptions } from './factor-pair-blocks.js';
import { short } from './slope-verdict.js';

/** σ_r(AB) may lie this many roundings below the tail before the pair no longer counts as a degenerate minimizer. */
const tieFactor = 10;

/**
 * Computes the condition number of the Hessian of $\tfrac12\|AB-Z\|_F^2$ at a minimizer (A, B), over its nonzero
 * eigenvalues.
 *
 * $$ \kappa = \frac{\lambda_{\max}}{\lambda_{\min}}, \qquad \lambda_{\max} = \sigma_1(A)^2+\sigma_1(B)^2 $$
 *
 * If rank Z = r and m, n > r,
 *
 * $$ \lambda_{\min} = \min\bigl(\sigma_r(A)^2,\sigma_r(B)^2\bigr) $$
 *
 * (if m = r, $\sigma_r(A)^2$ alone; if n = r, $\sigma_r(B)^2$ alone; if both, their sum). Otherwise it is the least
 * eigenvalue of
 *
 * $$ \begin{bmatrix}BB^\top&-sI\\-sI&A^\top A\end{bmatrix}, \qquad s = \sigma_{r+1}(Z). $$
 *
 * Gradient descent's best asymptotic rate is (κ − 1)/(κ + 1) a step.
 *
 * If the pair lacks rank, or s = σ_r(AB), an eigenvalue off the gauge directions vanishes: κ is `Infinity` if that
 * eigenvalue comes out as zero, and a number beyond 1/ε if rounding leaves it nonzero. There is no threshold, because
 * graded factors may have true condition numbers of that size.
 *
 * @param la - the engine of the factors.
 * @param pair - A m×r, B r×n with AB the best rank-r approximation of Z, in any gauge; only the tail is checked.
 * @param options - the rest of Z's spectrum, of which only the largest value matters.
 * @returns κ ≥ 1, with high relative accuracy as far as the singular values of the factors are known to it. O((m+n)r² +
 * r³) flops.
 * @throws ShapeError if the shapes do not fit; ConfigError for a bad tail; DomainError if a tail value exceeds σ_r(AB),
 * where the pair is a saddle.
 * @see Castin, Nadjahi, Ablin and Peyré, "Balanced LoRA", ICML 2026, arXiv 2605.31484.
 */
export async function conditionNumber<M>(la: LinearAlgebra<M>, pair: FactorPair<M>, options: TailOptions = {}): Promise<number> {
  const settings = tailOptions.read('conditionNumber', options);
  const blocks = await factorPairBlocks('conditionNumber', la, pair);
  const { m, n, rank, sigmaA, sigmaB, sigma } = blocks;
  const tail = checkTail('conditionNumber', settings.tail, Math.min(m, n) - rank);
  const largest = sigmaA[0] ** 2 + sigmaB[0] ** 2;
  const [lastA, lastB] = [sigmaA[rank - 1] ** 2, sigmaB[rank - 1] ** 2];
  if (tail.length === 0) {
    const smallest = Math.min(lastA + lastB, m > rank ? lastB : Number.POSITIVE_INFINITY, n > rank ? lastA : Number.POSITIVE_INFINITY);
    return smallest === 0 ? Number.POSITIVE_INFINITY : largest / smallest;
  }
  checkMinimizer('conditionNumber', sigma[rank - 1], tail[0], tieFactor * rank * la.epsilon);
  if (sigma[rank - 1] <= tail[0]) return Number.POSITIVE_INFINITY;
  const [[smallest]] = await coupledEigenvalues(la, blocks, tail.subarray(0, 1));
  return smallest === 0 ? Number.POSITIVE_INFINITY : largest / smallest;
}

/** @throws DomainError if a tail value exceeds σ_r(AB): other triplets then approximate Z better. */
function checkMinimizer(caller: string, last: number, tail: number, relativeRounding: number): void {
  if (tail <= last * (1 + relativeRounding)) return;
  throw new DomainError(
    `${caller}: at a minimizer every other singular value of Z is at most σ_r(AB) = ${short(last)}, got ${short(tail)} in the tail; ` +
      'this pair is a saddle: see factorHessianSpectrum for its eigenvalues, or take AB from the largest singular triplets',
  );
}

/**
 * Computes the least κ of $\tfrac12\|AB-Z\|_F^2$ over all gauges (AR, R⁻¹B) of its minimizers, m, n > r, attained by
 * balanced factors.
 *
 * $$ \kappa = \frac{2\sigma_1(Z)}{\sigma_r(Z)-\sigma_{r+1}(Z)} $$
 *
 * If a factor is square (m = r or n = r), balanced factors still have this κ if n > r or m > r, but it is no longer the
 * least: a large multiple of the square factor, with the other as small, is better conditioned.
 *
 * @param sigmas - σ₁ ≥ … ≥ σ_r of Z: positive, descending.
 * @param options - the rest of Z's spectrum; its largest value is σ_{r+1}.
 * @returns κ ≥ 2; `Infinity` if σ_r = σ_{r+1}, where the minimizers are not isolated even up to gauge. r comparisons.
 * @throws ConfigError unless `sigmas` are singular values; DomainError if a tail value exceeds σ_r.
 * @see Castin, Nadjahi, Ablin and Peyré, "Balanced LoRA", ICML 2026, arXiv 2605.31484.
 */
export function balancedConditionNumber(sigmas: ArrayLike<number>, options: TailOptions = {}): number {
  const settings = tailOptions.read('balancedConditionNumber', options);
  const values = Array.from(sigmas ?? []);
  const [largest] = values;
  const smallest = values.at(-1);
  if (smallest === undefined || !values.every((value, i) => value > 0 && Number.isFinite(value) && (i === 0 || value <= values[i - 1]))) {
    throw new ConfigError(
      `balancedConditionNumber: sigmas must be positive and descending, got ${values.length === 0 ? describeValue(sigmas) : `[${values.join(', ')}]`}; ` +
        'pass the r largest singular values of Z',
    );
  }
  const [above = 0] = checkTail('balancedConditionNumber', settings.tail, Number.POSITIVE_INFINITY);
  checkMinimizer('balancedConditionNumber', smallest, above, 0);
  return (2 * largest) / (smallest - above);
}
