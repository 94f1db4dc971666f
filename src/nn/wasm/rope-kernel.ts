/** The rotation of `rope` in one pass; composed of the backend's operations it takes six, two of them copies. */
import { heapKernel, lengthOf } from '../../linalg/tensor/wasm/heap-kernel.js';

/** Maps x [..., tokens, heads, d], cos and sin [tokens, d], sign and heads to C ∘ x + sign S ∘ P x; see rope.ts. */
export const ropeKernel = heapKernel('BuresRope', 'rope', ({ inputs: { x, cos, sin }, attrs, kernels, make, offsets }) => {
  const [result] = make(x.shape);
  const [values, cosines, sines, y] = offsets(x, cos, sin, result);
  const [tokens, size] = cos.shape;
  const heads = Number(attrs.heads ?? 1);
  kernels.rotate(values, cosines, sines, y, lengthOf(x.shape) / (heads * size), tokens, heads, size, attrs.sign === -1 ? -1 : 1);
  return result;
});
