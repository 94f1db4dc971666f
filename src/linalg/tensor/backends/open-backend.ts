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
 * Opens a backend, on which TensorFlow.js computes from now on (it has one at a time in a process). A backend is loaded
 * only when it is tried, and tried once in a process: the result, or the reason why there is none, is remembered.
 *
 * `'auto'` takes tensorflow if `@tensorflow/tfjs-node-gpu` loads, else webgpu if its adapter is a GPU and not a program
 * that imitates one, else wasm, else cpu.
 *
 * @param request - a name, or `'auto'`.
 * @returns the same factorizations at every call.
 * @throws BackendError if the requested backend is not available; the message says how to install it.
 */
export function openBackend(request: BackendRequest): Promise<OpenedBackend> {
  // One after another, since each makes itself TensorFlow.js's current backend while it opens.
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

/** Returns the result of the first attempt to start this backend. */
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

/** Returns the reason not to take webgpu unasked. Looks only at the adapter, so that no backend is loaded. */
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
