import { availableParallelism, cpus, hostname, totalmem } from 'node:os';

/** The machine that a program runs on, as its records describe it. */
export interface Machine {
  /** Name of the processor. */
  readonly processor: string;
  /** Number of cores. */
  readonly cores: number;
  /** Number of threads of this process that can run at once, by its limits. */
  readonly parallelism: number;
  /** Memory in bytes. */
  readonly memory: number;
  /** Name in the network. */
  readonly host: string;
}

/** Describes this machine. */
export function thisMachine(): Machine {
  const cores = cpus();
  return {
    // Some ARM systems name no model.
    processor: cores[0]?.model.trim() || process.arch,
    cores: cores.length,
    parallelism: availableParallelism(),
    memory: totalmem(),
    host: hostname(),
  };
}
