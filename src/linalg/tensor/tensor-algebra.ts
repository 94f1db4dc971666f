import { keep, Tensor } from '@tensorflow/tfjs-core';
import { ConfigError } from '../../core/errors.js';
import { checkKeys, describeValue } from '../../core/options.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import { type MatrixFunctionCore, matrixFunctions } from '../matrix-functions.js';
import { openBackend } from './backends/open-backend.js';
import type { BackendReport, BackendRequest, OpenedBackend } from './backends/opened-backend.js';
import { construction } from './construction.js';
import { elementwise } from './elementwise.js';
import { factorizations } from './factorizations.js';
import { FLOAT32_EPSILON, hostMatrixFunctions } from './host-factorizations.js';
import { products } from './products.js';
import { reductions } from './reductions.js';
import { openTensorScope, tidyTensors } from './scopes.js';
import { structure } from './structure.js';
import { type TensorDevice, tensorDevice } from './tensor-device.js';

/** Linear algebra in float32 on tensors of one backend of TensorFlow.js. */
export interface TensorAlgebra extends LinearAlgebra<Tensor> {
  /** Which backend was taken, on what it runs, and why better ones were not. */
  readonly report: BackendReport;
}

/** What {@link tensorAlgebra} may be told. */
export interface TensorAlgebraOptions {
  /**
   * The backend. `'auto'` (default): tensorflow if `@tensorflow/tfjs-node-gpu` loads, else webgpu if its adapter is a real GPU, else wasm, else cpu.
   */
  readonly backend?: BackendRequest;
}

const instances = new Map<string, TensorAlgebra>();

/**
 * The float32 engine on a backend of TensorFlow.js: every manifold, metric, retraction and solver runs on it unchanged.
 *
 * Its arrays are tensors: they hold memory that no garbage collector frees. Solvers free what they allocate; wrap other computations in `tidy`, or dispose of
 * results. The backend stays TensorFlow.js's current one, but an engine opened before goes on computing on its own.
 *
 * @param options - the backend.
 * @returns the engine; the same object whenever the backend is the same (its report is that of the first call).
 * @throws BackendError if a backend asked for by name is not there, with how to install it; ConfigError for unknown options.
 */
export async function tensorAlgebra(options: TensorAlgebraOptions = {}): Promise<TensorAlgebra> {
  checkKeys('tensorAlgebra', options, ['backend']);
  const opened = await openBackend(options.backend ?? 'auto');
  const cached = instances.get(opened.name);
  if (cached !== undefined) return cached;
  const algebra = assemble(opened);
  instances.set(opened.name, algebra);
  return algebra;
}

function assemble({ name, factorizations: backend, readsSynchronously, report }: OpenedBackend): TensorAlgebra {
  const device = tensorDevice(name, readsSynchronously);
  const core: MatrixFunctionCore<Tensor> = {
    name: `tensor:${name}`,
    epsilon: FLOAT32_EPSILON,
    ...construction(device),
    ...elementwise(device),
    ...structure(device),
    ...reductions(device),
    ...products(device),
    ...factorizations(device, backend),
    tidy: tidyTensors,
    openScope: openTensorScope,
    keep(x) {
      device.check('keep', x);
      return keep(x);
    },
    dispose(x) {
      if (!(x instanceof Tensor))
        throw new ConfigError(`dispose: expected a tensor, got ${describeValue(x)}; arrays of the host need no disposal`);
      x.dispose();
    },
  };
  return Object.freeze({ ...core, ...(device.local ? localMatrixFunctions(device) : matrixFunctions(core)), report });
}

/** {@link hostMatrixFunctions} behind the checks of the device. */
function localMatrixFunctions(device: TensorDevice) {
  const functions = hostMatrixFunctions();
  const checked =
    <Operands extends readonly Tensor[], Result>(caller: string, compute: (...operands: Operands) => Result) =>
    (...operands: Operands): Result => {
      for (const operand of operands) device.check(caller, operand);
      return device.run(() => compute(...operands));
    };
  return {
    solveSylvester: checked('solveSylvester', functions.solveSylvester),
    solveLyapunov: checked('solveLyapunov', functions.solveLyapunov),
    sqrtSpd: checked('sqrtSpd', functions.sqrtSpd),
    inverseSqrtSpd: checked('inverseSqrtSpd', functions.inverseSqrtSpd),
    polar: checked('polar', functions.polar),
    geometricMean: checked('geometricMean', functions.geometricMean),
  };
}
