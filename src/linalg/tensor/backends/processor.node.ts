import { cpus, totalmem } from 'node:os';

/**
 * Describes the processor as a device that computes: its name, and the bytes of the machine's memory, or of the
 * container's.
 *
 * @returns a new object.
 */
export function processor(): { readonly device: string; readonly memory: number | undefined } {
  const cores = cpus();
  // Some ARM systems name no model.
  const model = cores[0]?.model.trim() || process.arch;
  return { device: `${model} (${cores.length} cores)`, memory: totalMemory() };
}

/** Returns the bytes that the machine has, or the container, whose limit is 0 or huge where there is none. */
function totalMemory(): number {
  const { constrainedMemory } = process as { constrainedMemory?: () => number };
  const limit = constrainedMemory?.call(process) ?? 0;
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
