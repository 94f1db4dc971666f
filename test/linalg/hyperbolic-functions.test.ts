/**
 * Hyperbolic functions of arrays against those of the language, relative to their values, from tiny to huge entries.
 */
import { describe, expect, it } from 'vitest';
import { asinh, cosh, expm1, log1p, sinh, tanh } from '../../src/linalg/hyperbolic-functions.js';
import { allEngines } from '../support/engines.js';

const sizes = [0, 1e-30, 1e-20, 1e-12, 1e-8, 1e-5, 0.01, 0.3, 0.99, 1, 1.01, 2, 5, 15, 40];
const both = [...sizes, ...sizes.map((x) => -x)];

describe.each(allEngines)('on %s', (_engine, la) => {
  it.each([
    ['log1p', log1p, Math.log1p, both.filter((x) => x > -0.995)],
    ['expm1', expm1, Math.expm1, both],
    ['sinh', sinh, Math.sinh, both],
    ['cosh', cosh, Math.cosh, both],
    ['tanh', tanh, Math.tanh, both],
    ['asinh', asinh, Math.asinh, [...both, 1e10, -1e18, 1e36]],
  ] as const)('%s', async (_name, compute, known, entries) => {
    // What the engine is given: in float32 the entries are rounded.
    const given = await la.toArray(la.fromArray(entries, [entries.length]));
    const received = await la.toArray(compute(la, la.fromArray(entries, [entries.length])));
    for (const [i, x] of given.entries()) {
      const wanted = known(x);
      expect(Math.abs(received[i] - wanted), `of ${x}: ${received[i]}, not ${wanted}`).toBeLessThanOrEqual(
        16 * la.epsilon * Math.max(1, Math.min(Math.abs(x), 40)) * Math.abs(wanted),
      );
    }
  });
});
