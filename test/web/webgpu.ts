/** The tensor engine on WebGPU, of which SwiftShader is one. */
import { tensorAlgebra } from 'bures/tensor';
import { webgpu } from 'bures/tensor/webgpu';
import { approximate } from './approximate.js';
import { consoleOf } from './console.js';

const console = consoleOf('webgpu');
const device = await tensorAlgebra({ backend: webgpu() });

await approximate(device, 3, console.log);
