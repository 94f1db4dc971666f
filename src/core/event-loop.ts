/** Letting other work run during a long computation. */

/** How long a loop may hold the event loop, in milliseconds: a frame at 60 Hz. */
const sliceMilliseconds = 16;

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
