import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FactorPair } from '../metrics/factor-pair.js';
import type { BalancedProjection } from './balanced-pair.js';
import { spreadEach } from './gauge-estimate.js';

/**
 * Returns the given projection of each trusted member, and `exact` of the others.
 *
 * If the engine can be read, only the others are computed again: they are gathered by a product with rows of the
 * identity, which is exact, and scattered by its transpose. Otherwise `exact` runs on the whole batch, and a mask
 * chooses.
 *
 * @param trusted - 0 or 1, a batch scalar.
 * @param exact - projects a pair with one batch axis, or with the pair's own axes.
 */
export function replaceMembers<M>(
  la: LinearAlgebra<M>,
  pair: FactorPair<M>,
  projected: BalancedProjection<M>,
  trusted: M,
  exact: (pair: FactorPair<M>) => BalancedProjection<M>,
): BalancedProjection<M> {
  const flags = la.peek(trusted);
  if (flags?.every((flag) => flag === 1)) return projected;
  const batch = la.shape(trusted);
  const others = flags === undefined ? [] : [...flags.keys()].filter((member) => flags[member] !== 1);
  if (flags === undefined || others.length === flags.length) return chooseEach(la, trusted, projected, exact(pair));

  const selection = la.fromArray(
    others.flatMap((member) => Array.from(flags, (_, index) => Number(index === member))),
    [others.length, flags.length],
  );
  const gather = (x: M): M => selected(la, selection, false, x, flags.length, la.shape(x).slice(batch.length), [others.length]);
  const scatter = (x: M): M => selected(la, selection, true, x, others.length, la.shape(x).slice(1), batch);
  const { A, B, T, inverseT, balanced } = exact({ A: gather(pair.A), B: gather(pair.B) });
  const scattered = { A: scatter(A), B: scatter(B), T: scatter(T), inverseT: scatter(inverseT), balanced: scatter(balanced) };
  return chooseEach(la, trusted, projected, scattered);
}

/** Multiplies the 0/1 selection, or its transpose, by the members of x in rows. */
function selected<M>(
  la: LinearAlgebra<M>,
  selection: M,
  transposeA: boolean,
  x: M,
  members: number,
  tail: readonly number[],
  batch: readonly number[],
): M {
  const size = tail.reduce((product, length) => product * length, 1);
  return la.reshape(la.matmul(selection, la.reshape(x, [members, size]), { transposeA }), [...batch, ...tail]);
}

function chooseEach<M>(la: LinearAlgebra<M>, mask: M, x: BalancedProjection<M>, y: BalancedProjection<M>): BalancedProjection<M> {
  const choose = (first: M, second: M): M => la.where(spreadEach(la, mask, first), first, second);
  return {
    A: choose(x.A, y.A),
    B: choose(x.B, y.B),
    T: choose(x.T, y.T),
    inverseT: choose(x.inverseT, y.inverseT),
    balanced: choose(x.balanced, y.balanced),
  };
}
