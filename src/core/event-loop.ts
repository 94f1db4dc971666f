/** Letting other work run during a long computation. */

/** How long a loop may hold the event loop, in milliseconds: a frame at 60 Hz. */
const sliceMilliseconds = 16;

/** A computation that can be left between its parts, of some milliseconds each. */
export type InParts<Result> = Generator<void, Result, undefined>;

/** Runs a computation without a pause. */
export function atOnce<Result>(parts: InParts<Result>): Result {
  for (;;) {
    const { done, value } = parts.next();
    if (done) return value;
  }
}

/**
 * Runs a computation during which events are heard.
 *
 * @param interrupted - asked between two parts: hands control to the event loop where due, and says whether to end.
 * @returns `undefined` where it said so: the arrays that the computation was writing are then half written.
 */
export async function unlessInterrupted<Result>(parts: InParts<Result>, interrupted: () => Promise<boolean>): Promise<Result | undefined> {
  for (;;) {
    const { done, value } = parts.next();
    if (done) return value;
    if (await interrupted()) return undefined;
  }
}

/**
 * A function to await in a loop: it hands control to the event loop if a slice of time has passed since it last did, so that timers, signals
 * and input are served at no cost to short iterations.
 */
export function eventLoopYielder(): () => Promise<void> {
  let sliceStart = performance.now();
  return async () => {
    if (performance.now() - sliceStart < sliceMilliseconds) return;
    await new Promise<void>((resolve) => {
      // setImmediate waits for no timer; browsers lack it.
      if (typeof setImmediate === 'function') setImmediate(resolve);
      else setTimeout(resolve, 0);
    });
    sliceStart = performance.now();
  };
}
