import { setBackend } from '@tensorflow/tfjs-core';
import { runtime } from '#platform/core/runtime';
import { BackendError, ConfigError } from '../../../core/errors.js';
import { describeValue } from '../../../core/options.js';
import { BACKEND_NAMES, type BackendName } from '../../../core/tensorflow-packages.js';
import type { Backend, BackendRequest, OpenedBackend, PassedOver, ReadyBackend } from './opened-backend.js';

const attempts = new Map<BackendName, Promise<ReadyBackend | string>>();
let earlier: Promise<unknown> = Promise.resolve();

/**
 * Opens a backend, on which TensorFlow.js computes from now on (it has one at a time in a process). A backend is loaded
 * only when it is tried, and tried once in a process: the result, or the reason why there is none, is remembered.
 *
 * `'auto'` takes tensorflow if `@tensorflow/tfjs-node-gpu` loads, else webgpu if its adapter is a GPU and not a program
 * that imitates one, else wasm, else cpu.
 *
 * @param request - a backend, a name, or `'auto'`.
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
  const passedOver: PassedOver[] = [];
  for (const backend of request === 'auto' ? named : [checkRequest(request)]) {
    const reason = request === 'auto' && backend.name === 'webgpu' ? await reasonAgainstAdapter() : undefined;
    const found = reason ?? (await ready(backend));
    if (typeof found !== 'string') return await select(found, passedOver);
    passedOver.push({ name: backend.name, reason: found });
  }
  const reasons = passedOver.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  throw new BackendError(
    request === 'auto'
      ? `tensorAlgebra: expected any backend of TensorFlow.js, none serves (${reasons}); use the host engine`
      : `tensorAlgebra: expected the backend '${passedOver[0].name}' to be there, it is not: ${passedOver[0].reason}; or ask for 'auto'`,
  );
}

/** Returns the backend of a request by name, or the one that was given. */
function checkRequest(request: BackendName | Backend): Backend {
  const { name, open: start } = typeof request === 'object' && request !== null ? request : ({} as Partial<Backend>);
  const found = named.find((backend) => backend.name === (name ?? request));
  if (found !== undefined && name === undefined) return found;
  if (found !== undefined && typeof start === 'function') return request as Backend;
  throw new ConfigError(
    `tensorAlgebra: expected 'auto', one of ${BACKEND_NAMES.join(', ')}, or a backend such as wasm(), got ${describeValue(request)}; name one of them`,
  );
}

/** Returns the result of the first attempt to start this backend; a failed one may be repeated with other options. */
async function ready(backend: Backend): Promise<ReadyBackend | string> {
  const { name } = backend;
  const earlierAttempt = attempts.get(name);
  const isNamed = named.includes(backend);
  if (earlierAttempt !== undefined && (isNamed || typeof (await earlierAttempt) !== 'string')) return earlierAttempt;
  const attempt = backend.open();
  attempts.set(name, attempt);
  // An error that was thrown says what to change, after which the backend may be there.
  attempt.catch(() => attempts.delete(name));
  return attempt;
}

/** The backends by name, each loaded when it is opened. */
const named: readonly Backend[] = [
  loaded('tensorflow', async () => (await import('#platform/linalg/tensor/backends/tensorflow')).openTensorflow),
  loaded('webgpu', async () => (await import('./webgpu.js')).openWebgpu),
  loaded('wasm', async () => (await import('./wasm.js')).openWasm),
  loaded('cpu', async () => (await import('./cpu.js')).openCpu),
];

function loaded(name: BackendName, load: () => Promise<() => Promise<ReadyBackend | string>>): Backend {
  return {
    name,
    async open() {
      let start: () => Promise<ReadyBackend | string>;
      try {
        start = await withinPatience(name, load());
      } catch (error) {
        if (error instanceof BackendError) throw error;
        const [message] = (error instanceof Error ? error.message : String(error)).split('\n', 1);
        const packageName = `@tensorflow/tfjs-backend-${name}`;
        return `${packageName} does not load (${message}); ${runtime.toInstall(packageName)}`;
      }
      return start();
    },
  };
}

/** Returns the reason not to take webgpu unasked. Looks only at the adapter, so that no backend is loaded. */
async function reasonAgainstAdapter(): Promise<string | undefined> {
  return (await import('./gpu-adapter.js')).reasonAgainstAdapter();
}

async function select(
  { name, factorizations, readsSynchronously, device }: ReadyBackend,
  passedOver: readonly PassedOver[],
): Promise<OpenedBackend> {
  if (!(await setBackend(name))) {
    throw new BackendError(`tensorAlgebra: TensorFlow.js could not start the backend '${name}'; see its own warning above`);
  }
  return { name, factorizations, readsSynchronously, report: { taken: name, passedOver, ...device } };
}

/** Seconds after which a part of a program that is loaded later counts as stuck. */
const patience = 30;

/**
 * Ends a wait that would have no end: a script that awaits an engine at its top level, in a build that put what the
 * backend needs into that script, waits for itself.
 */
async function withinPatience<Loaded>(name: BackendName, loading: Promise<Loaded>): Promise<Loaded> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stuck = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new BackendError(
          `tensorAlgebra: expected the backend '${name}' to be loaded within ${patience} s, but it was not: where a script awaits it at its top level, ` +
            `bundlers may have put what it needs into that script, which then waits for itself; pass backend: ${name}() from 'bures/tensor/${name}', which is loaded with the script`,
        ),
      );
    }, patience * 1000);
  });
  try {
    return await Promise.race([loading, stuck]);
  } finally {
    clearTimeout(timer);
  }
}
