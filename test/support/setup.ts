/**
 * Loaded by vitest before every test file: the suite's own matcher, one seed for all property tests, and the count of
 * tensors.
 */
import fc from 'fast-check';
import { afterEach, expect } from 'vitest';
import { compareAll, type Numbers } from './all-close.js';
import { countTensors } from './count-tensors.js';
import { disposeOwned } from './owned.js';

// The same cases in every run, so that a red run is always about the change at hand; FAST_CHECK_SEED=n looks further.
fc.configureGlobal({ seed: Number(process.env.FAST_CHECK_SEED ?? 20_260_531) });

countTensors();
// Hooks run the last registered first: what a test owns goes before the tensors are counted.
afterEach(disposeOwned);

expect.extend({
  toBeAllClose(received: Numbers, expected: Numbers, tolerance: number) {
    const { pass, report } = compareAll(received, expected, tolerance);
    return { pass, message: () => `expected the arrays ${this.isNot ? 'not ' : ''}to be close: ${report}` };
  },
});

declare module 'vitest' {
  // The parameter must be declared as vitest declares it.
  interface Matchers<T> {
    /** All entries differ by at most `tolerance`; failing, it says by how much and where. */
    toBeAllClose(expected: Numbers, tolerance: number): T;
  }
}
