/** The spectrum of the Riemannian Hessian of a problem, on any manifold. */
import { ConfigError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { seededRandom } from '../core/random.js';
import { axpyTree, forEachLeaf } from '../core/tree.js';
import { checkProblem } from '../solvers/check-problem.js';
import { drawnObjective } from '../solvers/objective.js';
import type { Problem } from '../solvers/problem.js';
import { pointSize, quadraticModel } from '../solvers/trust-regions/quadratic-model.js';
import { lanczos, onTangents, type RitzPair } from './lanczos.js';
import { denseSpectrum, ends, type HessianSpectrum, type HessianSpectrumOptions, hessianSpectrumOptions } from './spectrum-parts.js';
import { tangentBasis } from './tangent-basis.js';

/** Computes the spectrum as {@link hessianSpectrum} says. */
export async function problemSpectrum<M, P, T, Z, G, Batch>(
  problem: Problem<M, P, T, Z, G, Batch>,
  x: P,
  options: HessianSpectrumOptions,
): Promise<HessianSpectrum> {
  const given = hessianSpectrumOptions.read('hessianSpectrum', options);
  checkProblem('hessianSpectrum', problem);
  if (x === undefined)
    throw new ConfigError(`hessianSpectrum: expected a point of ${problem.manifold.name}, got ${describeValue(x)}; pass, say, result.x`);
  const seen = drawnObjective('hessianSpectrum', problem);
  const { manifold, hasHessian } = seen;
  const { algebra: la, dim } = manifold;
  await manifold.checkPoint(x);
  const state = { x, iteration: 0, memory: {}, ...(await seen.evaluate(x, 0)) };
  const { hessian, accuracy } = await quadraticModel(seen, state);
  const apply = async (u: T): Promise<T> => manifold.toTangent(x, await hessian(u));
  const products = hasHessian ? 'exact' : 'differences';
  const settings = { zeroTolerance: Math.max(10 * dim * la.epsilon, hasHessian ? 0 : 10 * accuracy), ...given };
  const noise =
    problem.nextBatch === undefined ? await noiseOf(problem as never, x, hasHessian ? 10 * dim * la.epsilon : 10 * accuracy) : 0;
  if (settings.method === 'dense' || (settings.method === 'auto' && dim <= settings.denseLimit)) {
    const basis = await tangentBasis(manifold, x, { seed: settings.seed });
    const column = async (i: number): Promise<number[]> => {
      const image = await apply(basis[i]);
      const entries: number[] = [];
      for (const vector of basis) entries.push(await manifold.inner(x, vector, image));
      return entries;
    };
    return { ...(await denseSpectrum(la, dim, column, { ...settings, noise }, accuracy)), products };
  }
  const start = await manifold.randomTangent(x, seededRandom(settings.seed));
  const found = await lanczos(la, onTangents(manifold, x, apply), start, settings);
  const magnitude = Math.max(Math.abs(found.smallest.value), Math.abs(found.largest.value));
  const isZero = Math.abs(found.smallest.value) <= Math.max(noise, settings.zeroTolerance * magnitude);
  const residual = async ({ value, vector }: RitzPair<T>): Promise<number> =>
    Math.max(noise, await manifold.norm(x, axpyTree(la, -value, vector, await apply(vector))));
  return {
    method: 'lanczos',
    products,
    eigenvalues: Float64Array.of(found.smallest.value, found.largest.value),
    ...ends(isZero ? 0 : found.smallest.value, found.largest.value),
    zeros: isZero ? 1 : 0,
    errorBounds: { smallest: await residual(found.smallest), largest: await residual(found.largest) },
    iterations: found.iterations,
    converged: found.converged,
  };
}

/**
 * Returns the eigenvalues that rounding alone may make. Exact products are made of second derivatives, of which the
 * manifold may remove all, and differences of derivatives that are as large as those; of forms other than arrays the
 * sizes are unknown, and count as zero.
 *
 * @param accuracy - relative error of products and differences.
 */
async function noiseOf<M, P, T>(problem: Problem<M, P, T, T, M | P>, x: P, accuracy: number): Promise<number> {
  const { manifold, gradient, hessian } = problem;
  const la = manifold.algebra;
  const lengthOf = async (derivative: unknown, kind: string): Promise<number> => {
    if (kind === 'riemannian' || !(kind === 'coordinates' || la.isArray(derivative))) return 0;
    const squares: (number | Promise<number>)[] = [];
    forEachLeaf<M>(la, derivative, (leaf) => squares.push(la.norm(leaf)));
    return Math.hypot(...(await Promise.all(squares)));
  };
  const isExact = drawnObjective('hessianSpectrum', problem).hasHessian;
  if (!isExact) return (accuracy * (await lengthOf(await gradient.at(x, undefined), gradient.kind))) / (await pointSize(manifold, x));
  const u = await manifold.randomTangent(x, seededRandom(0));
  return accuracy * (await lengthOf(await hessian?.at(x, u as T & P, undefined), hessian?.kind ?? 'riemannian'));
}
