/** A matrix that has been multiplied already by what it is most likely to be asked for. */
import type { Ambient, OperatorMatrix } from '../linalg/ambient.js';
import { applyAmbient, applyAmbientTranspose } from '../linalg/ambient.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { RowFactors, SampledProducts } from '../linalg/sparse-passes.js';

/**
 * An m×n matrix G of which G·by.right and Gᵀ·by.left are known.
 *
 * @param known - those products.
 * @param matrix - G itself, asked for when it meets another operand.
 */
export function rememberedOperator<M>(
  la: LinearAlgebra<M>,
  shape: readonly [number, number],
  by: RowFactors<M>,
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

/** Whether two arrays are known to be equal: a comparison costs their entries, the product it saves costs those of the data. */
function sameValues<M>(la: LinearAlgebra<M>, x: M, y: M): boolean {
  if (x === y) return true;
  const [first, second] = [la.peek(x), la.peek(y)];
  if (first === undefined || second === undefined || first.length !== second.length) return false;
  for (let i = 0; i < first.length; i++) if (first[i] !== second[i]) return false;
  return true;
}
