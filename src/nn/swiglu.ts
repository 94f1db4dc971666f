/**
 * The gated activation of Llama-like feed-forward layers (Shazeer 2020, eq. 5), with σ the logistic function:
 *
 *     y = g σ(g) u,      ∂u = ȳ g σ(g),      ∂g = ȳ u (σ(g) + g σ(g) (1 − σ(g))).
 *
 * It keeps g and u for the way back and recomputes σ in one pass; keeping σ and the products would take three more
 * arrays.
 */
import { add, customGrad, mul, sigmoid, sub, type Tensor, tidy, util } from '@tensorflow/tfjs-core';
import { ShapeError } from '../core/errors.js';
import { runHeapKernel } from '../linalg/tensor/fused-kernel.js';
import { swigluGradientKernel, swigluKernel } from './wasm/swiglu-kernel.js';

/**
 * Computes silu(gate) ∘ up.
 *
 * @param gate - g, float32 of any shape.
 * @param up - u, of the same shape.
 * @returns an array of that shape, differentiable by both. Takes three passes and the gradient eight; one each on wasm.
 * @throws ShapeError if the shapes differ.
 */
export function swiglu(gate: Tensor, up: Tensor): Tensor {
  if (!util.arraysEqual(gate.shape, up.shape)) {
    const given = `[${gate.shape.join(', ')}] and [${up.shape.join(', ')}]`;
    throw new ShapeError(`swiglu: expected gate and up of one shape, got ${given}; project both to the hidden size`);
  }
  const activate = customGrad((g, u, save) => {
    const [gates, values] = [g as Tensor, u as Tensor];
    (save as (tensors: Tensor[]) => void)([gates, values]);
    const fused = runHeapKernel(swigluKernel, { gate: gates, up: values });
    return {
      value: fused?.[0] ?? mul(mul(gates, sigmoid(gates)), values),
      gradFunc: (dy: Tensor, saved: Tensor[]) => gradients(dy, saved),
    };
  });
  return activate(gate, up);
}

function gradients(dy: Tensor, [gate, up]: Tensor[]): Tensor[] {
  const fused = runHeapKernel(swigluGradientKernel, { dy, gate, up });
  if (fused !== undefined) return [...fused];
  return tidy(() => {
    const logistic = sigmoid(gate);
    const silu = mul(gate, logistic);
    const slope = add(logistic, sub(silu, mul(silu, logistic)));
    return [mul(mul(dy, up), slope), mul(dy, silu)];
  });
}
