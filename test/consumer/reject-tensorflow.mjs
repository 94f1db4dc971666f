// Preloaded with --import: fails the process as soon as anything asks for TensorFlow.js, by `import` or by `require`.
import Module, { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

function reject(specifier) {
  if (!specifier.startsWith('@tensorflow/')) return;
  throw new Error(`'${specifier}' was loaded by the mathematical part of bures, which is to work without it`);
}

/** The hook for `import`: Node runs it on a thread of its own, from this same file. */
export function resolve(specifier, context, next) {
  reject(specifier);
  return next(specifier, context);
}

if (isMainThread) {
  register(import.meta.url);
  const load = Module._load;
  Module._load = (specifier, ...rest) => {
    reject(specifier);
    return load(specifier, ...rest);
  };
}
