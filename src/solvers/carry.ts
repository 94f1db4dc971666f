import type { RetractTransport } from '../manifolds/manifold.js';
import type { Memory } from './solver.js';

/**
 * Carries every tangent in a memory to the new point, as a vector.
 *
 * @example
 * ```ts
 * import { carryTangents, seededRandom, sphere } from 'bures';
 *
 * const manifold = sphere({ shape: [3] });
 * const x = manifold.randomPoint(seededRandom(1));
 * const u = await manifold.randomTangent(x, seededRandom(2));
 * const transport = manifold.retractTransport(x, u);
 * const memory = carryTangents({ tangents: { previous: u }, numbers: {} }, transport);
 * console.log(await manifold.norm(transport.point, memory.tangents.previous)); // 1
 * ```
 */
export function carryTangents<P, T>(memory: Memory<T>, transport: RetractTransport<P, T>): Memory<T> {
  const carried = Object.entries(memory.tangents).map(([key, tangent]) => [key, transport.vector(tangent)] as const);
  return { ...memory, tangents: Object.fromEntries(carried) };
}
