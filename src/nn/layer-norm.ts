/**
 * Layer normalization (Ba et al. 2016, eq. 4). For each vector x of length d, with c = x − mean(x) and r = (mean(c²) +
 * ε)^(−1/2),
 *
 *     y = g ∘ x̂ + b,   ∂x = r (h − mean(h) − x̂ mean(h ∘ x̂)),   ∂g = Σ ȳ ∘ x̂,   ∂b = Σ ȳ,   x̂ = c r,   h = g ∘ ȳ.
 */
import { add, customGrad, mean, mul, reshape, rsqrt, square, sub, sum, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { ShapeError } from '../core/errors.js';

/** Options of {@link layerNorm}. */
export interface LayerNormOptions {
  /** ε, added to the variance. Default: 1e-5. */
  readonly epsilon?: number;
  /** If true, gain and bias are constants, as under LoRA, and their gradients are not computed. Default: false. */
  readonly frozen?: boolean;
}

/** Defaults of {@link LayerNormOptions}. */
const defaultLayerNormOptions: Required<LayerNormOptions> = { epsilon: 1e-5, frozen: false };

/**
 * Computes g ∘ (x − mean(x)) / √(var(x) + ε) + b along the last axis.
 *
 * @param x - [..., d], float32.
 * @param gain - g, [d].
 * @param bias - b, [d].
 * @returns an array of x's shape, differentiable by x, and by gain and bias unless they are frozen.
 * @throws ShapeError if gain and bias are not vectors of x's last length.
 */
export function layerNorm(x: Tensor, gain: Tensor, bias: Tensor, options: LayerNormOptions = {}): Tensor {
  const { epsilon, frozen } = { ...defaultLayerNormOptions, ...options };
  const width = x.shape[x.rank - 1];
  if ([gain, bias].some(({ rank, shape }) => rank !== 1 || shape[0] !== width)) {
    const given = [x, gain, bias].map(({ shape }) => `[${shape.join(', ')}]`).join(', ');
    throw new ShapeError(`layerNorm: expected x [..., d], a gain [d] and a bias [d], got ${given}; take those of this layer`);
  }
  const forward = (values: Tensor, factors: Tensor, offsets: Tensor, save: (tensors: Tensor[]) => void): Tensor => {
    const centred = sub(values, mean(values, -1, true));
    const inverse = rsqrt(add(mean(square(centred), -1, true), epsilon));
    const normalized = mul(centred, inverse);
    const result = add(mul(normalized, factors), offsets);
    // Save last: saved tensors are exempt from every scope, and an operation that failed afterwards would leak them.
    save([normalized, inverse, factors]);
    return result;
  };
  if (frozen) {
    const normalize = customGrad((values, save) => ({
      value: forward(values as Tensor, gain, bias, save as (tensors: Tensor[]) => void),
      gradFunc: (dy: Tensor, saved: Tensor[]) => tidy(() => gradientByX(dy, saved)),
    }));
    return normalize(x);
  }
  const normalize = customGrad((values, factors, offsets, save) => ({
    value: forward(values as Tensor, factors as Tensor, offsets as Tensor, save as (tensors: Tensor[]) => void),
    gradFunc: (dy: Tensor, saved: Tensor[]) => [
      tidy(() => gradientByX(dy, saved)),
      tidy(() => sum(reshape(mul(dy, saved[0]), [-1, width]), 0)),
      tidy(() => sum(reshape(dy, [-1, width]), 0)),
    ],
  }));
  return normalize(x, gain, bias);
}

function gradientByX(dy: Tensor, [normalized, inverse, gain]: Tensor[]): Tensor {
  const scaled = mul(dy, gain);
  const centred = sub(scaled, mean(scaled, -1, true));
  return mul(inverse, sub(centred, mul(normalized, mean(mul(scaled, normalized), -1, true))));
}
