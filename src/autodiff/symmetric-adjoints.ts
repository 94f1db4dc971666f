import '../linalg/host/whole-engine.js';
import type { MatrixFunctions } from '../linalg/linear-algebra-types.js';
import { inverseSqrtSpd, polar, solveLyapunov, solveSylvester, sqrtSpd } from '../linalg/matrix-functions.js';
import { symmetricPart } from './matrix-parts.js';
import type { Tape, Traced } from './tape.js';

/**
 * Records the polar decomposition X = Q P. With W = QᵀQ̄ and K from P K + K P = W − Wᵀ it is X̄ = Q K + (Q̄ − Q W) P⁻¹;
 * and P² = XᵀX gives X̄ = 2 X K with P K + K P = P̄, made symmetric. Unlike through the SVD, singular values may
 * repeat.
 */
function polarOnTape<V>(tape: Tape<V>): MatrixFunctions<Traced<V>>['polar'] {
  const { base } = tape;
  return (x) => {
    const value = tape.valueOf(x);
    const { Q, P } = polar(base, value);
    const [m, n] = base.shape(value).slice(-2);
    const byUnitary = (g: V): V => {
      const inner = base.matmul(Q, g, { transposeA: true });
      const within = base.matmul(Q, solveLyapunov(base, P, base.subtract(inner, base.transpose(inner))));
      if (m === n) return within;
      const lower = base.cholesky(P);
      const once = base.solveTriangular(lower, base.subtract(g, base.matmul(Q, inner)), { side: 'right', transpose: true });
      return base.add(within, base.solveTriangular(lower, once, { side: 'right' }));
    };
    const bySymmetric = (g: V): V => base.scale(2, base.matmul(value, solveLyapunov(base, P, symmetricPart(base, g))));
    return { Q: tape.record(Q, [[x, byUnitary]]), P: tape.record(P, [[x, bySymmetric]]) };
  };
}

/**
 * Records the functions of symmetric matrices on a tape. R² = S gives Ṙ R + R Ṙ = Ṡ: a Lyapunov equation, which is its
 * own adjoint, so that the adjoint of the root solves one as well.
 *
 * @see Giles 2008, section 2; Higham, Functions of Matrices, 2008, section 6.1.
 */
export function symmetricFunctionsOnTape<V>(tape: Tape<V>): MatrixFunctions<Traced<V>> {
  const { base } = tape;
  const of = (x: unknown): V => tape.valueOf(x);
  const root = (s: Traced<V>): Traced<V> => {
    const value = sqrtSpd(base, of(s));
    return tape.record(value, [[s, (g) => solveLyapunov(base, value, symmetricPart(base, g))]]);
  };
  const inverseRoot = (s: Traced<V>): Traced<V> => {
    const inverse = inverseSqrtSpd(base, of(s));
    // d(R⁻¹) = −R⁻¹ dR R⁻¹.
    const adjoint = (g: V): V => {
      const byRoot = base.scale(-1, base.matmul(inverse, base.matmul(symmetricPart(base, g), inverse)));
      return solveLyapunov(base, sqrtSpd(base, of(s)), byRoot);
    };
    return tape.record(inverse, [[s, adjoint]]);
  };
  const times = (a: Traced<V>, b: Traced<V>): Traced<V> =>
    tape.record(base.matmul(of(a), of(b)), [
      [a, (g) => base.matmul(g, of(b), { transposeB: true })],
      [b, (g) => base.matmul(of(a), g, { transposeA: true })],
    ]);
  return {
    polar: polarOnTape(tape),
    sqrtSpd: root,
    inverseSqrtSpd: inverseRoot,
    solveSylvester(p, q, c) {
      const k = solveSylvester(base, of(p), of(q), of(c));
      const byRight = (g: V): V => solveSylvester(base, of(p), of(q), g);
      return tape.record(k, [
        [p, (g) => base.scale(-1, symmetricPart(base, base.matmul(byRight(g), k, { transposeB: true })))],
        [q, (g) => base.scale(-1, symmetricPart(base, base.matmul(k, byRight(g), { transposeA: true })))],
        [c, byRight],
      ]);
    },
    solveLyapunov(p, c) {
      const k = solveLyapunov(base, of(p), of(c));
      const byRight = (g: V): V => solveLyapunov(base, of(p), g);
      const byMatrix = (g: V): V => {
        const bar = byRight(g);
        const both = base.add(base.matmul(bar, k, { transposeB: true }), base.matmul(k, bar, { transposeA: true }));
        return base.scale(-1, symmetricPart(base, both));
      };
      return tape.record(k, [
        [p, byMatrix],
        [c, byRight],
      ]);
    },
    geometricMean(p, q) {
      const [outer, inner] = [root(p), inverseRoot(p)];
      return times(times(outer, root(times(times(inner, q), inner))), outer);
    },
  };
}
