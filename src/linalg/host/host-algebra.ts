import { blasIsDemanded, blasStatus, loadBlasKernels } from '#platform/linalg/host/blas/native';
import { BackendError } from '../../core/errors.js';
import { choice, declareOptions } from '../../core/options.js';
import { elementaryEngine, type HostAlgebra } from './elementary-engine.js';
import type { HostKernels } from './kernels.js';
import { products } from './products.js';
import { typescriptKernels } from './typescript-kernels.js';
import { furtherOperations } from './whole-engine.js';

export type { HostAlgebra } from './elementary-engine.js';
export type { HostArray } from './host-array.js';

/** Options of {@link hostAlgebra}. */
export interface HostAlgebraOptions {
  /**
   * Use of a BLAS library for large matrices: `'auto'` if one is found, `'off'` never; `'require'` fails without one.
   * Default: `'auto'`. The environment variable BURES_BLAS is `off` for none, `auto`, or the path of the library to
   * use.
   */
  readonly blas?: 'auto' | 'off' | 'require';
}

const hostAlgebraOptions = declareOptions<HostAlgebraOptions>()({ blas: choice(['auto', 'off', 'require'], { default: 'auto' }) });
const instances = new Map<HostKernels, HostAlgebra>();

/**
 * Returns the float64 engine on the host.
 *
 * @returns the engine; the same object whenever the options lead to the same kernels.
 * @throws ConfigError for unknown options; BackendError if BLAS is required, here or by a path in BURES_BLAS, and
 * cannot be loaded, with the reason.
 */
export function hostAlgebra(options: HostAlgebraOptions = {}): HostAlgebra {
  const { blas } = hostAlgebraOptions.read('hostAlgebra', options);
  const kernels = chooseKernels(blas);
  const cached = instances.get(kernels);
  if (cached !== undefined) return cached;
  const engine = assemble(kernels);
  instances.set(kernels, engine);
  return engine;
}

let native: HostKernels | undefined;

function chooseKernels(blas: 'auto' | 'off' | 'require'): HostKernels {
  if (blas === 'off') return typescriptKernels;
  native ??= loadBlasKernels(typescriptKernels);
  if (native === undefined && (blas === 'require' || blasIsDemanded())) {
    const asked = blas === 'require' ? "blas: 'require'" : 'BURES_BLAS';
    throw new BackendError(
      `hostAlgebra: ${asked} expects a BLAS library, but ${blasStatus().reason ?? 'none was found'}; or pass blas: 'off', which needs none`,
    );
  }
  return native ?? typescriptKernels;
}

function assemble(kernels: HostKernels): HostAlgebra {
  if (kernels === typescriptKernels) return elementaryEngine;
  return Object.freeze({ ...elementaryEngine, name: `host:${kernels.name}`, ...products(kernels), ...furtherOperations(kernels) });
}
