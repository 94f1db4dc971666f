/**
 * What a run's end says about its convergence: balance, conditioning, and the rate that the Hessian predicts beside the
 * one observed.
 */
import type { FactorPair, HostArray, LinearAlgebra } from 'bures';
import { balanceGap, conditionNumber, factorHessianSpectrum, hessianSpectrum } from 'bures/diagnostics';
import { type Experiment, sizes } from './instance.js';
import { pretrainedProduct } from './network.js';
import { type Adapters, byLayer, factorHessian, forwardPass, layerName, type Network } from './passes.js';
import type { BestRun } from './study.js';

/** Measures of one run. */
export interface EndOfRun {
  /** The largest of the layers' ‖AᵀA − BBᵀ‖_F / (‖AᵀA‖_F + ‖BBᵀ‖_F). */
  readonly balanceGap: number;
  /**
   * One layer: κ of the loss's Hessian off the gauge directions, at the minimizer that the run approaches. More: the
   * largest κ of a layer's (dA, dB) ↦ dA·B + A·dB, squared: what the choice of factors contributes, the network's own
   * conditioning left out.
   */
  readonly conditionNumber: number;
  /** For plain descent. */
  readonly rates?: Rates;
}

/** Factors by which the distance to the minimizer shrinks in each step, as descent approaches it. */
export interface Rates {
  /**
   * max |1 − τλ| over the nonzero eigenvalues λ of the Hessian, τ the learning rate; above 1 the run is not settling at
   * this τ.
   */
  readonly predicted: number;
  /**
   * From the excess losses e of the last fifth of the N steps: (e_N / e_{4N/5})^{1/(2·N/5)}, since e shrinks as the
   * square of the distance.
   */
  readonly measured: number;
  /** τλ₁: descent is unstable from 2 on. */
  readonly sharpness: number;
}

/** Measures the end of a run. */
export async function endOfRun(experiment: Experiment, run: BestRun): Promise<EndOfRun> {
  const { algebra: la } = run.instance.network;
  const pairs = Array.from({ length: experiment.layers }, (_, i) => run.adapters[layerName(i)]);
  const gaps = await Promise.all(pairs.map((pair) => balanceGap(la, pair)));
  const minimizer = experiment.layers === 1 ? await oneLayerMinimizer(run.instance.network, pairs[0]) : undefined;
  const kappas = await Promise.all(
    minimizer === undefined
      ? pairs.map((pair) => conditionNumber(la, pair))
      : [conditionNumber(la, minimizer.pair, { tail: minimizer.tail })],
  );
  const common = { balanceGap: Math.max(...gaps), conditionNumber: Math.max(...kappas) };
  if (experiment.optimizer !== 'gd') return common;
  const eigenvalues =
    minimizer === undefined
      ? await networkSpectrum(run.instance.network, run.adapters, experiment.layers)
      : [...(await factorHessianSpectrum(la, minimizer.pair, { tail: minimizer.tail }))].filter((value) => value !== 0);
  return { ...common, rates: convergenceRates(run, eigenvalues) };
}

function convergenceRates({ learningRate, excess }: BestRun, eigenvalues: readonly number[]): Rates {
  const steps = excess.length - 1;
  const fifth = Math.round(steps / 5);
  return {
    predicted: eigenvalues.reduce((worst, value) => Math.max(worst, Math.abs(1 - learningRate * value)), 0),
    measured: (excess[steps] / excess[steps - fifth]) ** (1 / (2 * fifth)),
    sharpness: learningRate * eigenvalues.reduce((largest, value) => Math.max(largest, value)),
  };
}

/**
 * The factors of Z_r, the best approximation of Z = target − frozen, in the gauge of a pair close to them: A* = Z_r B⁺,
 * then B* = A*⁺ Z_r, which leave a pair with AB = Z_r as it is. The closed forms hold at a minimizer, and a run of a
 * hundred steps ends beside it.
 *
 * @returns the pair, and the other singular values of Z.
 */
async function oneLayerMinimizer(
  network: Network,
  { B }: FactorPair<HostArray>,
): Promise<{ pair: FactorPair<HostArray>; tail: Float64Array }> {
  const { algebra: la, target } = network;
  const { U, S, V } = la.svd(la.subtract(target, pretrainedProduct(network)));
  const kept = { columns: [0, sizes.rank] } as const;
  const [left, right] = [la.slice(la.scaleColumns(U, S), kept), la.slice(V, kept)];
  const best = la.matmul(left, right, { transposeB: true });
  const A = la.transpose(leastSquares(la, la.transpose(B), la.transpose(best)));
  return { pair: { A, B: leastSquares(la, A, best) }, tail: (await la.toArray(S)).slice(sizes.rank) };
}

/** The X that minimizes ‖C X − D‖_F, for C of full column rank: C = QR, X = R⁻¹QᵀD. */
function leastSquares(la: LinearAlgebra<HostArray>, c: HostArray, d: HostArray): HostArray {
  const { Q, R } = la.qr(c);
  return la.solveTriangular(R, la.matmul(Q, d, { transposeA: true }), { lower: false });
}

/**
 * The Hessian's nonzero eigenvalues by all factors of L layers of one shape, at any point.
 *
 * The networks that adapters of rank r can make differ from the frozen one by a matrix of rank Lr, so that Lr(m + n −
 * Lr) directions change the network to first order; the other ones (gauge, and how the rank is shared among the layers)
 * are the eigenvalues that vanish at a minimizer. Elsewhere they are small but not zero, and the same number of
 * smallest magnitudes is left out.
 */
async function networkSpectrum(network: Network, x: Adapters, layers: number): Promise<readonly number[]> {
  const { algebra: la } = network;
  const { width, rank } = sizes;
  const forward = forwardPass(network, x);
  const stack = (parts: Adapters, factor: 'A' | 'B', rows: number, columns: number): HostArray =>
    la.reshape(
      la.concat(
        Object.values(parts).map((pair) => pair[factor]),
        'rows',
      ),
      [layers, rows, columns],
    );
  const stackAll = (parts: Adapters): FactorPair<HostArray> => ({ A: stack(parts, 'A', width, rank), B: stack(parts, 'B', rank, width) });
  const part = (stacked: HostArray, i: number, rows: number, columns: number): HostArray =>
    la.slice(la.reshape(stacked, [layers * rows, columns]), { rows: [i * rows, (i + 1) * rows] });
  const { eigenvalues } = await hessianSpectrum(la, {
    at: stackAll(x),
    hessianVector({ A, B }) {
      const along = Array.from({ length: layers }, (_, i) => ({ A: part(A, i, width, rank), B: part(B, i, rank, width) }));
      return stackAll(factorHessian(la, forward, x, byLayer(along)));
    },
  });
  const nonzero = layers * rank * (2 * width - layers * rank);
  return [...eigenvalues].sort((a, b) => Math.abs(b) - Math.abs(a)).slice(0, nonzero);
}
