/** Updates that take a while, one at a time. */

let running = 0;

/**
 * Returns a function that asks for an update. Updates run one after another, at most one a frame; what is asked for
 * meanwhile becomes one more. The page is `aria-busy` until the last has ended.
 */
export function latest(update: () => void | Promise<void>): () => void {
  let asked = false;
  let busy = false;
  const run = async (): Promise<void> => {
    busy = true;
    setBusy(1);
    try {
      while (asked) {
        asked = false;
        await update();
        await new Promise(requestAnimationFrame);
      }
    } finally {
      busy = false;
      setBusy(-1);
    }
  };
  return () => {
    asked = true;
    if (!busy) void run();
  };
}

function setBusy(change: 1 | -1): void {
  running += change;
  document.body.ariaBusy = String(running > 0);
}
