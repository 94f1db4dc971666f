/** Moving an algorithm's memory with its point. */
import type { RetractTransport } from '../manifolds/manifold.js';
import type { Memory } from './solver.js';

/** Carries every remembered tangent as a vector. */
export function carryTangents<P, T>(memory: Memory<T>, transport: RetractTransport<P, T>): Memory<T> {
  const carried = Object.entries(memory.tangents).map(([key, tangent]) => [key, transport.vector(tangent)] as const);
  return { ...memory, tangents: Object.fromEntries(carried) };
}
