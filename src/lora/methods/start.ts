/**
 * Starts of an adapter's factors: the interface, and the random starts. Starts that belong to a method are in its file.
 */
import { matMul, mul, type Tensor, transpose } from '@tensorflow/tfjs-core';
import type { Random } from '../../core/random.js';
import type { TensorAlgebra } from '../../linalg/tensor/tensor-algebra.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { TargetModule } from '../targets/target-modules.js';

/** Arrays that a method trains: factor pairs beside fixed weights, or the weights of the target modules themselves. */
export type TrainedArrays = 'pairs' | 'weights';

/** Input of a start, for one module. */
export interface StartContext {
  /** Name of the calling function, for error messages. */
  readonly caller: string;
  /** The engine. */
  readonly la: TensorAlgebra;
  /** The module, with rank and scale. */
  readonly target: TargetModule;
  /** Random numbers; each module continues where the one before it stopped. */
  readonly random: Random;
  /** The module's weight W [m, n]. */
  readonly weight: Tensor;
  /** The mean gradient of the loss by W [m, n], for starts with {@link LoraStart.gradientBatches}. */
  readonly gradient?: Tensor;
}

/** A start: the rule for the initial factors. */
export interface LoraStart {
  /** Its name, as the value of the command's key `start`. */
  readonly name: string;
  /** Arrays that it starts: `'weights'` for methods that train the weights themselves. Default: `'pairs'`. */
  readonly trains?: TrainedArrays;
  /** True if s·AB is subtracted from W at the start, so that the model computes the same as before. */
  readonly changesBase: boolean;
  /** True if AB is zero at the start, because A is, or B on embeddings. Default: false. */
  readonly startsAtZero?: boolean;
  /** Number of batches for the mean gradient that the start needs. Default: it needs no gradient. */
  readonly gradientBatches?: number;
  /** Returns the factors of one module, in this library's letters: A [m, r] is PEFT's lora_B, B [r, n] its lora_A. */
  factors(context: StartContext): FactorPair<Tensor>;
}

/**
 * Start with B uniform in ±1/√n and A zero: PEFT's default. On embeddings A is normal and B zero.
 *
 * @see He et al., "Delving deep into rectifiers", ICCV 2015, with PyTorch's a = √5.
 */
export const kaimingStart: LoraStart = {
  name: 'kaiming',
  changesBase: false,
  startsAtZero: true,
  factors: (context) => (context.target.module.embedding === true ? embeddingStart(context) : { A: zeroA(context), B: uniformB(context) }),
};

/** Start with B normal of variance 1/r² and A zero, on embeddings as {@link kaimingStart}: PEFT's `'gaussian'`. */
export const gaussianStart: LoraStart = {
  name: 'gaussian',
  changesBase: false,
  startsAtZero: true,
  factors(context) {
    const { la, target, random } = context;
    if (target.module.embedding === true) return embeddingStart(context);
    const draws = la.randomNormal([target.rank, target.module.inFeatures], random);
    return { A: zeroA(context), B: la.scale(1 / target.rank, draws) };
  },
};

/** Start with both factors as PyTorch initializes a linear layer, so that the adapter is not zero: PEFT's `false`. */
export const randomStart: LoraStart = { name: 'random', changesBase: false, factors: bothUniform };

/** {@link randomStart} with its product subtracted from W, so that the model computes the same as before. */
export const compensatedStart: LoraStart = { name: 'compensated', changesBase: true, factors: bothUniform };

function bothUniform(context: StartContext): FactorPair<Tensor> {
  const { rank, module } = context.target;
  return { B: uniformB(context), A: uniform(context, [module.outFeatures, rank], 1 / Math.sqrt(rank)) };
}

/** Start of an embedding, as PEFT has it for both of its random starts: A normal, B zero. */
function embeddingStart({ la, target: { rank, module }, random }: StartContext): FactorPair<Tensor> {
  return { A: la.randomNormal([module.outFeatures, rank], random), B: la.full([rank, module.inFeatures], 0) };
}

function zeroA({ la, target }: StartContext): Tensor {
  return la.full([target.module.outFeatures, target.rank], 0);
}

function uniformB(context: StartContext): Tensor {
  const { rank, module } = context.target;
  return uniform(context, [rank, module.inFeatures], 1 / Math.sqrt(module.inFeatures));
}

function uniform({ la, random }: StartContext, shape: readonly [number, number], bound: number): Tensor {
  return la.fromArray(
    Float32Array.from({ length: shape[0] * shape[1] }, () => bound * (2 * random.uniform() - 1)),
    shape,
  );
}

/** Returns the first `count` columns of a matrix. */
export function firstColumns(la: TensorAlgebra, x: Tensor, count: number): Tensor {
  return la.slice(x, { columns: [0, count] });
}

/** Returns s·AB in the layout of the stored weight: [m, n], or [n, m] for GPT-2's Conv1D. */
export function storedProduct({ module, scale }: TargetModule, { A, B }: FactorPair<Tensor>): Tensor {
  const scaled = mul(A, scale);
  return module.fanInFanOut ? matMul(B, scaled, true, true) : matMul(scaled, B);
}

/** Returns a stored weight as [m, n]. */
export function outByIn({ module }: TargetModule, stored: Tensor): Tensor {
  return module.fanInFanOut ? transpose(stored) : stored;
}
