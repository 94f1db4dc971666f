/** What an engine's operations say of options that they do not have, which JavaScript would let pass. */
import { ConfigError, csrFromTriplets, type LinearAlgebra } from 'bures';
import { describe, expect, it } from 'vitest';
import { allEngines } from '../support/engines.js';

const wrong = (options: unknown): never => options as never;

describe.each(allEngines)('on %s', (_name, engine) => {
  const la = engine as LinearAlgebra<unknown>;
  const a = la.fromArray([2, 1, 0, 3], [2, 2]);
  const sparse = csrFromTriplets(la, { rows: 2, columns: 2, rowIndices: [0], columnIndices: [1], values: [1] });

  it.each<[string, () => unknown, RegExp]>([
    [
      'slice, a step',
      () => la.slice(a, { rows: wrong([0, 2, 2]) }),
      /^slice: rows must be \[first, end\), two numbers, got an array of 3; slices have no step/,
    ],
    [
      'slice, ranges in a list',
      () =>
        la.slice(
          a,
          wrong([
            [0, 1],
            [0, 2],
          ]),
        ),
      /^slice: expected options \{ rows: \[first, end\), columns: .*, got an array of 2/,
    ],
    ['slice, cols', () => la.slice(a, wrong({ cols: [0, 1] })), /^slice: unknown option 'cols'/],
    ['solveTriangular, upper', () => la.solveTriangular(a, a, wrong({ upper: true })), /unknown option 'upper', .*; write lower: false/],
    ['solveTriangular, trans', () => la.solveTriangular(a, a, wrong({ trans: 1 })), /; name it transpose/],
    ['solveTriangular, lower of text', () => la.solveTriangular(a, a, wrong({ lower: 'no' })), /lower must be true or false, got "no"/],
    ['matmul, transB', () => la.matmul(a, a, wrong({ transB: true })), /^matmul: unknown option 'transB', .*; name it transposeB/],
    ['matmul, transpose_a', () => la.matmul(a, a, wrong({ transpose_a: true })), /unknown option 'transpose_a'/],
    ['matmul, a flag of 1', () => la.matmul(a, a, wrong({ transposeA: 1 })), /transposeA must be true or false, got 1/],
    ['matmul, no object', () => la.matmul(a, a, wrong(true)), /^matmul: expected options \{ transposeA: boolean, .*, got true/],
    ['svd, fullMatrices', () => la.svd(a, wrong({ fullMatrices: true })), /^svd: unknown option 'fullMatrices', .*always thin/],
    ['svd, full_matrices', () => la.svd(a, wrong({ full_matrices: false })), /always thin/],
    ['sparseMatmul, transposed', () => la.sparseMatmul(sparse, a, wrong({ transposed: true })), /^sparseMatmul: unknown option/],
  ])('%s', (_what, call, message) => {
    expect(call).toThrow(ConfigError);
    expect(call).toThrow(message);
  });

  it('options that are undefined pass', () => {
    expect(() => la.matmul(a, a, wrong({ transposeA: undefined }))).not.toThrow();
    expect(() => la.slice(a, {})).not.toThrow();
  });
});
