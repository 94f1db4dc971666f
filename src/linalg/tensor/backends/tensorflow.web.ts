type Tensorflow = typeof import('./tensorflow.node.js');

export const openTensorflow: Tensorflow['openTensorflow'] = async () =>
  "TensorFlow's C library is for Node.js; in a page take webgpu or wasm";
