import type { Ambient, OperatorMatrix } from '../linalg/ambient.js';
import { applyAmbient, applyAmbientTranspose } from '../linalg/ambient.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FactoredMatrix } from '../linalg/linear-algebra-types.js';
import type { SampledProducts } from '../linalg/sparse-passes.js';

/**
 * Returns the operator of an m×n matrix G whose likeliest products, G·by.right and Gᵀ·by.left, are already known.
 *
 * @param known - those products.
 * @param matrix - returns G itself, called for any other operand.
 */
export function rememberedOperator<M>(
  la: LinearAlgebra<M>,
  shape: readonly [number, number],
  by: FactoredMatrix<M>,
  known: Pick<SampledProducts<M>, 'product' | 'transposeProduct'>,
  matrix: () => Ambient<M>,
): OperatorMatrix<M> {
  return {
    kind: 'operator',
    shape,
    apply: (x) => (sameValues(la, x, by.right) ? known.product : applyAmbient(la, matrix(), x)),
    applyTranspose: (x) => (sameValues(la, x, by.left) ? known.transposeProduct : applyAmbientTranspose(la, matrix(), x)),
  };
}

/**
 * Returns true if two arrays are known to be equal. The comparison reads their entries; the product that it saves reads
 * those of the data.
 */
function sameValues<M>(la: LinearAlgebra<M>, x: M, y: M): boolean {
  if (x === y) return true;
  const [first, second] = [la.peek(x), la.peek(y)];
  if (first === undefined || second === undefined || first.length !== second.length) return false;
  for (let i = 0; i < first.length; i++) if (first[i] !== second[i]) return false;
  return true;
}
