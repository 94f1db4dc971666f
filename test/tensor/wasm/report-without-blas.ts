/** Run by matmul.test.ts in a process of its own: prints what the installer reports under another BURES_BLAS, and a product's trace. */
import { eye, matMul, ready, setBackend, sum } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import { installWasmKernels } from '../../../src/linalg/tensor/wasm/install.js';

await setBackend('wasm');
await ready();
const report = installWasmKernels();
const trace = sum(matMul(eye(20), eye(20), true, true)).dataSync()[0];
process.stdout.write(JSON.stringify({ report, trace }));
