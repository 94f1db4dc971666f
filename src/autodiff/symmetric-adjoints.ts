import type { MatrixFunctions } from '../linalg/linear-algebra-types.js';
import { inverseSqrtSpd, solveLyapunov, solveSylvester, sqrtSpd } from '../linalg/matrix-functions.js';
import { symmetricPart } from './matrix-parts.js';
import type { Tape, Traced } from './tape.js';

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
