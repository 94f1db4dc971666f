import { blasIsDemanded, blasStatus, loadBlasKernels } from '#platform/linalg/host/blas/native';
import { BackendError } from '../../core/errors.js';
import { choice, declareOptions } from '../../core/options.js';
import type { ArrayScope, LinearAlgebra } from '../linear-algebra.js';
import { construction } from './construction.js';
import { elementwise } from './elementwise.js';
import { factorizations } from './factorizations.js';
import type { HostArray } from './host-array.js';

export type { HostArray } from './host-array.js';

import type { HostKernels } from './kernels.js';
import { products } from './products.js';
import { reductions } from './reductions.js';
import { sparsePasses } from './sparse-passes.js';
import { structure } from './structure.js';
import { typescriptKernels } from './typescript-kernels.js';

/**
 * Linear algebra in float64 on the host. What the contract calls `Awaitable` is available at once. `peek` does not
 * copy: its result is read-only.
 */
export interface HostAlgebra extends LinearAlgebra<HostArray> {
  toArray(x: HostArray): Float64Array;
  toRows(x: HostArray): number[][];
  readInto(x: HostArray, target: Float32Array | Float64Array): void;
  peek(x: HostArray): Float64Array;
  inner(x: HostArray, y: HostArray): number;
  norm(x: HostArray): number;
  total(x: HostArray): number;
  maxAbs(x: HostArray): number;
}

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

/** Garbage collection does what a scope would do. */
const hostScope: ArrayScope = { run: (compute) => compute(), own: () => undefined, free: () => undefined, close: () => undefined };

function assemble(kernels: HostKernels): HostAlgebra {
  return Object.freeze({
    name: kernels === typescriptKernels ? 'host' : `host:${kernels.name}`,
    epsilon: Number.EPSILON,
    dtype: 'float64' as const,
    readsSynchronously: true,
    ...construction,
    ...elementwise,
    ...structure,
    ...reductions,
    ...products(kernels),
    sparsePasses,
    ...factorizations(kernels),
    tidy: <Result>(compute: () => Result): Result => compute(),
    openScope: () => hostScope,
    keep: (x: HostArray): HostArray => x,
    dispose: (): void => undefined,
  }) as HostAlgebra;
}
