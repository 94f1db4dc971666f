/** Kernels on the heap of TensorFlow.js's wasm backend, whose memory this module imports. Offsets are in bytes. */
export { adamStep } from './adam';
export { attend, attendBack, attentionScratch, maskedSoftmax, scoreGradient } from './attention';
export { widenBrains, widenHalves } from './convert';
export { widenBytes, widenNibbles } from './dequantize';
export { rmsNorm, rmsNormBack, rotate, swiglu, swigluBack } from './layers';
export { multiply, transpose } from './multiply';
export { axpy, inner } from './vectors';
