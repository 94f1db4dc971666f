import { checkAlgebra, type LinearAlgebra } from '../linear-algebra.js';
import { hostAlgebra } from './host-algebra.js';

/**
 * Returns the engine that a factory computes with: the given one, or the float64 host engine.
 *
 * `M` is the host's array type whenever `algebra` is left out: the factories infer `M` from `algebra` and default it to
 * `HostArray`, which makes the one cast below sound. Their return types say `NoInfer<M>`; otherwise a factory called
 * inside `product({ … })` would take `M` from what the product accepts, which is anything.
 *
 * @param caller - the factory, for messages.
 * @throws ConfigError if the given value is not an engine.
 */
export function algebraOrHost<M>(caller: string, algebra: LinearAlgebra<M> | undefined): LinearAlgebra<M> {
  if (algebra !== undefined) checkAlgebra(caller, algebra);
  return algebra ?? (hostAlgebra() as unknown as LinearAlgebra<M>);
}
