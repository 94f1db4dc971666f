/** Triangles, symmetric parts and divided differences, for the adjoints of factorizations. */
import { eye, outerSum } from '../linalg/derived.js';
import type { DifferentiableAlgebra } from './differentiable-algebra.js';

/** Computes ½(X + Xᵀ). */
export function symmetricPart<V>(base: DifferentiableAlgebra<V>, x: V): V {
  return base.scale(0.5, base.add(x, base.transpose(x)));
}

/** Returns a triangle of square matrices, with zeros elsewhere. */
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

/** Computes the matrix 1/(s_j − s_i), 0 on the diagonal; it is infinite where values repeat, as the derivative is. */
export function differencesInverse<V>(base: DifferentiableAlgebra<V>, s: V): V {
  const shape = base.shape(s);
  const differences = outerSum(base, base.scale(-1, s), s);
  const identity = eye(base, shape.at(-1) as number, shape.slice(0, -1));
  // The diagonal is set to one before dividing, to avoid dividing by zero.
  return base.subtract(base.divide(base.full(base.shape(identity), 1), base.add(differences, identity)), identity);
}
