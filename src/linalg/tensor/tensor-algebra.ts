import { keep, Tensor } from '@tensorflow/tfjs-core';
import { ConfigError } from '../../core/errors.js';
import { declareOptions, describeValue, option } from '../../core/options.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import { openBackend } from './backends/open-backend.js';
import type { BackendReport, BackendRequest, OpenedBackend } from './backends/opened-backend.js';
import { construction } from './construction.js';
import { elementwise } from './elementwise.js';
import { factorizations } from './factorizations.js';
import { FLOAT32_EPSILON } from './host-factorizations.js';
import { onePass } from './one-pass.js';
import { products } from './products.js';
import { reductions } from './reductions.js';
import { openTensorScope, tidyTensors } from './scopes.js';
import { structure } from './structure.js';
import { tensorDevice } from './tensor-device.js';

/** Linear algebra in float32 on tensors of one backend of TensorFlow.js. */
export interface TensorAlgebra extends LinearAlgebra<Tensor> {
  /** Report of the backend taken, the device it runs on, and why better ones were not. */
  readonly report: BackendReport;
}

/** Options of {@link tensorAlgebra}. */
export interface TensorAlgebraOptions {
  /**
   * Backend to use: a name, or a value such as `wasm({ paths })` of `bures/tensor/wasm`, which is loaded with the
   * program. `'auto'`: tensorflow if `@tensorflow/tfjs-node-gpu` loads, else webgpu if its adapter is a real GPU, else
   * wasm, else cpu. Default: `'auto'`.
   */
  readonly backend?: BackendRequest;
}

// Checked where it is opened.
const tensorAlgebraOptions = declareOptions<TensorAlgebraOptions>()({ backend: option({ default: 'auto' }) });
const instances = new Map<string, TensorAlgebra>();

/**
 * Opens the float32 engine on a backend of TensorFlow.js. Every manifold, metric, retraction and solver runs on it
 * unchanged.
 *
 * No garbage collector frees the memory of its arrays, which are tensors. Solvers free what they allocate; wrap other
 * computations in `tidy`, or dispose of results. The backend stays TensorFlow.js's current one. The operations of an
 * engine opened before go on computing on its own, but models and trainings need theirs to be the current one: to go on
 * with one on an earlier backend, open that again, which takes no time.
 *
 * @param options - the backend.
 * @returns the engine; the same object whenever the backend is the same (its report is that of the first call).
 * @throws BackendError if a backend requested by name is not available, with how to install it, or in a page if wasm
 * has no file at its address; ConfigError for unknown options.
 */
export async function tensorAlgebra(options: TensorAlgebraOptions = {}): Promise<TensorAlgebra> {
  const { backend } = tensorAlgebraOptions.read('tensorAlgebra', options);
  const opened = await openBackend(backend);
  const cached = instances.get(opened.name);
  if (cached !== undefined) return cached;
  const algebra = assemble(opened);
  instances.set(opened.name, algebra);
  return algebra;
}

function assemble({ name, factorizations: backend, readsSynchronously, report }: OpenedBackend): TensorAlgebra {
  const device = tensorDevice(name, readsSynchronously);
  return Object.freeze({
    name: `tensor:${name}`,
    epsilon: FLOAT32_EPSILON,
    dtype: 'float32' as const,
    readsSynchronously: device.local,
    report,
    ...construction(device),
    ...elementwise(device),
    ...structure(device),
    ...reductions(device),
    ...products(device),
    ...factorizations(device, backend),
    ...onePass(device),
    tidy: tidyTensors,
    openScope: openTensorScope,
    keep(x: Tensor) {
      device.check('keep', x);
      return keep(x);
    },
    dispose(x: Tensor) {
      if (!(x instanceof Tensor))
        throw new ConfigError(`dispose: expected a tensor, got ${describeValue(x)}; arrays of the host need no disposal`);
      x.dispose();
    },
  });
}
