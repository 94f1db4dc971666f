import type { Tensor } from '@tensorflow/tfjs-core';
import { choice, declareOptions } from '../../core/options.js';
import type { TensorAlgebra } from '../../linalg/tensor/tensor-algebra.js';
import { euclidean } from '../../manifolds/euclidean.js';
import type { Manifold } from '../../manifolds/manifold.js';
import { type Component, product } from '../../manifolds/product.js';
import { stiefel } from '../../manifolds/stiefel.js';
import { adamwDirection } from './directions.js';
import { lora } from './lora.js';
import type { LoraMethod, PairCoordinates, StackManifold } from './lora-method.js';
import type { LoraStart } from './start.js';

/** Options of {@link stella}. */
export interface StellaOptions {
  /**
   * `'scaled'`: steps of U and V are scaled to the hidden size of the model; `'plain'`: they are left as they are.
   * Default: `'scaled'`.
   */
  readonly steps?: 'scaled' | 'plain';
}

const stellaOptions = declareOptions<StellaOptions>()({ steps: choice(['scaled', 'plain'], { default: 'scaled' }) });

/** Defaults of {@link stella}, those of the paper. */
export const stellaDefaults: Required<StellaOptions> = stellaOptions.defaults;

/**
 * The coordinates U [m, r], S [r, r], V [n, r] of AB = U S Vᵀ, U and V orthonormal. The pair is A = U S, B = Vᵀ.
 */
const coordinates: PairCoordinates = {
  fromPair(la, { A, B }) {
    const left = la.qr(A);
    const right = la.qr(la.transpose(B));
    return { U: left.Q, S: la.matmul(left.R, right.R, { transposeB: true }), V: right.Q };
  },
  toPair: (la, { U, S, V }) => ({ A: la.matmul(U, S), B: la.transpose(V) }),
  pullBack: (la, { U, S }, { A, B }) => ({
    U: la.matmul(A, S, { transposeB: true }),
    S: la.matmul(U, A, { transposeA: true }),
    V: la.transpose(B),
  }),
};

/** Start with random orthonormal U and V, and S = I: A = U, B = Vᵀ. It changes the function that the model computes. */
export const orthonormalStart: LoraStart = {
  name: 'orthonormal',
  changesBase: false,
  factors({ la, target: { rank, module }, random }) {
    const draw = (rows: number) => la.qr(la.randomNormal([rows, rank], random)).Q;
    return { A: draw(module.outFeatures), B: la.transpose(draw(module.inFeatures)) };
  },
};

/**
 * StelLA: the adapter as U S Vᵀ with U and V on Stiefel manifolds and S a full r×r matrix, moved by AdamW. The gradient
 * with respect to X ∈ {U, V} is g − X gᵀX, that of the canonical metric. Adam's direction, times √(hidden size/rows)
 * with `steps: 'scaled'`, is projected on the tangent space, and the retraction is the polar one. Moments are not
 * transported, and only S decays. PEFT loads the adapter as A = U S, B = Vᵀ.
 *
 * @throws ConfigError on unknown options.
 * @see Li et al., "StelLA: subspace learning in low-rank adaptation using Stiefel manifold", NeurIPS 2025.
 */
export function stella(options: StellaOptions = {}): LoraMethod {
  const { steps } = stellaOptions.read('stella', options);
  return {
    ...lora(),
    name: 'stella',
    geometry: {
      name: 'Stiefel × r×r × Stiefel',
      coordinates,
      manifold({ m, n, rank, batch = [], algebra }, { hiddenSize }) {
        const la = algebra as TensorAlgebra;
        const side = (rows: number) => stiefelSide(la, rows, rank, batch, steps === 'scaled' ? Math.sqrt(hiddenSize / rows) : 1);
        const S = euclidean({ shape: [...batch, rank, rank], algebra: la });
        return product({ U: side(m), S, V: side(n) } as unknown as Record<string, Component>) as unknown as StackManifold;
      },
    },
    direction: adamwDirection('keep'),
    start: orthonormalStart,
  };
}

/** Returns a Stiefel manifold with the canonical metric's gradient and scaled entrywise directions. */
function stiefelSide(
  la: TensorAlgebra,
  rows: number,
  rank: number,
  batch: readonly number[],
  scale: number,
): Manifold<Tensor, Tensor> & Pick<Required<Manifold<Tensor, Tensor>>, 'decayDirection'> {
  const base = stiefel<Tensor>({ m: rows, rank, batch, algebra: la });
  return {
    ...base,
    coordinatesToRgrad: (x, g) => la.subtract(g, la.matmul(x, la.matmul(g, x, { transposeA: true }))),
    admissible: (x, u) => base.toTangent(x, scale === 1 ? u : la.scale(scale, u)),
    retractTransport: (x, u, t) => ({ ...base.retractTransport(x, u, t), covector: (g) => g }),
    decayDirection: (x) => base.zeroTangent(x),
  };
}
