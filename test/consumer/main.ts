/** A project that installed the package: compiled against its declarations, then run against its code. */
import {
  any,
  BuresError,
  balancedFactors,
  gradientNormBelow,
  hostAlgebra,
  maxIterations,
  minimize,
  product,
  seededRandom,
  stiefel,
} from 'bures';
import { balanceGap, checkGradient } from 'bures/diagnostics';

const la = hostAlgebra();
const manifold = product({ weights: balancedFactors({ m: 9, n: 7, rank: 2 }), basis: stiefel({ m: 5, rank: 3 }) });
const target = la.randomNormal([9, 7], seededRandom(1));
const diagonal = la.diagMatrix(la.fromArray([5, 4, 3, 2, 1], [5]));

type Point = ReturnType<typeof manifold.randomPoint>;
const residual = ({ weights }: Point) => la.subtract(manifold.components.weights.toMatrix(weights), target);
const problem = {
  manifold,
  cost: (x: Point) => 0.5 * la.norm(residual(x)) ** 2 - 0.5 * la.inner(x.basis, la.matmul(diagonal, x.basis)),
  gradient: { kind: 'ambient', at: (x: Point) => ({ weights: residual(x), basis: la.scale(-1, la.matmul(diagonal, x.basis)) }) },
} as const;

const check = await checkGradient(problem);
if (!check.ok) throw new Error(check.verdict);
const { x, converged, stopReason } = await minimize(problem, { seed: 3, stop: any(gradientNormBelow(1e-7), maxIterations(3000)) });
if (!converged) throw new Error(stopReason);
const gap: number = await balanceGap(la, x.weights);
if (!(gap < 1e-12)) throw new Error(`balance gap ${gap}`);

try {
  balancedFactors({ m: 3, n: 4, rank: 5 });
  throw new Error('a rank above min(m, n) was accepted');
} catch (error) {
  if (!(error instanceof BuresError && error.code === 'BURES_SHAPE')) throw error;
}
