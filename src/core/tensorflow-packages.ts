/** TensorFlow.js is not installed with the library: mathematics in float64 works without it. */
import { BackendError } from './errors.js';

/** The backends of TensorFlow.js that the tensor engine runs on, best first. */
export const BACKEND_NAMES = ['tensorflow', 'webgpu', 'wasm', 'cpu'] as const;

/** One of {@link BACKEND_NAMES}. */
export type BackendName = (typeof BACKEND_NAMES)[number];

/** The packages that tensors, models, fine-tuning and the command need, as package.json names them among its peers. */
export const TENSORFLOW_PACKAGES: Readonly<Record<string, string>> = {
  '@tensorflow/tfjs-core': '4.22.0',
  '@tensorflow/tfjs-backend-cpu': '4.22.0',
  '@tensorflow/tfjs-backend-wasm': '4.22.0',
};

/** The same, as npm takes them. */
export const tensorflowSpecifiers: readonly string[] = Object.entries(TENSORFLOW_PACKAGES).map(([name, version]) => `${name}@${version}`);

/** The command that installs them. */
export const installTensorflow = `npm install ${tensorflowSpecifiers.join(' ')}`;

/**
 * Loads a module that imports TensorFlow.js.
 *
 * @param caller - the entry or command that errors name.
 * @throws BackendError with the command that installs TensorFlow.js, if it is not there; any other error of the module.
 */
export async function withTensorflow<Module>(caller: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    throw explained(caller, error);
  }
}

/**
 * The same for `require`, in the entries that tools/build-entries.ts writes.
 *
 * @public
 */
export function requireWithTensorflow<Module>(caller: string, load: () => Module): Module {
  try {
    return load();
  } catch (error) {
    throw explained(caller, error);
  }
}

function explained(caller: string, error: unknown): unknown {
  const message = error instanceof Error ? error.message : String(error);
  // Node.js, Deno and Bun word it differently.
  const [missing] = /@tensorflow\/tfjs-(?:core|backend-cpu|backend-wasm)\b/.exec(message) ?? [];
  if (missing === undefined || !/find|resolve|load|missing/i.test(message)) return error;
  return new BackendError(
    `${caller}: expected TensorFlow.js, which is not installed with bures (${missing} is missing); run ${installTensorflow}`,
    { cause: error },
  );
}
