import '../linalg/host/whole-engine.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import type { DifferentiableAlgebra } from './differentiable-algebra.js';
import type { Tape, Traced } from './tape.js';

type Products<V> = Pick<DifferentiableAlgebra<Traced<V>>, 'matmul' | 'sparseMatmul' | 'sampledMatmul'>;

/** Records the products on a tape: each takes two products of the same size on the way back. */
export function productsOnTape<V>(tape: Tape<V>): Products<V> {
  const { base } = tape;
  const of = (x: unknown): V => tape.valueOf(x);
  const plain = (s: CsrMatrix<Traced<V>>): CsrMatrix<V> => ({ ...s, values: of(s.values) });
  return {
    matmul(a, b, options = {}) {
      const { transposeA = false, transposeB = false } = options;
      // C = op(A) op(B): the derivative by op(A) is G op(B)ᵀ, and by A its transpose if A was transposed.
      const byA = (g: V): V =>
        transposeA
          ? base.matmul(of(b), g, { transposeA: transposeB, transposeB: true })
          : base.matmul(g, of(b), { transposeB: !transposeB });
      const byB = (g: V): V =>
        transposeB
          ? base.matmul(g, of(a), { transposeA: true, transposeB: transposeA })
          : base.matmul(of(a), g, { transposeA: !transposeA });
      return tape.record(base.matmul(of(a), of(b), options), [
        [a, byA],
        [b, byB],
      ]);
    },
    sparseMatmul(s, x, options = {}) {
      const { transpose = false } = options;
      return tape.record(base.sparseMatmul(plain(s), of(x), options), [
        [x, (g) => base.sparseMatmul(plain(s), g, { transpose: !transpose })],
        // Y = S X: the derivative by S_ij is the product of row i of G and row j of X.
        [
          s.values,
          (g) =>
            transpose ? base.sampledMatmul(plain(s), of(x), base.transpose(g)) : base.sampledMatmul(plain(s), g, base.transpose(of(x))),
        ],
      ]);
    },
    sampledMatmul: (pattern, a, b) =>
      tape.record(base.sampledMatmul(plain(pattern), of(a), of(b)), [
        [a, (g) => base.sparseMatmul({ ...pattern, values: g }, base.transpose(of(b)))],
        [b, (g) => base.transpose(base.sparseMatmul({ ...pattern, values: g }, of(a), { transpose: true }))],
      ]),
  };
}
