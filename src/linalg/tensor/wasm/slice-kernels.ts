/**
 * `tf.slice` and `tf.unstack` where a part lies in one piece: one copy of that part. TensorFlow.js copies the whole
 * operand for each, so that taking a stack of k matrices apart copies it k + 1 times.
 */
import { type KernelConfig, slice_util as sliceUtil, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { kernelOf, offsetOf } from '../tensorflow-internals.js';
import { makeTensor, type WasmBackend } from './wasm-heap.js';

/** Returns both kernels. Other parts go to those that the backend has. @param own - the backend's kernel of a name. */
function sliceKernels(own: (name: string) => KernelConfig): readonly KernelConfig[] {
  const [slice, unpack] = [own('Slice'), own('Unpack')];
  return [
    {
      ...slice,
      kernelFunc: (call) => {
        const { inputs, attrs, backend } = call;
        const x = inputs.x as TensorInfo;
        const [begin, size] = sliceUtil.parseSliceParams(x as never, attrs?.begin as number[], attrs?.size as number[]);
        if (x.dtype === 'string' || !isOnePiece(x.shape, size)) return slice.kernelFunc(call);
        const strides = [...util.computeStrides(x.shape), 1];
        const first = begin.reduce((sum, start, axis) => sum + start * strides[axis], 0);
        return copied(backend as WasmBackend, x, first, size);
      },
    },
    {
      ...unpack,
      kernelFunc: (call) => {
        const { inputs, attrs, backend } = call;
        const value = inputs.value as TensorInfo;
        const [count, ...rest] = value.shape;
        if (value.dtype === 'string' || Number(attrs?.axis) !== 0) return unpack.kernelFunc(call);
        const length = util.sizeFromShape(rest);
        return Array.from({ length: count }, (_, i) => copied(backend as WasmBackend, value, i * length, rest));
      },
    },
  ];
}

let made: readonly KernelConfig[] | undefined;

/** Returns the kernels; the first call finds the backend's own, which they replace. */
export function contiguousSlices(): readonly KernelConfig[] {
  made ??= sliceKernels((name) => kernelOf(name, 'wasm') as KernelConfig);
  return made;
}

/** Returns true if a slice is one piece of memory: whole in the last axes, and of length 1 in all before one other. */
function isOnePiece(shape: readonly number[], size: readonly number[]): boolean {
  let axis = shape.length - 1;
  while (axis >= 0 && size[axis] === shape[axis]) axis--;
  return size.slice(0, Math.max(axis, 0)).every((length) => length === 1);
}

/** Copies numbers into a tensor of their own. */
function copied(backend: WasmBackend, from: TensorInfo, first: number, shape: readonly number[]): TensorInfo {
  const tensor = makeTensor(backend, shape, from.dtype);
  const bytes = util.bytesPerElement(from.dtype);
  const start = offsetOf(backend, from) + first * bytes;
  backend.wasm.HEAPU8.copyWithin(offsetOf(backend, tensor), start, start + util.sizeFromShape([...shape]) * bytes);
  return tensor;
}
