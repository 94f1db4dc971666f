/** The engines that tests run on. */
import { memory } from '@tensorflow/tfjs-core';
import type { LinearAlgebra } from '../../src/index.js';
import { type HostAlgebra, hostAlgebra } from '../../src/linalg/host/host-algebra.js';
import { type BackendName, type TensorAlgebra, tensorAlgebra } from '../../src/linalg/tensor/index.js';

const typescript = hostAlgebra({ blas: 'off' });
const native = hostAlgebra({ blas: 'auto' });

/**
 * Name and engine of each on the host; the pure TypeScript one always, the one over BLAS where a library is found. For
 * `describe.each`.
 */
export const hostEngines: readonly (readonly [string, HostAlgebra])[] = (native === typescript ? [typescript] : [typescript, native]).map(
  (engine) => [engine.name, engine] as const,
);

/**
 * `'host'` and backends, as the environment variable BURES_TEST_BACKENDS lists them; without it those that are there
 * everywhere.
 */
const requested = (process.env.BURES_TEST_BACKENDS ?? 'host,wasm').split(',').filter((name) => name !== '');

/** Name and engine of each requested backend of TensorFlow.js. One that is not there fails the file. */
export const tensorEngines: readonly (readonly [string, TensorAlgebra])[] = await Promise.all(
  requested
    .filter((name) => name !== 'host')
    .map(async (name) => {
      const engine = await tensorAlgebra({ backend: name as BackendName });
      return [engine.name, engine] as const;
    }),
);

/** Every engine, for tests that are written for any. */
export const allEngines: readonly (readonly [string, LinearAlgebra<unknown>])[] = [
  ...(requested.includes('host') ? hostEngines : []),
  ...tensorEngines,
].map(([name, engine]) => [name, engine as unknown as LinearAlgebra<unknown>] as const);

/** Names of the engines whose device is imitated by a program: each operation takes milliseconds there. */
const imitated = new Set(tensorEngines.filter(([, { report }]) => /swiftshader|llvmpipe/i.test(report.device)).map(([name]) => name));

/**
 * How often to try a property, or how many points to look at: fewer on an engine whose device is imitated by a program.
 */
export function runsOn(la: { readonly name: string }, runs: number, least = 1): number {
  return imitated.has(la.name) ? Math.max(least, Math.ceil(runs / 16)) : runs;
}

/** Tensors alive in this process. */
export function liveTensors(): number {
  return memory().numTensors;
}

/** Runs a check in a `tidy` of its engine; fails if a tensor is left over. */
export async function withoutLeaks(la: Pick<LinearAlgebra<unknown>, 'tidy'>, check: () => Promise<void>): Promise<void> {
  const before = liveTensors();
  await la.tidy(check);
  const left = liveTensors() - before;
  if (left !== 0) throw new Error(`${left} tensors are left over`);
}
