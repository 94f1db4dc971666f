import { type HostArray, hostAlgebra } from './host/host-algebra.js';
import type { LinearAlgebra } from './linear-algebra.js';

/** An engine for r×r blocks, with transfers there and back. */
export interface SmallBlocks<M, Block> {
  readonly la: LinearAlgebra<Block>;
  /** ε of the blocks' arithmetic; `la.epsilon` is that of the data they come from. */
  readonly roundoff: number;
  take(x: M): Block;
  give(x: Block): M;
}

/**
 * Runs r×r work in float64 on the host if a float32 engine's memory is the process's own (wasm, cpu): one copy there
 * and one back for the whole batch, and a call takes microseconds instead of the engine's tens. Otherwise the work
 * stays on the engine. ε stays the engine's own: the blocks are as accurate as the data they come from.
 *
 * @param use - the work; receives the blocks' engine.
 */
export function withSmallBlocks<M, Result>(la: LinearAlgebra<M>, use: <Block>(blocks: SmallBlocks<M, Block>) => Result): Result {
  const host = hostAlgebra();
  if (la.epsilon <= host.epsilon || !la.readsSynchronously) return use<M>({ la, roundoff: la.epsilon, take: (x) => x, give: (x) => x });
  return use<HostArray>({
    la: { ...host, epsilon: la.epsilon, dtype: la.dtype },
    roundoff: host.epsilon,
    take: (x) => host.fromArray(la.peek(x) ?? [], la.shape(x)),
    give: (x) => la.fromArray(host.peek(x), x.shape),
  });
}
