/**
 * The engine on the host. The code of factorizations and sparse products, a half of it, is not here: a page whose
 * manifolds need neither is bundled without it. `whole-engine.ts` brings it to this same engine.
 */
import { NotImplementedError } from '../../core/errors.js';
import type { ArrayScope, LinearAlgebra } from '../linear-algebra.js';
import { construction } from './construction.js';
import { elementwise } from './elementwise.js';
import type { HostArray } from './host-array.js';
import { gemm } from './kernels/gemm.js';
import { products } from './products.js';
import { reductions } from './reductions.js';
import { structure } from './structure.js';

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

/** The operations whose code a program may be bundled without. */
export type FurtherOperations = Pick<
  HostAlgebra,
  'sparseMatmul' | 'sampledMatmul' | 'sparsePasses' | 'qr' | 'svd' | 'eigh' | 'cholesky' | 'solveTriangular'
>;

let further: FurtherOperations | undefined;

/** Brings the operations that the engine has not from here on. */
export function bringOperations(operations: FurtherOperations): void {
  further = operations;
}

function brought(operation: string): FurtherOperations {
  if (further !== undefined) return further;
  throw new NotImplementedError(
    `${operation}: expected an engine with factorizations and sparse products, but nothing that this page was built of needs them, so that they were left out; take the engine from hostAlgebra(), which brings them`,
  );
}

/** Garbage collection does what a scope would do. */
const hostScope: ArrayScope = { run: (compute) => compute(), own: () => undefined, free: () => undefined, close: () => undefined };

/** The engine, with kernels in TypeScript. */
export const elementaryEngine: HostAlgebra = Object.freeze({
  name: 'host',
  epsilon: Number.EPSILON,
  dtype: 'float64' as const,
  readsSynchronously: true,
  ...construction,
  ...elementwise,
  ...structure,
  ...reductions,
  ...products({ gemm }),
  sparseMatmul: (s, x, options) => brought('sparseMatmul').sparseMatmul(s, x, options),
  sampledMatmul: (pattern, a, b) => brought('sampledMatmul').sampledMatmul(pattern, a, b),
  get sparsePasses() {
    return further?.sparsePasses;
  },
  qr: (x) => brought('qr').qr(x),
  svd: (x, options) => brought('svd').svd(x, options),
  eigh: (x) => brought('eigh').eigh(x),
  cholesky: (x) => brought('cholesky').cholesky(x),
  solveTriangular: (triangle, b, options) => brought('solveTriangular').solveTriangular(triangle, b, options),
  tidy: <Result>(compute: () => Result): Result => compute(),
  openScope: () => hostScope,
  keep: (x: HostArray): HostArray => x,
  dispose: (): void => undefined,
} satisfies HostAlgebra);
