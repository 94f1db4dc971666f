/** Functions of symmetric matrices on a tape. */
import type { DifferentiableAlgebra } from './differentiable-algebra.js';
import { symmetricPart } from './matrix-parts.js';
import type { Tape, Traced } from './tape.js';

type SymmetricFunctions<V> = Pick<
  DifferentiableAlgebra<Traced<V>>,
  'solveSylvester' | 'solveLyapunov' | 'sqrtSpd' | 'inverseSqrtSpd' | 'geometricMean'
>;

/**
 * The functions of symmetric matrices, recorded. From R² = S follows Ṙ R + R Ṙ = Ṡ, so that the adjoint of the root is a Lyapunov equation again, which is its own adjoint.
 *
 * @see Giles 2008, section 2; Higham, Functions of Matrices, 2008, section 6.1.
 */
export function symmetricFunctionsOnTape<V>(tape: Tape<V>): SymmetricFunctions<V> {
  const { base } = tape;
  const of = (x: unknown): V => tape.valueOf(x);
  const sqrtSpd = (s: Traced<V>): Traced<V> => {
    const root = base.sqrtSpd(of(s));
    return tape.record(root, [[s, (g) => base.solveLyapunov(root, symmetricPart(base, g))]]);
  };
  const inverseSqrtSpd = (s: Traced<V>): Traced<V> => {
    const inverse = base.inverseSqrtSpd(of(s));
    // d(R⁻¹) = −R⁻¹ dR R⁻¹.
    const adjoint = (g: V): V => {
      const byRoot = base.scale(-1, base.matmul(inverse, base.matmul(symmetricPart(base, g), inverse)));
      return base.solveLyapunov(base.sqrtSpd(of(s)), byRoot);
    };
    return tape.record(inverse, [[s, adjoint]]);
  };
  const times = (a: Traced<V>, b: Traced<V>): Traced<V> =>
    tape.record(base.matmul(of(a), of(b)), [
      [a, (g) => base.matmul(g, of(b), { transposeB: true })],
      [b, (g) => base.matmul(of(a), g, { transposeA: true })],
    ]);
  return {
    sqrtSpd,
    inverseSqrtSpd,
    solveSylvester(p, q, c) {
      const k = base.solveSylvester(of(p), of(q), of(c));
      const byRight = (g: V): V => base.solveSylvester(of(p), of(q), g);
      return tape.record(k, [
        [p, (g) => base.scale(-1, symmetricPart(base, base.matmul(byRight(g), k, { transposeB: true })))],
        [q, (g) => base.scale(-1, symmetricPart(base, base.matmul(k, byRight(g), { transposeA: true })))],
        [c, byRight],
      ]);
    },
    solveLyapunov(p, c) {
      const k = base.solveLyapunov(of(p), of(c));
      const byRight = (g: V): V => base.solveLyapunov(of(p), g);
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
      const [root, inverseRoot] = [sqrtSpd(p), inverseSqrtSpd(p)];
      const middle = sqrtSpd(times(times(inverseRoot, q), inverseRoot));
      return times(times(root, middle), root);
    },
  };
}
