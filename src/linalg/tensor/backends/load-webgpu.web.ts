// Statically: a page whose script awaits an engine at its top level would wait for itself, if what is loaded later
// needed a part of that script.
import '@tensorflow/tfjs-backend-webgpu';

type LoadWebgpu = typeof import('./load-webgpu.node.js');

export const loadWebgpu: LoadWebgpu['loadWebgpu'] = async () => undefined;
