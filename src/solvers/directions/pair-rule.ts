/** Helpers of direction rules that compute with the factors of a product. */
import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import type { FactorPair } from '../../metrics/factor-pair.js';

/** @throws ConfigError unless a point has the factors A and B. */
export function checkPairs(rule: string, x: unknown): void {
  const { A, B } = (x ?? {}) as { readonly A?: unknown; readonly B?: unknown };
  if (A !== undefined && B !== undefined) return;
  throw new ConfigError(
    `${rule}: expected points { A, B }, got ${describeValue(x)}; use it on factor pairs, and in a product by componentwise({ name: ${rule}() }, …)`,
  );
}

/**
 * Returns the pairs, by name, of a point, tangent or memory that is a pair or a record of pairs.
 *
 * @throws ConfigError if it is neither.
 */
export function pairsOf<M>(rule: string, la: Pick<LinearAlgebra<M>, 'isArray'>, x: unknown): readonly (readonly [string, FactorPair<M>])[] {
  const entries = Object.entries((x ?? {}) as Readonly<Record<string, unknown>>);
  if (entries.some(([, value]) => la.isArray(value)) || entries.length === 0) {
    checkPairs(rule, x);
    return [['', x as FactorPair<M>]];
  }
  return entries.map(([key, pair]) => {
    checkPairs(rule, pair);
    return [key, pair as FactorPair<M>] as const;
  });
}

/** Inverts {@link pairsOf}: returns a pair, or a record of pairs, whichever the point was. */
export function putBack<M>(x: unknown, pairs: readonly (readonly [string, FactorPair<M>])[]): unknown {
  const [[key, pair]] = pairs;
  return pairs.length === 1 && key === '' && !Object.hasOwn(x as object, '') ? pair : Object.fromEntries(pairs);
}
