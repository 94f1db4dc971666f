/**
 * Root-mean-square normalization (Zhang & Sennrich 2019, eq. 4). For each vector x of length d, with r = (mean(x²) + ε)^(−1/2),
 *
 *     y = g ∘ x r,      ∂x = r (g ∘ ȳ − x̂ mean(g ∘ ȳ ∘ x̂)),      ∂g = Σ ȳ ∘ x̂,      x̂ = x r,
 *
 * with ȳ the gradient of y and the sum over all vectors. Differentiated operation by operation, it keeps six arrays of x's size, and this one.
 */
import { add, customGrad, mean, mul, reshape, rsqrt, square, sub, sum, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { ShapeError } from '../../../core/errors.js';

/** Options of {@link rmsNorm}. */
export interface RmsNormOptions {
  /** ε, added to the mean square. */
  readonly epsilon?: number;
  /** Whether the gain is a constant to differentiation, as it is under LoRA: its gradient is then not computed. */
  readonly frozenGain?: boolean;
}

/** The options that are used where none are given: ε as in Llama. */
export const defaultRmsNormOptions: Required<RmsNormOptions> = { epsilon: 1e-5, frozenGain: false };

/**
 * g ∘ x / √(mean(x²) + ε) along the last axis.
 *
 * @param x - [..., d], float32.
 * @param gain - g, [d].
 * @returns an array of x's shape, differentiable by x, and by the gain unless it is frozen. Five elementwise passes; the gradient eight.
 * @throws ShapeError if the gain is not a vector of x's last length.
 */
export function rmsNorm(x: Tensor, gain: Tensor, options: RmsNormOptions = {}): Tensor {
  const { epsilon, frozenGain } = { ...defaultRmsNormOptions, ...options };
  if (gain.rank !== 1 || x.rank === 0 || gain.shape[0] !== x.shape[x.rank - 1]) {
    const given = `[${x.shape.join(', ')}] and [${gain.shape.join(', ')}]`;
    throw new ShapeError(`rmsNorm: expected x [..., d] and a gain [d], got ${given}; take the gain of this layer`);
  }
  const forward = (values: Tensor, factors: Tensor, save: (tensors: Tensor[]) => void): Tensor => {
    const inverse = rsqrt(add(mean(square(values), -1, true), epsilon));
    const result = mul(mul(values, inverse), factors);
    // Last: what is saved is exempt from every scope, and nobody would free it if an operation failed after it.
    save([values, factors, inverse]);
    return result;
  };
  if (frozenGain) {
    // Not an argument of the differentiated function, which computes the gradients of all of its arguments.
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

function gradientByX(dy: Tensor, [x, gain, inverse]: Tensor[]): Tensor {
  const scaled = mul(dy, gain);
  const normalized = mul(x, inverse);
  return mul(inverse, sub(scaled, mul(normalized, mean(mul(scaled, normalized), -1, true))));
}

function gradientByGain(dy: Tensor, [x, gain, inverse]: Tensor[]): Tensor {
  return sum(reshape(mul(dy, mul(x, inverse)), [-1, gain.size]), 0);
}
