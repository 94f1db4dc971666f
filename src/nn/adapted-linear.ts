/**
 * Frozen linear layers of one input with low-rank additions, together:
 *
 *     yᵢ = x Wᵢᵀ + sᵢ hᵢ Aᵢᵀ,      [h₁ h₂ …] = x [B₁; B₂; …]ᵀ,
 *     ∂hᵢ = sᵢ ȳᵢ Aᵢ,  ∂Aᵢ = sᵢ ȳᵢᵀ hᵢ,  [∂B₁; ∂B₂; …] = ∂hᵀ x,  ∂x = Σ ȳᵢ Wᵢ + ∂h [B₁; B₂; …].
 *
 * Products are added where they belong instead of making arrays that are summed, and those with the narrow factors are
 * one wide product: queries, keys and values, or gate and up, have one input.
 */
import { concat, type GradConfig, type KernelConfig, matMul, type NamedAttrMap, slice, type Tensor } from '@tensorflow/tfjs-core';
import { runFusedKernel } from '../linalg/tensor/fused-kernel.js';
import { registerMissingGradient } from '../linalg/tensor/tensorflow-internals.js';
import { type Columns, everyColumn, multiplyInto, unfilledMatrix } from '../linalg/tensor/wasm/heap-product.js';
import { heapSgemm } from '../linalg/tensor/wasm/install.js';

/** A frozen layer x ↦ x Wᵀ. Both functions give new tensors. */
export interface FrozenLayer {
  /** Computes x Wᵀ. */
  forward(x: Tensor): Tensor;
  /** Computes y W, or adds it to the target, in place, and returns that. */
  backward(y: Tensor, target?: Tensor): Tensor;
}

/** A layer with its addition s·(x Bᵀ) Aᵀ, A m×r and B r×n. */
export interface AdaptedLayer {
  readonly layer: FrozenLayer;
  readonly A: Tensor;
  readonly B: Tensor;
  readonly scale: number;
}

/**
 * Computes several adapted layers of one input.
 *
 * @param x - [tokens, n].
 * @returns [tokens, mᵢ] for each layer, differentiable by x and by the factors; `undefined` where there is no BLAS on
 * the wasm heap: the caller composes them.
 */
export function adaptedLinear(x: Tensor, layers: readonly AdaptedLayer[]): readonly Tensor[] | undefined {
  if (heapSgemm() === undefined) return undefined;
  const { kernel, gradient } = ofCount(layers.length);
  registerMissingGradient(gradient);
  const inputs = {
    x,
    ...named(
      'A',
      layers.map(({ A }) => A),
    ),
    ...named(
      'B',
      layers.map(({ B }) => B),
    ),
  };
  // Attributes are passed on as they are.
  return runFusedKernel(kernel, inputs, { layers } as unknown as NamedAttrMap)?.slice(0, layers.length);
}

const named = (letter: string, factors: readonly Tensor[]) => Object.fromEntries(factors.map((factor, i) => [`${letter}${i}`, factor]));

interface Operation {
  readonly kernel: KernelConfig;
  readonly gradient: GradConfig;
}

/** Operations by the number of layers: TensorFlow.js has one list of inputs to save for each name. */
const operations = new Map<number, Operation>();

function ofCount(count: number): Operation {
  const known = operations.get(count);
  if (known !== undefined) return known;
  const kernelName = `BuresAdaptedLinear${count}`;
  const numbered = (letter: string): string[] => Array.from({ length: count }, (_, i) => `${letter}${i}`);
  const operation: Operation = {
    kernel: {
      kernelName,
      backendName: 'wasm',
      kernelFunc: ({ inputs, attrs }) => forward(inputs.x as Tensor, layersOf(attrs)),
    },
    gradient: {
      kernelName,
      inputsToSave: ['x'],
      outputsToSave: [...Array<boolean>(count).fill(false), true],
      gradFunc: (upstream, [x, h], attrs) => backward(upstream as Tensor[], x, h, layersOf(attrs), [numbered('A'), numbered('B')]),
    },
  };
  operations.set(count, operation);
  return operation;
}

const layersOf = (attrs: NamedAttrMap | undefined): readonly AdaptedLayer[] =>
  (attrs as unknown as { layers: readonly AdaptedLayer[] }).layers;

/** Returns the results, and x [B₁; B₂; …]ᵀ. */
function forward(x: Tensor, layers: readonly AdaptedLayer[]): Tensor[] {
  const B = stacked(layers);
  const h = matMul(x, B, false, true);
  const parts = columnsOf(h, layers);
  const results = layers.map(({ layer, A, scale }, i) => {
    const y = layer.forward(x);
    multiplyInto(everyColumn(y), parts[i], everyColumn(A), { transposeB: true, alpha: scale, adds: true });
    return y;
  });
  if (layers.length > 1) B.dispose();
  return [...results, h];
}

/** The rules, each of which computes only what it is asked for, and what they share once. */
function backward(
  upstream: readonly Tensor[],
  x: Tensor,
  h: Tensor,
  layers: readonly AdaptedLayer[],
  [namesA, namesB]: readonly string[][],
): Record<string, () => Tensor> {
  let dh: Tensor | undefined;
  const upstreamOfH = (): Tensor => {
    if (dh !== undefined) return dh;
    dh = unfilledMatrix(h.shape);
    for (const [i, part] of columnsOf(dh, layers).entries())
      multiplyInto(part, everyColumn(upstream[i]), everyColumn(layers[i].A), { alpha: layers[i].scale });
    return dh;
  };
  let dB: readonly Tensor[] | undefined;
  const byB = (): readonly Tensor[] => {
    if (dB !== undefined) return dB;
    const all = matMul(upstreamOfH(), x, true, false);
    dB = layers.length === 1 ? [all] : columnsOf(h, layers).map(({ first, count }) => slice(all, [first, 0], [count, -1]));
    return dB;
  };
  const byX = (): Tensor => {
    let sum: Tensor | undefined;
    for (const [i, { layer }] of layers.entries()) sum = layer.backward(upstream[i], sum);
    const dx = sum as Tensor;
    multiplyInto(everyColumn(dx), everyColumn(upstreamOfH()), everyColumn(stacked(layers)), { adds: true });
    return dx;
  };
  const byA = (i: number): Tensor => {
    const { A, scale } = layers[i];
    const dA = unfilledMatrix(A.shape);
    multiplyInto(everyColumn(dA), everyColumn(upstream[i]), columnsOf(h, layers)[i], { transposeA: true, alpha: scale });
    return dA;
  };
  return {
    x: byX,
    ...Object.fromEntries(namesA.map((name, i) => [name, () => byA(i)])),
    ...Object.fromEntries(namesB.map((name, i) => [name, () => byB()[i]])),
  };
}

/** [B₁; B₂; …], a new tensor if there are several. */
function stacked(layers: readonly AdaptedLayer[]): Tensor {
  return layers.length === 1
    ? layers[0].B
    : concat(
        layers.map(({ B }) => B),
        0,
      );
}

/** Returns the columns of each layer in an array of all narrow products. */
function columnsOf(matrix: Tensor, layers: readonly AdaptedLayer[]): Columns[] {
  let first = 0;
  return layers.map(({ B }) => {
    const part = { matrix, first, count: B.shape[0] };
    first += part.count;
    return part;
  });
}
