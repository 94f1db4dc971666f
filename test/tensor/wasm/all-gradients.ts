/**
 * TensorFlow.js's own gradients, which plain Node cannot import: `@tensorflow/tfjs-core` has them only in files that
 * import each other without extensions. A hook on the resolution of modules adds those.
 */
import { register } from 'node:module';

const hook = `
export async function resolve(specifier, context, next) {
  const inside = context.parentURL?.includes('/@tensorflow/tfjs-core/dist/') && specifier.startsWith('.') && !specifier.endsWith('.js');
  const resolved = await next(inside ? specifier + '.js' : specifier, context);
  return /@tensorflow\\/tfjs-core\\/dist\\/(?!tf-core)/.test(resolved.url) ? { ...resolved, format: 'module' } : resolved;
}`;

/** Registers all of them, for the whole process. */
export async function registerAllGradients(): Promise<void> {
  register(`data:text/javascript,${encodeURIComponent(hook)}`);
  await import('@tensorflow/tfjs-core/dist/register_all_gradients.js');
}
