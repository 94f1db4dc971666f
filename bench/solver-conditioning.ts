/** How well conditioned the cost of completion is at its solution, in the two metrics that factors can have. */

import type { CsrMatrix, FactoredMatrix, FactorPair, HostAlgebra, HostArray } from 'bures';
import { square } from 'bures';
import { hessianSpectrum } from 'bures/diagnostics';
import type { SolverProblem } from './solver-problems.js';

/** Condition numbers of the Riemannian Hessian at X*. */
export interface Conditioning {
  readonly bures: number;
  readonly quotient: number;
}

/** Eigenvalues are then good to about 1e-8 of the largest, which is enough for condition numbers of some thousands. */
const lanczosOptions = { method: 'lanczos', tolerance: 1e-4, maxIterations: 400 } as const;

/**
 * Largest over smallest eigenvalue, off the gauge directions, of the Hessian of ½‖P_Ω(AB − X*)‖² at AB = X* = UΣVᵀ.
 *
 * In the Bures metric that is the Hessian by the entries of the balanced factors A = UΣ^½, B = Σ^½Vᵀ. In the quotient
 * metric tangents are measured as dA Σ^½ and Σ^½ dB: by these the Hessian is that at the pair (U, Vᵀ), where Σ is gone.
 *
 * @returns `undefined` where the problem is no completion.
 */
export async function conditioning(la: HostAlgebra, { truth, observed }: SolverProblem): Promise<Conditioning | undefined> {
  if (observed === undefined) return undefined;
  const sigma = la.sqrt(la.sum(square(la, truth.left), 'columns'));
  const root = la.sqrt(sigma);
  const U = la.scaleColumns(truth.left, la.divide(la.full(la.shape(sigma), 1), sigma));
  const V = truth.right;
  const conditionAt = async (at: FactorPair<HostArray>): Promise<number> =>
    (await hessianSpectrum(la, { at, hessianVector: (u) => hessianVector(la, observed, at, u) }, lanczosOptions)).conditionNumber;
  return {
    bures: await conditionAt({ A: la.scaleColumns(U, root), B: la.transpose(la.scaleColumns(V, root)) }),
    quotient: await conditionAt({ A: U, B: la.transpose(V) }),
  };
}

/** (S Bᵀ, Aᵀ S) for S = P_Ω(dA B + A dB): where the residual vanishes there is no other term. */
function hessianVector(
  la: HostAlgebra,
  observed: CsrMatrix<HostArray>,
  { A, B }: FactorPair<HostArray>,
  u: FactorPair<HostArray>,
): FactorPair<HostArray> {
  const by: FactoredMatrix<HostArray> = { left: A, right: la.transpose(B) };
  const along = { left: la.concat([u.A, A], 'columns'), right: la.concat([by.right, la.transpose(u.B)], 'columns') };
  const { sparsePasses } = la;
  if (sparsePasses === undefined) throw new Error('the host engine has lost its sparse passes');
  const { product, transposeProduct } = sparsePasses.sampled(observed, along, by);
  return { A: product, B: la.transpose(transposeProduct) };
}
