/** Lets other work run during a long computation. */

/** Time for which a loop may hold the event loop, in milliseconds: one frame at 60 Hz. */
const sliceMilliseconds = 16;

/** A computation that can be stopped between its parts, each of which takes some milliseconds. */
export type InParts<Result> = Generator<void, Result, undefined>;

/** Runs a computation to its end without a pause. */
export function atOnce<Result>(parts: InParts<Result>): Result {
  for (;;) {
    const { done, value } = parts.next();
    if (done) return value;
  }
}

/**
 * Runs a computation that can be interrupted.
 *
 * @param interrupted - called between two parts; it yields to the event loop when due, and returns true to stop.
 * @returns `undefined` if it was interrupted: the arrays that the computation was writing are then half written.
 */
export async function unlessInterrupted<Result>(parts: InParts<Result>, interrupted: () => Promise<boolean>): Promise<Result | undefined> {
  for (;;) {
    const { done, value } = parts.next();
    if (done) return value;
    if (await interrupted()) return undefined;
  }
}

/**
 * Returns a function to await in a loop. It yields to the event loop once a slice of time has passed since it last did,
 * so that timers, signals and input are served, at no cost to short iterations.
 */
export function eventLoopYielder(): () => Promise<void> {
  let sliceStart = performance.now();
  return async () => {
    if (performance.now() - sliceStart < sliceMilliseconds) return;
    await new Promise<void>((resolve) => {
      // setImmediate does not wait for a timer; browsers do not have it.
      if (typeof setImmediate === 'function') setImmediate(resolve);
      else setTimeout(resolve, 0);
    });
    sliceStart = performance.now();
  };
}
