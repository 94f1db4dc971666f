/**
 * The published synthetic experiment as a cost on a product of factor manifolds.
 *
 * A linear network W_last ⋯ W_1 W_0 with W_i = frozen_i + A_i B_i is fitted to a target: loss ½‖W_last ⋯ W_0 − target‖²_F. LoRA descends on the factors'
 * entries, BaLoRA on balanced factors; nothing else differs. Layers may have any shapes that chain.
 *
 * @see Castin, Nadjahi, Ablin and Peyré, "Balanced LoRA", ICML 2026, arXiv 2605.31484 (the synthetic experiment).
 */
import {
  balancedFactors,
  euclideanFactors,
  type FactoredMatrix,
  type FactorManifold,
  type FactorPair,
  type HostArray,
  type LinearAlgebra,
  type Problem,
  perPoint,
  product,
} from 'bures';

/** The compared methods: the geometry of each layer's pair is all that tells them apart. */
export const geometries = { lora: euclideanFactors, balora: balancedFactors } as const;

/** `'lora'` or `'balora'`. */
export type Method = keyof typeof geometries;

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
type LayerGradients = Readonly<Record<string, HostArray | FactoredMatrix<HostArray>>>;
type AdapterManifold = ReturnType<typeof product<HostArray, Record<string, FactorManifold<HostArray>>>>;
/** The experiment, as the engine minimizes it. */
export type NetworkProblem = Problem<HostArray, Adapters, Adapters, Adapters, LayerGradients> & { readonly manifold: AdapterManifold };

/** The name under which layer i's pair is found. */
export const layerName = (i: number): string => `layer${i}`;

/** One record entry a layer. */
export const byLayer = <Value>(values: readonly Value[]): Readonly<Record<string, Value>> =>
  Object.fromEntries(values.map((value, i) => [layerName(i), value]));

/**
 * The experiment with one method's geometry.
 *
 * Cost and gradient share the forward pass. With P_i = W_{i−1} ⋯ W_0 and D_i = (W_last ⋯ W_{i+1})ᵀ(W_last ⋯ W_0 − target), ∂/∂W_i = D_i P_iᵀ, which the manifold
 * multiplies by thin factors only: it is handed over as that product. One matrix product a layer forward and one backward.
 *
 * @param rank - the rank of every layer's A_i B_i.
 */
export function networkProblem(method: Method, network: Network, rank: number): NetworkProblem {
  const { algebra: la, frozen } = network;
  const manifolds = frozen.map((weight) => {
    const [m, n] = la.shape(weight);
    return geometries[method]({ m, n, rank, algebra: la });
  });
  const forward = perPoint((x: Adapters) => forwardPass(network, x));
  return {
    manifold: product(byLayer<FactorManifold<HostArray>>(manifolds)),
    cost: async (x) => 0.5 * (await la.norm(forward(x, undefined).residual)) ** 2,
    gradient: { kind: 'ambient', at: (x) => layerGradients(la, forward(x, undefined)) },
  };
}

/** What the loss and its gradient are made of. */
interface Forward {
  readonly weights: readonly HostArray[];
  /** P_1, …, P_last: the outputs of each layer but the last. */
  readonly outputs: readonly HostArray[];
  readonly residual: HostArray;
}

function forwardPass({ algebra: la, frozen, target }: Network, x: Adapters): Forward {
  const weights = frozen.map((weight, i) => la.add(weight, la.matmul(x[layerName(i)].A, x[layerName(i)].B)));
  const [first, ...later] = weights;
  const outputs = [first];
  for (const weight of later) outputs.push(la.matmul(weight, outputs[outputs.length - 1]));
  return { weights, outputs: outputs.slice(0, -1), residual: la.subtract(outputs[outputs.length - 1], target) };
}

function layerGradients(la: LinearAlgebra<HostArray>, { weights, outputs, residual }: Forward): LayerGradients {
  const gradients: (HostArray | FactoredMatrix<HostArray>)[] = [];
  let backward = residual;
  for (let i = weights.length - 1; i > 0; i--) {
    gradients.unshift({ kind: 'factored', left: backward, right: la.transpose(outputs[i - 1]) });
    backward = la.matmul(weights[i], backward, { transposeA: true });
  }
  // The input of the first layer is the identity: its gradient is D_0 itself.
  gradients.unshift(backward);
  return byLayer(gradients);
}

/** The weights' product without adapters: frozen_last ⋯ frozen_0. */
export function pretrainedProduct({ algebra: la, frozen }: Network): HostArray {
  return frozen.reduce((below, weight) => la.matmul(weight, below));
}

/**
 * The least loss that adapters of this rank can reach where nothing but the rank limits them: ½ Σ_{k > L·rank} σ_k(target − pretrained)² for L layers.
 * The loss above it is the *excess loss*.
 */
export async function optimalLoss(network: Network, rank: number): Promise<number> {
  const { algebra: la, frozen, target } = network;
  const { S } = la.svd(la.subtract(target, pretrainedProduct(network)));
  const tail = (await la.toArray(S)).slice(rank * frozen.length);
  return 0.5 * tail.reduce((sum, sigma) => sum + sigma ** 2, 0);
}
