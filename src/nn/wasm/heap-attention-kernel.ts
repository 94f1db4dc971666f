/**
 * Causal attention in this library's own WebAssembly, one call each way for all heads; see attention.ts for formulas
 * and layout. It serves short sequences, and all where there is no BLAS; attention-kernel.ts serves the others.
 */
import { offsetOf } from '../../linalg/tensor/tensorflow-internals.js';
import { type HeapCall, heapKernel } from '../../linalg/tensor/wasm/heap-kernel.js';
import type { AttentionShape } from '../../linalg/tensor/wasm/heap-kernels.js';
import { withScratch } from '../../linalg/tensor/wasm/wasm-heap.js';

/** Maps q, k, v, segments? to O. */
export const heapAttentionKernel = heapKernel('BuresHeapAttention', 'attention', (call) => {
  const { inputs, kernels, backend, make, offsets } = call;
  const { q, k, v } = inputs;
  const shape = attentionShape(call);
  const [result] = make(q.shape);
  withScratch(backend, [scratchOf(call, shape)], ([scratch]) => {
    const [queries, keys, values, o] = offsets(q, k, v, result);
    kernels.attend(queries, keys, values, o, scratch, ...shape);
  });
  return result;
});

/** Maps dy, q, k, v, result, segments? to ∂Q, ∂K, ∂V. */
export const heapAttentionGradientKernel = heapKernel('BuresHeapAttentionGradient', 'attention', (call) => {
  const { inputs, kernels, backend, make, offsets } = call;
  const { dy, q, k, v, result } = inputs;
  const shape = attentionShape(call);
  const gradients = make(q.shape, k.shape, v.shape);
  withScratch(backend, [scratchOf(call, shape)], ([scratch]) => {
    const [given, queries, keys, values, o, dq, dk, dv] = offsets(dy, q, k, v, result, ...gradients);
    kernels.attendBack(given, queries, keys, values, o, dq, dk, dv, scratch, ...shape);
  });
  return gradients;
});

/** Returns the lengths, the scale and the mask of an attention from a kernel's inputs. */
export function attentionShape({ inputs, attrs, backend }: HeapCall): AttentionShape {
  const { q, k } = inputs;
  const segments = inputs.segments as typeof q | undefined;
  const [batch, heads, keyValueHeads] = [Number(attrs.batch), Number(attrs.heads), Number(attrs.keyValueHeads)];
  return [
    ...([batch, heads, heads / keyValueHeads] as const),
    ...([q.shape[0] / batch, k.shape[0] / batch, q.shape[1] / heads] as const),
    ...([Number(attrs.scale), Number(attrs.window), segments === undefined ? 0 : offsetOf(backend, segments)] as const),
  ];
}

function scratchOf({ kernels }: HeapCall, [, , , , keys, size]: AttentionShape): number {
  return kernels.attentionScratch(keys, size);
}
