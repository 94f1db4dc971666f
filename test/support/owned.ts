/** Things that hold tensors, freed at the end of the test that made them, whether it passes or not. */

/** What holds tensors: a model, an adapter, a trainer. */
interface Disposable {
  dispose(): void;
}

const made: Disposable[] = [];

/** Called by the suite after each test, the last made first: an adapter lies on a model that was made before it. */
export function disposeOwned(): void {
  for (const each of made.splice(0).reverse()) each.dispose();
}

/** Disposes of something at the end of the test; to be called in a test, or in a `beforeEach`. */
export function owned<Thing extends Disposable>(thing: Thing): Thing {
  made.push(thing);
  return thing;
}
