/** Things that hold tensors, freed at the end of the test that made them, whether it passes or not. */
import { afterEach } from 'vitest';

/** What holds tensors: a model, an adapter, a trainer. */
interface Disposable {
  dispose(): void;
}

const made: Disposable[] = [];

// The last made first: an adapter lies on a model that was made before it.
afterEach(() => {
  for (const each of made.splice(0).reverse()) each.dispose();
});

/** Disposes of something at the end of the test; to be called in a test, or in a `beforeEach`. */
export function owned<Thing extends Disposable>(thing: Thing): Thing {
  made.push(thing);
  return thing;
}
