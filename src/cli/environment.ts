/**
 * The environment of a computation, as far as rounding depends on it. A run records it, and compares it when resumed.
 */

import { type BlasStatus, blasStatus } from '../index.js';
import { thisMachine } from '../io/machine.node.js';
import { packageVersion } from '../io/package-version.js';
import { isJsonObject } from '../io/parse-json.js';
import type { TensorAlgebra } from '../linalg/tensor/index.js';

/** Environment of a run. */
export interface Environment {
  /** Versions of bures and Node. */
  readonly versions: { readonly bures: string; readonly node: string };
  /** The operating system and the processor's architecture. */
  readonly platform: string;
  /** Name of the processor. */
  readonly processor: string;
  /** Number of its cores. */
  readonly cores: number;
  /** Memory of the machine, in bytes. */
  readonly memory: number;
  /** Number of processes that compute together; absent in records of earlier versions, which had one. */
  readonly processes?: number;
  /** The BLAS library, or the reason why it is missing. */
  readonly blas: BlasStatus;
  /** The backend of TensorFlow.js, if one is open. */
  readonly backend?: { readonly name: string; readonly device: string; readonly matmul: string };
}

/** Reads the environment. Loads the BLAS library if that has not been tried. */
export function readEnvironment(algebra?: TensorAlgebra, processes = 1): Environment {
  const { processor, cores, memory } = thisMachine();
  const backend = algebra && { name: algebra.report.taken, device: algebra.report.device, matmul: algebra.report.matmul };
  return {
    versions: { bures: packageVersion(), node: process.version },
    platform: `${process.platform} ${process.arch}`,
    processor,
    cores,
    memory,
    ...(processes === 1 ? {} : { processes }),
    blas: blasStatus(),
    ...(backend === undefined ? {} : { backend }),
  };
}

/**
 * Describes the differences between two environments, one line each. Memory is ignored: it does not change a result.
 *
 * @param before - as read from the file. Missing and malformed parts count as not recorded.
 */
export function environmentDifferences(before: unknown, now: Environment): readonly string[] {
  const [old, current] = [comparable(isJsonObject(before) ? (before as Partial<Environment>) : {}), comparable(now)];
  return Object.keys(current)
    .filter((name) => old[name] !== current[name])
    .map((name) => `${name} was ${old[name] ?? 'not recorded'} and is now ${current[name]}`);
}

function comparable(environment: Partial<Environment>): Readonly<Record<string, string | undefined>> {
  const { versions, platform, processor, cores, processes = 1, blas, backend } = environment;
  return {
    bures: versions?.bures,
    Node: versions?.node,
    platform,
    processor,
    cores: cores === undefined ? undefined : String(cores),
    processes: String(processes),
    BLAS: blasName(blas),
    'BLAS threads': blas?.threads === undefined ? 'not known' : String(blas.threads),
    backend: backend?.name ?? 'none',
    device: backend?.device ?? 'none',
    'matrix products': backend?.matmul ?? 'none',
  };
}

/** Names the library and its kernels. It omits the reason why a library is missing, which may contain a path. */
export function blasName(blas: BlasStatus | undefined): string {
  if (blas?.available !== true) return 'none';
  return blas.core === undefined ? `${blas.library}` : `${blas.library} (${blas.core})`;
}
