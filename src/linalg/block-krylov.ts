/** The leading singular triples of a matrix that is given by its products, iterated until they have converged. */
import './host/whole-engine.js';
import { NumericalError } from '../core/errors.js';
import type { Random } from '../core/random.js';
import type { LinearAlgebra } from './linear-algebra.js';
import type { SvdFactors } from './linear-algebra-types.js';
import { firstTriples, leadingSingularTriples, type MatrixProducts } from './subspace-iteration.js';

/** Columns of the subspace beyond the number of triples. */
export const oversampling = 16;
/** Passes of subspace iteration to begin with, which are all that a quickly decaying spectrum needs. */
const firstPasses = 8;
/** Blocks of a Krylov space: more take fewer products, and more time for orthogonality. */
const mostBlocks = 6;
const maxRestarts = 60;

/**
 * Computes the leading singular triples by subspace iteration and, where these have not converged after a few passes,
 * by restarted block Krylov spaces of ZᵀZ, whose polynomials find the ends of a slowly decaying spectrum in about the
 * root of the products.
 *
 * @param products - Z, whose sizes must both be at least twice `count` + {@link oversampling}.
 * @param settings - the name for errors, the number of triples, and the source of the random start.
 * @returns the triples, with ‖Zv − σu‖ and ‖Zᵀu − σv‖ ≤ √ε·σ₁ each. On a device that cannot be read at once, those of
 * the first passes.
 * @throws NumericalError if they do not converge.
 * @see Musco and Musco, "Randomized block Krylov methods for stronger and faster approximate singular value
 * decomposition", NeurIPS 2015.
 */
export function convergedSingularTriples<M>(
  la: LinearAlgebra<M>,
  products: MatrixProducts<M>,
  { caller, count, random }: { readonly caller: string; readonly count: number; readonly random: Random },
): SvdFactors<M> {
  const width = count + oversampling;
  const blocks = Math.min(mostBlocks, Math.floor(Math.min(products.m, products.n) / width));
  const tolerance = Math.sqrt(la.epsilon);
  let found = leadingSingularTriples(la, products, { count: width, passes: firstPasses, oversampling: 0, random });
  for (let restart = 0; ; restart++) {
    const triples = firstTriples(la, found, count);
    const residual = largestResidual(la, products, triples);
    if (residual === undefined || residual <= tolerance) return triples;
    if (restart === maxRestarts || Number.isNaN(residual)) {
      throw new NumericalError(
        `${caller}: the ${count} leading singular triples have not converged after ${restart} restarts, with a residual of ${residual.toExponential(1)} × the largest singular value; ` +
          'check that the products are finite and applyTranspose that of apply, change the rank to where the singular values fall, or pass the matrix itself',
      );
    }
    found = firstTriples(la, krylovTriples(la, products, found.V, blocks), width);
  }
}

/** Returns the singular triples of Z on span(V, ZᵀZV, (ZᵀZ)²V, …). */
function krylovTriples<M>(la: LinearAlgebra<M>, { apply, applyTranspose }: MatrixProducts<M>, start: M, blocks: number): SvdFactors<M> {
  const width = la.shape(start).at(-1) as number;
  let [basis, image] = [start, apply(start)];
  let last = image;
  for (let block = 1; block < blocks; block++) {
    const { Q } = la.qr(la.concat([basis, applyTranspose(last)], 'columns'));
    const next = la.slice(Q, { columns: [block * width, (block + 1) * width] });
    last = apply(next);
    basis = la.concat([basis, next], 'columns');
    image = la.concat([image, last], 'columns');
  }
  const { U, S, V } = la.svd(image);
  return { U, S, V: la.matmul(basis, V) };
}

/**
 * Returns the largest ‖Zv − σu‖/σ₁ and ‖Zᵀu − σv‖/σ₁ of all batch members; undefined where it cannot be read at once.
 */
function largestResidual<M>(
  la: LinearAlgebra<M>,
  { apply, applyTranspose }: MatrixProducts<M>,
  { U, S, V }: SvdFactors<M>,
): number | undefined {
  const values = la.peek(S);
  const sides = [la.peek(la.subtract(apply(V), la.scaleColumns(U, S))), la.peek(la.subtract(applyTranspose(U), la.scaleColumns(V, S)))];
  const count = la.shape(S).at(-1) as number;
  let largest = 0;
  for (const gap of sides) {
    if (gap === undefined || values === undefined) return undefined;
    const entries = (gap.length / values.length) * count;
    for (let member = 0; member * count < values.length; member++) {
      const squares = new Float64Array(count);
      for (let e = member * entries; e < (member + 1) * entries; e++) squares[e % count] += gap[e] ** 2;
      const [most, first] = [Math.sqrt(Math.max(...squares)), values[member * count]];
      // Of a zero matrix every triple is right.
      if (most !== 0 || first !== 0) largest = Math.max(largest, most / first);
    }
  }
  return largest;
}
