/**
 * Loss and gradient of next-token prediction in one array of the logits' size; see `crossEntropyWithGradient`. Composed
 * operations take four.
 */

import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import { BackendError } from '../../core/errors.js';
import { offsetOf } from '../../linalg/tensor/tensorflow-internals.js';
import { floatsAt, integersAt, makeTensor, type WasmBackend } from '../../linalg/tensor/wasm/wasm-heap.js';
import { softmaxRows } from './softmax-rows.js';

/** Maps logits [tokens, vocabulary], labels [tokens] and factor to [Σ losses, factor · (softmax − onehot)]. */
export const crossEntropyKernel: KernelConfig = {
  kernelName: 'BuresCrossEntropy',
  backendName: 'wasm',
  kernelFunc: ({ inputs: { logits, labels }, backend: opaque, attrs }) => {
    if (logits?.dtype !== 'float32' || labels?.dtype !== 'int32') {
      throw new BackendError(
        `crossEntropy: expected float32 logits and int32 labels, got ${logits?.dtype} and ${labels?.dtype}; cast them`,
      );
    }
    const backend = opaque as WasmBackend;
    const loss = makeTensor(backend, [], 'float32');
    let gradient: TensorInfo;
    try {
      gradient = makeTensor(backend, logits.shape, 'float32');
    } catch (error) {
      backend.disposeData(loss.dataId);
      throw error;
    }
    const [tokens, vocabulary] = logits.shape;
    softmaxRows(backend, offsetOf(backend, logits), tokens, vocabulary, offsetOf(backend, gradient));
    const view = (tensor: TensorInfo, length: number): Float32Array => floatsAt(backend, offsetOf(backend, tensor), length);
    const length = tokens * vocabulary;
    const chosen = integersAt(backend, offsetOf(backend, labels), tokens);
    view(loss, 1)[0] = finish(view(logits, length), chosen, Number(attrs?.factor), view(gradient, length));
    return [loss, gradient];
  },
};

/** Turns probabilities into the gradient, and sums the losses in float64. */
function finish(logits: Float32Array, labels: Int32Array, factor: number, probabilities: Float32Array): number {
  const vocabulary = logits.length / labels.length;
  let total = 0;
  for (let token = 0; token < labels.length; token++) {
    const start = token * vocabulary;
    let largest = start;
    for (let entry = start + 1; entry < start + vocabulary; entry++) if (probabilities[entry] > probabilities[largest]) largest = entry;
    // log Σ exp z = max z − log(max softmax(z)), which does not underflow.
    const own = start + labels[token];
    total += logits[largest] - Math.log(probabilities[largest]) - logits[own];
    probabilities[own] -= 1;
    for (let entry = start; entry < start + vocabulary; entry++) probabilities[entry] *= factor;
  }
  return total;
}
