/**
 * The published synthetic experiment as a cost on a product of factor manifolds.
 *
 * A linear network W_last ⋯ W_1 W_0 with W_i = frozen_i + A_i B_i is fitted to a target: loss ½‖W_last ⋯ W_0 −
 * target‖²_F. LoRA descends on the factors' entries, BaLoRA on balanced factors; nothing else differs. Layers may have
 * any shapes that chain.
 *
 * @see Castin, Nadjahi, Ablin and Peyré, "Balanced LoRA", ICML 2026, arXiv 2605.31484 (the synthetic experiment).
 */
import { balancedFactors, euclideanFactors, type FactorManifold, type HostArray, type Problem, perPoint, product } from 'bures';
import { type Adapters, byLayer, factorHessian, forwardPass, type LayerGradients, layerGradients, type Network } from './passes.js';

/** The compared methods: the geometry of each layer's pair is all that tells them apart. */
export const geometries = { lora: euclideanFactors, balora: balancedFactors } as const;

/** `'lora'` or `'balora'`. */
export type Method = keyof typeof geometries;

type AdapterManifold = ReturnType<typeof product<Record<string, FactorManifold<HostArray>>>>;
/** The experiment, as the engine minimizes it. */
export type NetworkProblem = Problem<HostArray, Adapters, Adapters, Adapters, LayerGradients> & { readonly manifold: AdapterManifold };

/**
 * The experiment with one method's geometry. Cost, gradient and Hessian at a point share its forward pass.
 *
 * @param rank - the rank of every layer's A_i B_i.
 */
export function networkProblem(method: Method, network: Network, rank: number): NetworkProblem {
  const { algebra: la, frozen } = network;
  const manifolds = frozen.map((weight) => {
    const [m, n] = la.shape(weight);
    return geometries[method]({ m, n, rank, algebra: la });
  });
  const manifold = product(byLayer<FactorManifold<HostArray>>(manifolds));
  const forwardAt = perPoint((x: Adapters) => forwardPass(network, x));
  const forward = (x: Adapters) => forwardAt(x, undefined);
  return {
    manifold,
    cost: async (x) => 0.5 * (await la.norm(forward(x).residual)) ** 2,
    gradient: { kind: 'ambient', at: (x) => layerGradients(la, forward(x)) },
    // On balanced pairs too the Riemannian Hessian is the tangent part of the factors' own: the factor gradient is
    // tangent there, so that no curvature term arises.
    hessian: { kind: 'riemannian', at: (x, u) => manifold.toTangent(x, factorHessian(la, forward(x), x, u)) },
  };
}

/** The weights' product without adapters: frozen_last ⋯ frozen_0. */
export function pretrainedProduct({ algebra: la, frozen }: Network): HostArray {
  return frozen.reduce((below, weight) => la.matmul(weight, below));
}

/**
 * The least loss that adapters of this rank can reach where nothing but the rank limits them: ½ Σ_{k > L·rank}
 * σ_k(target − pretrained)² for L layers. The loss above it is the *excess loss*.
 */
export async function optimalLoss(network: Network, rank: number): Promise<number> {
  const { algebra: la, frozen, target } = network;
  const { S } = la.svd(la.subtract(target, pretrainedProduct(network)));
  const tail = (await la.toArray(S)).slice(rank * frozen.length);
  return 0.5 * tail.reduce((sum, sigma) => sum + sigma ** 2, 0);
}
