/** Triangles, symmetric parts and divided differences, for the adjoints of factorizations. */
import type { DifferentiableAlgebra } from './differentiable-algebra.js';

/** ½(X + Xᵀ). */
export function symmetricPart<V>(base: DifferentiableAlgebra<V>, x: V): V {
  return base.scale(0.5, base.add(x, base.transpose(x)));
}

/** A triangle of square matrices, zero elsewhere. */
export function triangleOf<V>(base: DifferentiableAlgebra<V>, x: V, part: 'lower' | 'strictly lower' | 'upper'): V {
  const shape = base.shape(x);
  const n = shape.at(-1) as number;
  const count = shape.reduce((product, size) => product * size, 1);
  const mask = Float64Array.from({ length: count }, (_, place) => {
    const [i, j] = [Math.floor(place / n) % n, place % n];
    return (part === 'upper' ? i <= j : part === 'lower' ? i >= j : i > j) ? 1 : 0;
  });
  return base.where(base.fromArray(mask, shape), x, base.full(shape, 0));
}

/** The matrix 1/(s_j − s_i), 0 on the diagonal: infinite where values repeat, as the derivative is. */
export function differencesInverse<V>(base: DifferentiableAlgebra<V>, s: V): V {
  const shape = base.shape(s);
  const differences = base.outerSum(base.scale(-1, s), s);
  const eye = base.eye(shape.at(-1) as number, shape.slice(0, -1));
  // The diagonal is made one before dividing, so that no zero is divided by there.
  return base.subtract(base.divide(base.full(base.shape(eye), 1), base.add(differences, eye)), eye);
}
