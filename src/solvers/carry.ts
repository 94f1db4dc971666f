import type { RetractTransport } from '../manifolds/manifold.js';
import type { Memory } from './solver.js';

/** Carries every tangent in a memory to the new point, as a vector. */
export function carryTangents<P, T>(memory: Memory<T>, transport: RetractTransport<P, T>): Memory<T> {
  const carried = Object.entries(memory.tangents).map(([key, tangent]) => [key, transport.vector(tangent)] as const);
  return { ...memory, tangents: Object.fromEntries(carried) };
}
