/** The signs of tiny numbers, which a kernel of TensorFlow.js takes for zero. */
import { describe, expect, it } from 'vitest';
import { allEngines } from '../support/engines.js';

describe.each(allEngines)('on %s', (_engine, la) => {
  it('every number but zero has a sign, and NaN stays', async () => {
    const x = la.fromArray([1e-30, -1e-30, 5e-8, -5e-8, 3, -3, 0, Number.NaN], [2, 4]);
    expect([...(await la.toArray(la.sign(x)))]).toEqual([1, -1, 1, -1, 1, -1, 0, Number.NaN]);
  });
});
