/**
 * Common part of the manifolds of factor pairs: points `{ A, B }` with X = A·B, A m×r, B r×n, and tangents `{ A, B }`
 * of the same shapes. `euclideanFactors`, `balancedFactors` and `quotientFactors` differ only in metric, horizontal
 * space and retraction.
 */
import { DomainError } from '../core/errors.js';
import { declareOptions, type Settings } from '../core/options.js';
import { axpyTree, scaleTree } from '../core/tree.js';
import { type Ambient, applyAmbient, applyAmbientTranspose } from '../linalg/ambient.js';
import { algebraOption, algebraOrHost } from '../linalg/host/default-algebra.js';
import { jointInner, jointNorm } from '../linalg/joint-reductions.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { NumberOf } from '../linalg/number-of.js';
import type { FactorPair } from '../metrics/factor-pair.js';
import {
  batchPrefix,
  checkAmbientShape,
  checkFinite,
  checkRank,
  checkShapes,
  type RankShape,
  rankHints,
  rankShapeOptions,
} from './checks.js';
import type { Manifold } from './manifold.js';

/** Options that every manifold of factor pairs takes. */
export interface FactorOptions<M> extends RankShape {
  /** The engine. Default: float64 on the host. */
  readonly algebra?: LinearAlgebra<M>;
}

/** Declares the options that every manifold of factor pairs takes. */
export const factorOptions = declareOptions<FactorOptions<unknown>>()({ ...rankShapeOptions, algebra: algebraOption }, rankHints);

/** A manifold whose points are factor pairs of an m×n matrix. */
export interface FactorManifold<M> extends Manifold<M, FactorPair<M>, FactorPair<M>, FactorPair<M>, Ambient<M>> {
  /** Shape [.., m, n] of the matrices. */
  readonly matrixShape: readonly number[];
  /** Returns A·B, m×n, for small matrices and tests, in 2·m·n·r flops. */
  toMatrix(x: FactorPair<M>): M;
  decayDirection(x: FactorPair<M>): FactorPair<M>;
}

/** Parts of a factor manifold that depend only on its sizes, with helpers to build the rest. */
export interface FactorBase<M> {
  readonly la: LinearAlgebra<M>;
  /** Sizes as shown in a manifold's name. */
  readonly sizes: string;
  /** Number of entries of a pair, over the batch. */
  readonly entries: number;
  /** Number of batch members. */
  readonly members: number;
  /** @throws ShapeError unless both factors have the manifold's shapes. */
  checkPairShape(caller: string, pair: FactorPair<M>): void;
  /** @throws ShapeError or NumericalError unless the pair has the manifold's shapes and finite entries. */
  checkPair(pair: FactorPair<M>): Promise<void>;
  /** Returns (∇_A, ∇_B) = (G Bᵀ, Aᵀ G), by products with G alone. */
  factorGradient(caller: string, x: FactorPair<M>, egrad: Ambient<M>): FactorPair<M>;
  /** Returns the derivative of (G Bᵀ, Aᵀ G) along (dA, dB): (Ġ Bᵀ + G dBᵀ, Aᵀ Ġ + dAᵀ G). */
  factorHessian(x: FactorPair<M>, egrad: Ambient<M>, ehess: Ambient<M>, u: FactorPair<M>): FactorPair<M>;
  /** Draws independent normal entries of variances 1/m and 1/n, so that AB has entries of order one over √(mn). */
  randomPair(random: Parameters<LinearAlgebra<M>['randomNormal']>[1]): FactorPair<M>;
  /** Returns the Frobenius inner product of pairs. */
  pairInner(u: FactorPair<M>, v: FactorPair<M>): NumberOf<M>;
  /** Returns the Frobenius norm of a pair. */
  pairNorm(u: FactorPair<M>): NumberOf<M>;
  /** Members that are the same for every factor manifold. */
  readonly common: Pick<
    FactorManifold<M>,
    'algebra' | 'matrixShape' | 'embed' | 'zeroTangent' | 'decayDirection' | 'toMatrix' | 'admissible'
  >;
}

/**
 * Builds the shared parts.
 *
 * @param caller - the factory's name, for messages.
 * @param settings - the options as {@link factorOptions} or an extension reads them.
 * @throws ShapeError if the rank is above min(m, n).
 */
export function factorBase<M>(caller: string, settings: Settings<FactorOptions<M>, 'batch'>): FactorBase<M> {
  checkRank(caller, settings);
  const { m, n, rank, batch } = settings;
  const la = algebraOrHost(settings.algebra);
  const shapes = { A: [...batch, m, rank], B: [...batch, rank, n] };
  const members = batch.reduce((product, size) => product * size, 1);
  const checkPairShape = (operation: string, pair: FactorPair<M>): void => checkShapes(operation, la, pair, shapes);
  const factorGradient = (operation: string, x: FactorPair<M>, egrad: Ambient<M>): FactorPair<M> => {
    checkAmbientShape(`${caller}.${operation}`, la, egrad, [...batch, m, n]);
    return { A: applyAmbient(la, egrad, la.transpose(x.B)), B: la.transpose(applyAmbientTranspose(la, egrad, x.A)) };
  };
  return {
    la,
    members,
    sizes: `${batchPrefix(batch)}${m}×${n}, rank ${rank}`,
    entries: members * rank * (m + n),
    checkPairShape,
    async checkPair(pair) {
      checkPairShape(caller, pair);
      await checkFinite(caller, la, { A: pair.A, B: pair.B });
      if ((await la.maxAbs(pair.A)) === 0 && (await la.maxAbs(pair.B)) === 0) {
        throw new DomainError(
          `${caller}: A and B are both zero, a saddle where the gradient of every cost vanishes; start with one of them random, as LoRA does`,
        );
      }
    },
    factorGradient,
    factorHessian: (x, egrad, ehess, u) =>
      axpyTree(la, 1, factorGradient('ehessToRhess', x, ehess), factorGradient('ehessToRhess', u, egrad)),
    randomPair: (random) => ({
      A: la.scale(1 / Math.sqrt(m), la.randomNormal(shapes.A, random)),
      B: la.scale(1 / Math.sqrt(n), la.randomNormal(shapes.B, random)),
    }),
    pairInner(u, v) {
      checkPairShape(`${caller}.inner`, u);
      checkPairShape(`${caller}.inner`, v);
      return jointInner(la, [
        [u.A, v.A],
        [u.B, v.B],
      ]);
    },
    pairNorm(u) {
      checkPairShape(`${caller}.norm`, u);
      return jointNorm(la, [u.A, u.B]);
    },
    common: {
      algebra: la,
      matrixShape: [...batch, m, n],
      embed: (_x, u) => u,
      admissible: (_x, u) => u,
      zeroTangent: () => ({ A: la.full(shapes.A, 0), B: la.full(shapes.B, 0) }),
      // Only the factors: a point from `balance` also carries its gauge.
      decayDirection: ({ A, B }) => ({ A, B }),
      toMatrix: (x) => la.matmul(x.A, x.B),
    },
  };
}

/** Returns a random tangent of unit norm, made from a pair of Gaussian entries. */
export async function unitTangent<M, P>(
  manifold: Pick<Manifold<M, P, FactorPair<M>, FactorPair<M>, Ambient<M>>, 'algebra' | 'toTangent' | 'norm'>,
  x: P,
  raw: FactorPair<M>,
): Promise<FactorPair<M>> {
  const direction = manifold.toTangent(x, raw);
  return scaleTree(manifold.algebra, 1 / (await manifold.norm(x, direction)), direction);
}
