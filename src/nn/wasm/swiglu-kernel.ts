/** SwiGLU and its gradient in one pass each; see swiglu.ts. */
import { heapKernel, lengthOf } from '../../linalg/tensor/wasm/heap-kernel.js';

/** Maps gate, up to silu(gate) ∘ up. */
export const swigluKernel = heapKernel('BuresSwiglu', 'swiglu', ({ inputs: { gate, up }, kernels, make, offsets }) => {
  const [result] = make(gate.shape);
  const [g, u, y] = offsets(gate, up, result);
  kernels.swiglu(g, u, y, lengthOf(gate.shape));
  return result;
});

/** Maps dy, gate, up to ∂gate, ∂up. */
export const swigluGradientKernel = heapKernel('BuresSwigluGradient', 'swiglu', ({ inputs: { dy, gate, up }, kernels, make, offsets }) => {
  const gradients = make(gate.shape, up.shape);
  const [d, g, u, dg, du] = offsets(dy, gate, up, ...gradients);
  kernels.swigluBack(d, g, u, dg, du, lengthOf(gate.shape));
  return gradients;
});
