/** Numbers that an engine reads back: plain on the host, by type and at run time, and possibly promised on a device. */
import type { Awaitable } from '../core/awaitable.js';
import type { HostArray } from './host/host-array.js';

/**
 * Type of a number that leaves the engine whose arrays are `M`: `number` on the host, `Awaitable<number>` elsewhere.
 * `await` serves both.
 */
export type NumberOf<M> = M extends HostArray ? number : Awaitable<number>;

/**
 * Returns a number that is computed from what an engine reads back, at once if all of that is there: what is computed
 * on the host is never a promise.
 *
 * @typeParam M - the engine's array.
 * @param values - numbers or entries that were asked for, in any state.
 */
export function whenRead<M, Value = number>(
  values: readonly Awaitable<Value>[],
  compute: (...read: Value[]) => Awaitable<number>,
): NumberOf<M> {
  const isPromised = values.some((value) => value instanceof Promise);
  return (isPromised ? Promise.all(values).then((read) => compute(...read)) : compute(...(values as readonly Value[]))) as NumberOf<M>;
}
