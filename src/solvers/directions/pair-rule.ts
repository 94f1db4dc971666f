/** Shared by direction rules that compute with the factors of a product. */
import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';

/** @throws ConfigError unless a point has the factors A and B. */
export function checkPairs(rule: string, x: unknown): void {
  const { A, B } = (x ?? {}) as { readonly A?: unknown; readonly B?: unknown };
  if (A !== undefined && B !== undefined) return;
  throw new ConfigError(
    `${rule}: expected points { A, B }, got ${describeValue(x)}; use it on factor pairs, and in a product by componentwise({ name: ${rule}() }, …)`,
  );
}
