/**
 * The linear network's arithmetic: forward, backward, and the derivative of both along a direction.
 *
 * With W_i = frozen_i + A_i B_i, P_i = W_{i−1} ⋯ W_0 (P_0 = I), R = W_last ⋯ W_0 − target and D_i = (W_last ⋯ W_{i+1})ᵀ
 * R: loss ½‖R‖²_F, ∂/∂W_i = D_i P_iᵀ. One matrix product a layer forward and one backward; nothing is formed twice.
 */
import type { AmbientFactors, FactorPair, HostArray, LinearAlgebra } from 'bures';

/** One instance of the experiment. */
export interface Network {
  readonly algebra: LinearAlgebra<HostArray>;
  /** Rows of W_last × columns of W_0. */
  readonly target: HostArray;
  /** frozen_0, frozen_1, …: frozen_{i+1} has as many columns as frozen_i has rows. */
  readonly frozen: readonly HostArray[];
}

/** A pair for each layer, under `layer0`, `layer1`, …. */
export type Adapters = Readonly<Record<string, FactorPair<HostArray>>>;

/** ∂/∂W_i for each layer, dense or as a product. */
export type LayerGradients = Readonly<Record<string, HostArray | AmbientFactors<HostArray>>>;

/** The name under which layer i's pair is found. */
export const layerName = (i: number): string => `layer${i}`;

/** One record entry a layer. */
export const byLayer = <Value>(values: readonly Value[]): Readonly<Record<string, Value>> =>
  Object.fromEntries(values.map((value, i) => [layerName(i), value]));

/** What the loss and its gradient are made of. */
export interface Forward {
  readonly weights: readonly HostArray[];
  /** P_1, …, P_last: the outputs of each layer but the last. */
  readonly outputs: readonly HostArray[];
  readonly residual: HostArray;
}

/** The forward pass at x. */
export function forwardPass({ algebra: la, frozen, target }: Network, x: Adapters): Forward {
  const weights = frozen.map((weight, i) => la.add(weight, la.matmul(x[layerName(i)].A, x[layerName(i)].B)));
  const [first, ...later] = weights;
  const outputs = [first];
  for (const weight of later) outputs.push(la.matmul(weight, outputs[outputs.length - 1]));
  return { weights, outputs: outputs.slice(0, -1), residual: la.subtract(outputs[outputs.length - 1], target) };
}

/** The backward pass: D_0, …, D_last. */
function backwardPass(la: LinearAlgebra<HostArray>, { weights, residual }: Forward): readonly HostArray[] {
  const signals = [residual];
  for (const weight of weights.slice(1).reverse()) signals.unshift(la.matmul(weight, signals[0], { transposeA: true }));
  return signals;
}

/**
 * ∂/∂W_i = D_i P_iᵀ, left as that product, of which a factor manifold needs thin multiples only; for the first layer,
 * whose input is the identity, D_0 itself.
 */
export function layerGradients(la: LinearAlgebra<HostArray>, forward: Forward): LayerGradients {
  const gradients = backwardPass(la, forward).map((left, i) =>
    i === 0 ? left : ({ kind: 'factored', left, right: forward.outputs[i - 1] } as const),
  );
  return byLayer(gradients);
}

/**
 * The Hessian of the loss by the factors, along u = (dA_i, dB_i): with G_i = D_i P_iᵀ and its derivative dG_i = dD_i
 * P_iᵀ + D_i dP_iᵀ, (dG_i B_iᵀ + G_i dB_iᵀ, A_iᵀ dG_i + dA_iᵀ G_i).
 */
export function factorHessian(la: LinearAlgebra<HostArray>, forward: Forward, x: Adapters, u: Adapters): Adapters {
  const { weights, outputs } = forward;
  const signals = backwardPass(la, forward);
  const sumOf = (...terms: readonly HostArray[]): HostArray => terms.reduce((sum, term) => la.add(sum, term));
  const weightMoves = weights.map((_, i) => {
    const [at, along] = [x[layerName(i)], u[layerName(i)]];
    return sumOf(la.matmul(along.A, at.B), la.matmul(at.A, along.B));
  });
  // dP_1, …, dP_last and dR = d(W_last ⋯ W_0).
  const [firstMove, ...laterMoves] = weightMoves;
  const outputMoves = [firstMove];
  for (const [i, move] of laterMoves.entries()) {
    outputMoves.push(sumOf(la.matmul(move, outputs[i]), la.matmul(weights[i + 1], outputMoves[i])));
  }
  const signalMoves = [outputMoves[outputMoves.length - 1]];
  for (let i = weights.length - 1; i > 0; i--) {
    const [inner, outer] = [
      la.matmul(weights[i], signalMoves[0], { transposeA: true }),
      la.matmul(weightMoves[i], signals[i], { transposeA: true }),
    ];
    signalMoves.unshift(sumOf(inner, outer));
  }
  const along = weights.map((_, i) => {
    const [{ A, B }, { A: dA, B: dB }] = [x[layerName(i)], u[layerName(i)]];
    const times = (left: HostArray, right: HostArray): HostArray => la.matmul(left, right, { transposeB: true });
    const gradient = i === 0 ? signals[0] : times(signals[i], outputs[i - 1]);
    const gradientMove = i === 0 ? signalMoves[0] : sumOf(times(signalMoves[i], outputs[i - 1]), times(signals[i], outputMoves[i - 1]));
    return {
      A: sumOf(times(gradientMove, B), times(gradient, dB)),
      B: sumOf(la.matmul(A, gradientMove, { transposeA: true }), la.matmul(dA, gradient, { transposeA: true })),
    };
  });
  return byLayer(along);
}
