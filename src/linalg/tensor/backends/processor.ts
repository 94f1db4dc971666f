import { cpus, totalmem } from 'node:os';

/**
 * Describes the processor as a device that computes: its name, and the bytes of the machine's memory.
 *
 * @returns a new object.
 */
export function processor(): { readonly device: string; readonly memory: number } {
  const cores = cpus();
  // Some ARM systems name no model.
  const model = cores[0]?.model.trim() || process.arch;
  return { device: `${model} (${cores.length} cores)`, memory: totalmem() };
}
