/** The host engines that this machine has. */
import { type HostAlgebra, hostAlgebra } from '../../src/linalg/host/host-algebra.js';

const typescript = hostAlgebra({ blas: 'off' });
const native = hostAlgebra({ blas: 'auto' });

/** Name and engine of each; the pure TypeScript one always, the one over BLAS where a library is found. For `describe.each`. */
export const hostEngines: readonly (readonly [string, HostAlgebra])[] = (native === typescript ? [typescript] : [typescript, native]).map(
  (engine) => [engine.name, engine] as const,
);
