/** How an adapter's factors start: the contract, and the random starts. Starts that belong to a method stand in its file. */
import { matMul, mul, type Tensor, transpose } from '@tensorflow/tfjs-core';
import type { Random } from '../../core/random.js';
import type { TensorAlgebra } from '../../linalg/tensor/tensor-algebra.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { TargetModule } from '../targets/target-modules.js';

/** What a method moves: factor pairs beside weights that stay, or the weights of the target modules themselves. */
export type TrainedArrays = 'pairs' | 'weights';

/** What a start may draw on, for one module. */
export interface StartContext {
  /** The function on whose behalf this happens, which errors name. */
  readonly caller: string;
  /** The engine. */
  readonly la: TensorAlgebra;
  /** The module, with rank and scale. */
  readonly target: TargetModule;
  /** The source of random numbers; each module goes on where the one before it stopped. */
  readonly random: Random;
  /** The module's weight W [m, n]. */
  readonly weight: Tensor;
  /** The mean gradient of the loss by W [m, n]; there for starts that say {@link LoraStart.gradientBatches}. */
  readonly gradient?: Tensor;
}

/** A way to start. */
export interface LoraStart {
  /** Its name, as the command's key `start` takes it. */
  readonly name: string;
  /** What it starts: `'weights'` for those that a method trains themselves, which start as they are. Default: `'pairs'`. */
  readonly trains?: TrainedArrays;
  /** Whether W loses s·AB at the start, so that the model computes at first what it did. */
  readonly changesBase: boolean;
  /** Whether AB is zero at the start, because A is. Default: false. */
  readonly startsAtZero?: boolean;
  /** Over how many batches the start wants the gradient by W averaged. Default: it needs no gradient. */
  readonly gradientBatches?: number;
  /** The factors of one module, in this library's letters: A [m, r] is PEFT's lora_B, B [r, n] its lora_A. */
  factors(context: StartContext): FactorPair<Tensor>;
}

/**
 * B uniform in ±1/√n, A zero: PEFT's default.
 *
 * @see He et al., "Delving deep into rectifiers", ICCV 2015, with PyTorch's a = √5.
 */
export const kaimingStart: LoraStart = {
  name: 'kaiming',
  changesBase: false,
  startsAtZero: true,
  factors: (context) => ({ A: zeroA(context), B: uniformB(context) }),
};

/** B normal of variance 1/r², A zero: PEFT's `'gaussian'`. */
export const gaussianStart: LoraStart = {
  name: 'gaussian',
  changesBase: false,
  startsAtZero: true,
  factors(context) {
    const { la, target, random } = context;
    const draws = la.randomNormal([target.rank, target.module.inFeatures], random);
    return { A: zeroA(context), B: la.scale(1 / target.rank, draws) };
  },
};

/** Both factors as PyTorch starts a linear layer, so that the adapter is not zero: PEFT's `false`. */
export const randomStart: LoraStart = { name: 'random', changesBase: false, factors: bothUniform };

/** {@link randomStart} with its product taken out of W, so that the model computes at first what it did. */
export const compensatedStart: LoraStart = { name: 'compensated', changesBase: true, factors: bothUniform };

function bothUniform(context: StartContext): FactorPair<Tensor> {
  const { rank, module } = context.target;
  return { B: uniformB(context), A: uniform(context, [module.outFeatures, rank], 1 / Math.sqrt(rank)) };
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

/** The first columns of a matrix. */
export function firstColumns(la: TensorAlgebra, x: Tensor, count: number): Tensor {
  return la.slice(x, { columns: [0, count] });
}

/** s·AB as the module's weight is stored: [m, n], or [n, m] for GPT-2's Conv1D. */
export function storedProduct({ module, scale }: TargetModule, { A, B }: FactorPair<Tensor>): Tensor {
  const scaled = mul(A, scale);
  return module.fanInFanOut ? matMul(B, scaled, true, true) : matMul(scaled, B);
}

/** A weight as it is stored, as [m, n]. */
export function outByIn({ module }: TargetModule, stored: Tensor): Tensor {
  return module.fanInFanOut ? transpose(stored) : stored;
}
