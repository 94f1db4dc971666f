/**
 * Root-mean-square normalization (Zhang & Sennrich 2019, eq. 4). For each vector x of length d, with r = (mean(x²) +
 * ε)^(−1/2),
 *
 *     y = g ∘ x r,      ∂x = r (g ∘ ȳ − x̂ mean(g ∘ ȳ ∘ x̂)),      ∂g = Σ ȳ ∘ x̂,      x̂ = x r,
 *
 * with ȳ the gradient of y and the sum over all vectors. Differentiation operation by operation would keep six arrays
 * of x's size; this function keeps one.
 */
import { add, customGrad, mean, mul, reshape, rsqrt, square, sub, sum, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { ShapeError } from '../core/errors.js';
import { runHeapKernel } from '../linalg/tensor/fused-kernel.js';
import { rmsNormGradientKernel, rmsNormKernel } from './wasm/rms-norm-kernel.js';

/** Options of {@link rmsNorm}. */
export interface RmsNormOptions {
  /** ε, added to the mean square. Default: 1e-5. */
  readonly epsilon?: number;
  /** If true, the gain is a constant, as under LoRA, and its gradient is not computed. Default: false. */
  readonly frozenGain?: boolean;
}

/** Defaults of {@link RmsNormOptions}; ε as in Llama. */
export const defaultRmsNormOptions: Required<RmsNormOptions> = { epsilon: 1e-5, frozenGain: false };

/**
 * Computes g ∘ x / √(mean(x²) + ε) along the last axis.
 *
 * @param x - [..., d], float32.
 * @param gain - g, [d].
 * @returns an array of x's shape, differentiable by x, and by the gain unless it is frozen. Takes five elementwise
 * passes and the gradient eight; one and two on wasm.
 * @throws ShapeError if the gain is not a vector of x's last length.
 */
export function rmsNorm(x: Tensor, gain: Tensor, options: RmsNormOptions = {}): Tensor {
  const { epsilon, frozenGain } = { ...defaultRmsNormOptions, ...options };
  if (gain.rank !== 1 || x.rank === 0 || gain.shape[0] !== x.shape[x.rank - 1]) {
    const given = `[${x.shape.join(', ')}] and [${gain.shape.join(', ')}]`;
    throw new ShapeError(`rmsNorm: expected x [..., d] and a gain [d], got ${given}; take the gain of this layer`);
  }
  const forward = (values: Tensor, factors: Tensor, save: (tensors: Tensor[]) => void): Tensor => {
    const [result, inverse] = runHeapKernel(rmsNormKernel, { x: values, gain: factors }, { epsilon }) ?? composed(values, factors, epsilon);
    // Save last: saved tensors are exempt from every scope, and an operation that failed afterwards would leak them.
    save([values, factors, inverse]);
    return result;
  };
  if (frozenGain) {
    // The gain is not an argument here: customGrad computes the gradients of all arguments.
    const normalize = customGrad((values, save) => ({
      value: forward(values as Tensor, gain, save as (tensors: Tensor[]) => void),
      gradFunc: (dy: Tensor, saved: Tensor[]) => tidy(() => gradientByX(dy, saved)),
    }));
    return normalize(x);
  }
  const normalize = customGrad((values, factors, save) => ({
    value: forward(values as Tensor, factors as Tensor, save as (tensors: Tensor[]) => void),
    gradFunc: (dy: Tensor, saved: Tensor[]) => [tidy(() => gradientByX(dy, saved)), tidy(() => gradientByGain(dy, saved))],
  }));
  return normalize(x, gain);
}

/** y, and r of each vector. */
function composed(x: Tensor, gain: Tensor, epsilon: number): readonly [Tensor, Tensor] {
  const inverse = rsqrt(add(mean(square(x), -1, true), epsilon));
  return [mul(mul(x, inverse), gain), inverse];
}

function gradientByX(dy: Tensor, [x, gain, inverse]: Tensor[]): Tensor {
  const fused = runHeapKernel(rmsNormGradientKernel, { dy, x, gain, inverse });
  if (fused !== undefined) return fused[0];
  const scaled = mul(dy, gain);
  const normalized = mul(x, inverse);
  return mul(inverse, sub(scaled, mul(normalized, mean(mul(scaled, normalized), -1, true))));
}

function gradientByGain(dy: Tensor, [x, gain, inverse]: Tensor[]): Tensor {
  return sum(reshape(mul(dy, mul(x, inverse)), [-1, gain.size]), 0);
}
