/**
 * Opens a backend of TensorFlow.js. Nothing of a backend is loaded before it is tried, and each is tried once in a process: what was found, or
 * the reason why nothing was, is remembered.
 */
import { BackendError, ConfigError } from '../../../core/errors.js';
import { describeValue } from '../../../core/options.js';
import {
  BACKEND_NAMES,
  type BackendName,
  type BackendRequest,
  type OpenedBackend,
  type PassedOver,
  type ReadyBackend,
} from './opened-backend.js';

const attempts = new Map<BackendName, Promise<ReadyBackend | string>>();
let earlier: Promise<unknown> = Promise.resolve();

/**
 * A backend, set as the one on which TensorFlow.js computes from now on (it has one at a time in a process).
 *
 * `'auto'` takes tensorflow if `@tensorflow/tfjs-node-gpu` loads, else webgpu if its adapter is a GPU and not a program that imitates one, else wasm, else cpu.
 *
 * @param request - a name, or `'auto'`.
 * @returns the same factorizations at every call.
 * @throws BackendError if the backend asked for is not there; the message says how to install it.
 */
export function openBackend(request: BackendRequest): Promise<OpenedBackend> {
  // One after another: each makes itself TensorFlow.js's current backend on its way.
  const opened = earlier.then(() => open(request));
  earlier = opened.catch(() => undefined);
  return opened;
}

async function open(request: BackendRequest): Promise<OpenedBackend> {
  if (request !== 'auto' && !BACKEND_NAMES.includes(request)) {
    throw new ConfigError(
      `tensorAlgebra: expected 'auto' or one of ${BACKEND_NAMES.join(', ')}, got ${describeValue(request)}; name one of them`,
    );
  }
  const passedOver: PassedOver[] = [];
  for (const name of request === 'auto' ? BACKEND_NAMES : [request]) {
    const reason = request === 'auto' && name === 'webgpu' ? await reasonAgainstAdapter() : undefined;
    const found = reason ?? (await ready(name));
    if (typeof found !== 'string') return await select(found, passedOver);
    passedOver.push({ name, reason: found });
  }
  const reasons = passedOver.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  throw new BackendError(
    request === 'auto'
      ? `tensorAlgebra: expected any backend of TensorFlow.js, none serves (${reasons}); use the host engine`
      : `tensorAlgebra: expected the backend '${request}' to be there, it is not: ${passedOver[0].reason}; or ask for 'auto'`,
  );
}

/** What was found the first time this backend was tried. */
function ready(name: BackendName): Promise<ReadyBackend | string> {
  const attempt = attempts.get(name) ?? OPENERS[name]();
  attempts.set(name, attempt);
  return attempt;
}

const OPENERS: Readonly<Record<BackendName, () => Promise<ReadyBackend | string>>> = {
  tensorflow: async () => (await import('./tensorflow.js')).openTensorflow(),
  webgpu: async () => (await import('./webgpu.js')).openWebgpu(),
  wasm: async () => (await import('./wasm.js')).openWasm(),
  cpu: async () => (await import('./cpu.js')).openCpu(),
};

/** Why webgpu is not worth taking unasked; looks at the adapter only, so that passing it over loads no backend. */
async function reasonAgainstAdapter(): Promise<string | undefined> {
  return (await import('./webgpu.js')).reasonAgainstAdapter();
}

async function select(
  { name, factorizations, readsSynchronously, device }: ReadyBackend,
  passedOver: readonly PassedOver[],
): Promise<OpenedBackend> {
  const { setBackend } = await import('@tensorflow/tfjs-core');
  if (!(await setBackend(name))) {
    throw new BackendError(`tensorAlgebra: TensorFlow.js could not start the backend '${name}'; see its own warning above`);
  }
  return { name, factorizations, readsSynchronously, report: { taken: name, passedOver, ...device } };
}
