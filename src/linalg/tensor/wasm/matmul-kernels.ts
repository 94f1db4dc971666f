/** The wasm backend's kernels for `tf.matMul` and `tf.fused.matMul`. */

import type { KernelConfig, NamedAttrMap, TensorInfo } from '@tensorflow/tfjs-core';
import { BackendError } from '../../../core/errors.js';
import { kernelOf, offsetOf } from '../tensorflow-internals.js';
import type { HeapGemm } from './heap-gemm.js';
import { type MatmulPlan, planMatmul } from './matmul-plan.js';
import { smallGemm } from './small-gemm.js';
import { floatsAt, makeTensor, type WasmBackend } from './wasm-heap.js';

/** Activations of `tf.fused.matMul`, by the kernel that computes each. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  sigmoid: 'Sigmoid',
  prelu: 'Prelu',
  leakyrelu: 'LeakyRelu',
};

/**
 * Makes the kernel of `tf.matMul` on wasm.
 *
 * @param gemm - called for each product, so that it can be exchanged.
 */
export function batchMatMulKernel(gemm: () => HeapGemm): KernelConfig {
  return {
    kernelName: 'BatchMatMul',
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend, attrs = {} }) => {
      const { a, b } = inputs;
      return multiply(backend as WasmBackend, gemm(), required(a), required(b), attrs.transposeA === true, attrs.transposeB === true);
    },
  };
}

/**
 * Makes the kernel of `tf.fused.matMul` on wasm: activation(op(A) op(B) + bias). Stock ignores the bias if there is a
 * transpose or a batch, and takes only a bias of rank one.
 */
export function fusedMatMulKernel(gemm: () => HeapGemm): KernelConfig {
  return {
    kernelName: '_FusedMatMul',
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend: opaque, attrs = {} }) => {
      const backend = opaque as WasmBackend;
      const { a, b, bias, preluActivationWeights } = inputs;
      let result = multiply(backend, gemm(), required(a), required(b), attrs.transposeA === true, attrs.transposeB === true);
      // Each step's input is freed even if the step fails.
      const then = (kernel: string, next: Record<string, TensorInfo | undefined>, options: NamedAttrMap = {}): void => {
        const input = result;
        try {
          result = runKernel(kernel, next, backend, options);
        } finally {
          backend.disposeData(input.dataId);
        }
      };
      if (bias) then('Add', { a: result, b: bias });
      const activation = String(attrs.activation ?? 'linear');
      if (activation === 'linear') return result;
      if (activation === 'prelu') then('Prelu', { x: result, alpha: preluActivationWeights });
      else then(ACTIVATIONS[activation] ?? activation, { x: result }, { alpha: attrs.leakyreluAlpha ?? 0 });
      return result;
    },
  };
}

function runKernel(name: string, inputs: Record<string, TensorInfo | undefined>, backend: WasmBackend, attrs: NamedAttrMap): TensorInfo {
  const kernel = kernelOf(name, 'wasm');
  if (kernel === undefined)
    throw new BackendError(`fused matMul: the wasm backend has no kernel ${name}; apply the activation after matMul`);
  return kernel.kernelFunc({ inputs, backend, attrs }) as TensorInfo;
}

function required(tensor: TensorInfo | undefined): TensorInfo {
  if (tensor === undefined) throw new BackendError('matMul: expected two tensors, got one; pass both operands');
  return tensor;
}

function multiply(
  backend: WasmBackend,
  gemm: HeapGemm,
  a: TensorInfo,
  b: TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): TensorInfo {
  const plan = planMatmul(a, b, transposeA, transposeB);
  const result = makeTensor(backend, plan.shape, 'float32');
  try {
    fill(backend, gemm, plan, offsetOf(backend, a), offsetOf(backend, b), offsetOf(backend, result));
  } catch (error) {
    backend.disposeData(result.dataId);
    throw error;
  }
  return result;
}

function fill(backend: WasmBackend, gemm: HeapGemm, plan: MatmulPlan, a: number, b: number, c: number): void {
  const { m, n, k, membersA } = plan;
  const length = membersA.length * m * n;
  if (length === 0) return;
  // An empty sum; the heap still holds old contents.
  if (k === 0) floatsAt(backend, c, length).fill(0);
  else if (m * n * k < gemm.smallest) smallGemm(backend, plan, a, b, c);
  else gemm.multiply(backend, plan, a, b, c);
}
