import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import util from 'node:util';
import { findBackend, getBackend, setBackend, Tensor } from '@tensorflow/tfjs-core';
import { startedBackend } from '../tensorflow-internals.js';
import type { BackendDevice, ReadyBackend } from './opened-backend.js';
import { processor } from './processor.node.js';
import { type TensorflowBackend, tensorflowFactorizations } from './tensorflow-factorizations.js';

const PACKAGE = '@tensorflow/tfjs-node-gpu';

/**
 * The part of the package that is used here. It is an optional dependency, so nothing may import it, not even its
 * types.
 */
interface TensorflowPackage {
  readonly Tensor?: unknown;
}

/**
 * Starts the `tensorflow` backend: TensorFlow's C library through `@tensorflow/tfjs-node-gpu`, on CUDA if there is a
 * GPU that it knows, else on the processor.
 *
 * @param load - loads the package.
 * @returns the backend, or the reason why it is not available, with what to do.
 */
export async function openTensorflow(load: (name: string) => unknown = createRequire(import.meta.url)): Promise<ReadyBackend | string> {
  const before = getBackend();
  const problem = loadPackage(load);
  // Loading the package makes it the current backend; that is for the caller to decide.
  if (problem !== undefined) {
    if (before && getBackend() !== before) await setBackend(before);
    return problem;
  }
  if (!(await setBackend('tensorflow'))) return `${PACKAGE} is loaded, but its backend does not start; run npm rebuild ${PACKAGE}`;
  const native = startedBackend<TensorflowBackend>('tensorflow');
  const device = native.isUsingGpuDevice ? gpu() : onProcessor();
  return { name: 'tensorflow', factorizations: tensorflowFactorizations(native), readsSynchronously: !device.cuda, device };
}

/** Loads the package. @returns the reason why it does not serve, or `undefined`. */
function loadPackage(load: (name: string) => unknown): string | undefined {
  prepareProcess();
  let loaded: TensorflowPackage;
  try {
    loaded = load(PACKAGE) as TensorflowPackage;
  } catch (error) {
    return reasonNotLoaded(error);
  }
  if (loaded.Tensor !== Tensor || findBackend('tensorflow') === null) {
    return `${PACKAGE} brought a copy of @tensorflow/tfjs-core of its own; run npm dedupe, so that both use one`;
  }
  return undefined;
}

function prepareProcess(): void {
  // Node 23 removed two functions that the package's 4.22 still calls.
  const old = util as { isNullOrUndefined?: (value: unknown) => boolean; isArray?: (value: unknown) => boolean };
  old.isNullOrUndefined ??= (value) => value === null || value === undefined;
  old.isArray ??= Array.isArray;
  // Otherwise the library reports its instruction sets on the standard error stream. Its note that oneDNN is on comes
  // before its log reads this variable: only TF_ENABLE_ONEDNN_OPTS=0 takes it away, which changes results and is
  // slower.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
}

function reasonNotLoaded(error: unknown): string {
  const [message, code] = error instanceof Error ? [error.message, (error as NodeJS.ErrnoException).code] : [String(error), undefined];
  const [firstLine] = message.split('\n', 1);
  if (code === 'MODULE_NOT_FOUND' && message.includes(`'${PACKAGE}'`)) {
    return `the optional package ${PACKAGE} is not installed; run npm install ${PACKAGE} (Linux or Windows; a GPU needs CUDA 11.2 and cuDNN 8.1)`;
  }
  if (/tfjs_binding|native addon/.test(message)) {
    return (
      `${PACKAGE} is installed without its native binding, whose download at installation failed or was not allowed (${firstLine}); ` +
      `run npm rebuild ${PACKAGE} where storage.googleapis.com can be reached`
    );
  }
  return `${PACKAGE} does not load (${firstLine}); run npm rebuild ${PACKAGE}, or see its README for the libraries that it needs`;
}

function onProcessor(): BackendDevice {
  return { ...processor(), cuda: false, matmul: "TensorFlow's kernels on the processor" };
}

/** Describes the GPU. TensorFlow.js tells neither its name nor its memory; the driver's own program does. */
function gpu(): BackendDevice {
  const words = { cuda: true, matmul: 'cuBLAS' } as const;
  try {
    const options = ['--query-gpu=name,memory.total', '--format=csv,noheader,nounits'];
    const lines = execFileSync('nvidia-smi', options, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .trim()
      .split('\n');
    // TensorFlow computes on the first device that it sees.
    const visible = Number.parseInt(process.env.CUDA_VISIBLE_DEVICES ?? '0', 10);
    const [name, mebibytes] = (lines[visible] ?? lines[0]).split(', ');
    return { device: name, memory: Number(mebibytes) * 2 ** 20, ...words };
  } catch {
    return { device: 'a CUDA device', memory: undefined, ...words };
  }
}
