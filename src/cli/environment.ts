/** What a computation runs on, as far as its rounding depends on it: recorded with a run, and compared when it is resumed. */
import { cpus, totalmem } from 'node:os';
import { isJsonObject } from '../core/parse-json.js';
import { type BlasStatus, blasStatus } from '../index.js';
import type { TensorAlgebra } from '../tensor/index.js';
import { packageVersion } from './package-version.js';

/** The surroundings of a run. */
export interface Environment {
  /** Versions of the programs. */
  readonly versions: { readonly bures: string; readonly node: string };
  /** The operating system and the processor's architecture. */
  readonly platform: string;
  /** Name of the processor. */
  readonly processor: string;
  /** Its cores. */
  readonly cores: number;
  /** Memory of the machine in bytes. */
  readonly memory: number;
  /** The BLAS library, or why there is none. */
  readonly blas: BlasStatus;
  /** The backend of TensorFlow.js, where one is open. */
  readonly backend?: { readonly name: string; readonly device: string; readonly matmul: string };
}

/** Looks around. Loads the BLAS library if that has not been tried. */
export function readEnvironment(algebra?: TensorAlgebra): Environment {
  const cores = cpus();
  const backend = algebra && { name: algebra.report.taken, device: algebra.report.device, matmul: algebra.report.matmul };
  return {
    versions: { bures: packageVersion(), node: process.version },
    platform: `${process.platform} ${process.arch}`,
    processor: cores[0]?.model.trim() || process.arch,
    cores: cores.length,
    memory: totalmem(),
    blas: blasStatus(),
    ...(backend === undefined ? {} : { backend }),
  };
}

/**
 * What has changed between two environments, in words, one line a difference. Memory is left out: it does not change a result.
 *
 * @param before - as the file has it: what is missing or malformed in it counts as not recorded.
 */
export function environmentDifferences(before: unknown, now: Environment): readonly string[] {
  const [old, current] = [comparable(isJsonObject(before) ? (before as Partial<Environment>) : {}), comparable(now)];
  return Object.keys(current)
    .filter((name) => old[name] !== current[name])
    .map((name) => `${name} was ${old[name] ?? 'not recorded'}, is ${current[name]}`);
}

function comparable({
  versions,
  platform,
  processor,
  cores,
  blas,
  backend,
}: Partial<Environment>): Readonly<Record<string, string | undefined>> {
  return {
    bures: versions?.bures,
    Node: versions?.node,
    platform,
    processor,
    cores: cores === undefined ? undefined : String(cores),
    BLAS: blasName(blas),
    'BLAS threads': blas?.threads === undefined ? 'not known' : String(blas.threads),
    backend: backend?.name ?? 'none',
    device: backend?.device ?? 'none',
    'matrix products': backend?.matmul ?? 'none',
  };
}

/** The library and its kernels, without the reason why there is none: that may name a path. */
export function blasName(blas: BlasStatus | undefined): string {
  if (blas?.available !== true) return 'none';
  return blas.core === undefined ? `${blas.library}` : `${blas.library} (${blas.core})`;
}
