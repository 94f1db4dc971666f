/** Loads TensorFlow.js's backend, which registers itself only where there is a `navigator.gpu`. */
export async function loadWebgpu(): Promise<void> {
  await import('@tensorflow/tfjs-backend-webgpu');
}
