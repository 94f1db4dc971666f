/** The processor, as a device that computes. */
import { cpus, totalmem } from 'node:os';

/**
 * The name of the machine's processor and the bytes of its memory.
 *
 * @returns a new object.
 */
export function processor(): { readonly device: string; readonly memory: number } {
  const cores = cpus();
  // Some ARM systems name no model.
  const model = cores[0]?.model.trim() || process.arch;
  return { device: `${model} (${cores.length} cores)`, memory: totalmem() };
}
