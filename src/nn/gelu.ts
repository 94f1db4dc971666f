/**
 * The activation of GPT-2 (the approximation in Hendrycks & Gimpel 2016, section 2). With u = √(2/π) (x + 0.044715 x³),
 *
 *     y = x (1 + tanh u) / 2,      ∂x = ȳ (1 + tanh u + x (1 − tanh² u) √(2/π) (1 + 3 · 0.044715 x²)) / 2.
 */
import { add, customGrad, mul, square, sub, type Tensor, tanh, tidy } from '@tensorflow/tfjs-core';

const RATE = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

/**
 * Computes y of x, elementwise. Keeps only x for the way back.
 *
 * @returns an array of x's shape, differentiable by x. Takes seven passes; the gradient twelve.
 */
export function gelu(x: Tensor): Tensor {
  const activate = customGrad((values, save) => {
    const input = values as Tensor;
    (save as (tensors: Tensor[]) => void)([input]);
    return {
      value: mul(mul(input, 0.5), add(saturation(input), 1)),
      gradFunc: (dy: Tensor, [given]: Tensor[]) => tidy(() => mul(dy, slope(given))),
    };
  });
  return activate(x);
}

/** Computes tanh u. */
function saturation(x: Tensor): Tensor {
  return tanh(mul(mul(x, RATE), add(mul(square(x), CUBIC), 1)));
}

function slope(x: Tensor): Tensor {
  const tangent = saturation(x);
  const inner = add(mul(square(x), 3 * CUBIC * RATE), RATE);
  return mul(add(add(tangent, 1), mul(mul(x, inner), sub(1, square(tangent)))), 0.5);
}
