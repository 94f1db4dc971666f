/** Loaded by vitest before every test file: the suite's own matcher. */
import { expect } from 'vitest';
import { compareAll, type Numbers } from './all-close.js';

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
