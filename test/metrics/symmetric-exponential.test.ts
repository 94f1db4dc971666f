/**
 * Derivatives of exponential and logarithm of symmetric matrices, at eigenvalues that are apart, close and equal,
 * against power series of the matrices themselves.
 */
import { describe, expect, it } from 'vitest';
import { type HostArray, hostAlgebra, seededRandom } from '../../src/index.js';
import {
  exponentialDifferences,
  fromBasis,
  logarithmDifferences,
  secondDerivative,
  toBasis,
  withValues,
} from '../../src/metrics/symmetric-exponential.js';

const la = hostAlgebra();
const n = 5;
const spectra = {
  apart: [-3, -1, 0.5, 1.5, 2.5],
  close: [-1, -1 + 1e-9, -1 + 1e-5, 0.2, 0.2 + 1e-3],
  equal: [0.7, 0.7, 0.7, 0.7, 0.7],
  'at the border of the series': [0, 0.25, 0.5, 0.5 + 1e-12, 0.75],
};

const symmetric = (seed: number): HostArray => {
  const z = la.randomNormal([n, n], seededRandom(seed));
  return la.scale(0.5, la.add(z, la.transpose(z)));
};

/**
 * Sums of products of L, U and V as they come in the series of exp(L + sU + tV): the coefficients of 1, s, t and st.
 */
function series(l: HostArray, u: HostArray, v: HostArray): Record<'value' | 'alongU' | 'alongBoth', HostArray> {
  const zero = la.full([n, n], 0);
  const identity = la.diagMatrix(la.full([n], 1));
  let [p, pu, pv, puv] = [identity, zero, zero, zero];
  let [value, alongU, alongBoth] = [identity, zero, zero];
  let factor = 1;
  for (let k = 1; k < 60; k++) {
    puv = la.add(la.matmul(puv, l), la.add(la.matmul(pu, v), la.matmul(pv, u)));
    pu = la.add(la.matmul(pu, l), la.matmul(p, u));
    pv = la.add(la.matmul(pv, l), la.matmul(p, v));
    p = la.matmul(p, l);
    factor /= k;
    value = la.axpy(factor, p, value);
    alongU = la.axpy(factor, pu, alongU);
    alongBoth = la.axpy(factor, puv, alongBoth);
  }
  return { value, alongU, alongBoth };
}

describe.each(Object.entries(spectra))('eigenvalues %s', (_name, spectrum) => {
  const { Q: vectors } = la.qr(la.randomNormal([n, n], seededRandom(1)));
  const basis = { vectors, values: la.fromArray(spectrum, [n]) };
  const [u, v] = [symmetric(2), symmetric(3)];
  const expected = series(withValues(la, basis, basis.values), u, v);

  it('the derivative of exp, and of its inverse, log', () => {
    const along = fromBasis(la, basis, la.multiply(exponentialDifferences(la, basis.values), toBasis(la, basis, u)));
    expect(along).toBeAllClose(expected.alongU, 1e-12);
    const back = la.multiply(logarithmDifferences(la, la.exp(basis.values)), toBasis(la, basis, along));
    expect(fromBasis(la, basis, back)).toBeAllClose(u, 1e-12);
  });

  it('the second derivative of exp', () => {
    const bent = secondDerivative(la, basis.values, toBasis(la, basis, u), toBasis(la, basis, v));
    expect(fromBasis(la, basis, bent)).toBeAllClose(expected.alongBoth, 1e-11);
  });

  it('each member of a batch has its own', () => {
    const stack = (x: HostArray): HostArray => {
      const shape = [...x.shape];
      return la.reshape(la.concat([la.reshape(x, [1, n ** shape.length]), la.reshape(x, [1, n ** shape.length])], 'rows'), [2, ...shape]);
    };
    const single = secondDerivative(la, basis.values, u, v);
    expect(secondDerivative(la, stack(basis.values), stack(u), stack(v))).toBeAllClose(stack(single), 1e-14);
  });
});
