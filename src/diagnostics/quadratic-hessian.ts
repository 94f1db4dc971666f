import { ShapeError } from '../core/errors.js';
import { type Ambient, ambientShape, applyAmbient, applyAmbientTranspose } from '../linalg/ambient.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { checkFactorPair, type FactorPair } from '../metrics/factor-pair.js';

/**
 * Returns the Hessian of $\tfrac12\|AB-Z\|_F^2$ with respect to (A, B), at any pair, as a map for
 * {@link hessianSpectrum}; with R = AB − Z,
 *
 * $$ (dA,\,dB) \mapsto \bigl((dA\,B+A\,dB)B^\top+R\,dB^\top,\; A^\top(dA\,B+A\,dB)+dA^\top R\bigr). $$
 *
 * Z enters through the products Z·V and Zᵀ·U only, and nothing of its size is formed.
 *
 * @param la - the engine.
 * @param at - A [.., m, r], B [.., r, n].
 * @param target - Z [.., m, n], in any form.
 * @returns a symmetric linear map of pairs; each call makes new arrays, and costs two products with Z and about 8(m +
 * n)r² flops.
 * @throws ShapeError if the shapes do not fit.
 */
export function quadraticHessianVector<M>(
  la: LinearAlgebra<M>,
  at: FactorPair<M>,
  target: Ambient<M>,
): (u: FactorPair<M>) => FactorPair<M> {
  const { m, n, batch } = checkFactorPair('quadraticHessianVector', la, at);
  const expected = [...batch, m, n];
  const actual = ambientShape(la, target);
  if (actual.length !== expected.length || actual.some((size, axis) => size !== expected[axis])) {
    throw new ShapeError(
      `quadraticHessianVector: expected a target of the shape of AB, [${expected}], got [${actual}]; transpose or pad it`,
    );
  }
  const { A, B } = at;
  const columnGram = la.matmul(A, A, { transposeA: true });
  const rowGram = la.matmul(B, B, { transposeB: true });
  return ({ A: dA, B: dB }) =>
    la.tidy(() => {
      const dBBt = la.matmul(dB, B, { transposeB: true });
      const AtdA = la.matmul(A, dA, { transposeA: true });
      // A dB Bᵀ + AB dBᵀ = A (dB Bᵀ + (dB Bᵀ)ᵀ), and Aᵀ dA B + dAᵀ A B likewise.
      const rowPart = la.matmul(A, la.add(dBBt, la.transpose(dBBt)));
      const columnPart = la.matmul(la.add(AtdA, la.transpose(AtdA)), B);
      const targetRows = applyAmbient(la, target, la.transpose(dB));
      const targetColumns = la.transpose(applyAmbientTranspose(la, target, dA));
      return {
        A: la.subtract(la.add(la.matmul(dA, rowGram), rowPart), targetRows),
        B: la.subtract(la.add(la.matmul(columnGram, dB), columnPart), targetColumns),
      };
    });
}
