import { BackendError } from '../core/errors.js';

/**
 * Requires a little-endian processor: the formats of this folder are little-endian, and typed arrays have the
 * processor's order.
 *
 * @throws BackendError otherwise.
 */
export function checkByteOrder(caller: string): void {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] === 1) return;
  throw new BackendError(`${caller}: expected a little-endian processor, got a big-endian one; use another machine`);
}
