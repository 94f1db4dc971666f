import { defaultEngine } from '#platform/linalg/host/default-engine';
import { type Option, option } from '../../core/options.js';
import { checkAlgebra, type LinearAlgebra } from '../linear-algebra.js';
import { hostAlgebra } from './host-algebra.js';

/** Declares the engine of a factory, for {@link algebraOrHost}. */
export const algebraOption: Option<LinearAlgebra<unknown>, 'optional'> = option({ optional: true }, (caller, _name, algebra) =>
  checkAlgebra(caller, algebra),
);

/**
 * Returns the engine that a factory computes with: the given one, or the float64 host engine.
 *
 * `M` is the host's array type whenever `algebra` is left out: the factories infer `M` from `algebra` and default it to
 * `HostArray`, which makes the one cast below sound. Their return types say `NoInfer<M>`; otherwise a factory called
 * inside `product({ … })` would take `M` from what the product accepts, which is anything.
 */
export function algebraOrHost<M>(algebra: LinearAlgebra<M> | undefined): LinearAlgebra<M> {
  return algebra ?? (hostAlgebra() as unknown as LinearAlgebra<M>);
}

/**
 * Does the same for a factory whose manifolds need neither factorizations nor sparse products: a page with no others is
 * bundled without them. It is the same engine where another part of the program brings them.
 */
export function algebraOrElementary<M>(algebra: LinearAlgebra<M> | undefined): LinearAlgebra<M> {
  return algebra ?? (defaultEngine() as unknown as LinearAlgebra<M>);
}
