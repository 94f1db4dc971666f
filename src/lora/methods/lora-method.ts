/**
 * A LoRA method as one value: a geometry, a direction rule, a start, and a few numbers. A new method is one file beside
 * this one and one line in lora-methods.ts.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import type { TensorAlgebra } from '../../linalg/tensor/tensor-algebra.js';
import type { FactorOptions } from '../../manifolds/factor-manifold.js';
import type { Manifold } from '../../manifolds/manifold.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { AdamWOptions } from '../../solvers/directions/adam.js';
import type { DirectionRule } from '../../solvers/solver.js';
import type { TargetModule } from '../targets/target-modules.js';
import type { LoraStart, TrainedArrays } from './start.js';

/**
 * Arrays of a stack of adapters, by name: a factor pair `{ A, B }`, or the arrays of a geometry with other coordinates.
 */
export type StackArrays = Readonly<Record<string, Tensor>>;

/** A manifold whose points are the arrays of a stack of adapters. */
export type StackManifold = Manifold<Tensor, StackArrays, StackArrays, unknown, unknown>;

/**
 * Coordinates of a geometry whose points are not factor pairs, such as (U, S, V): maps to the pair with which the model
 * computes, and of derivatives with respect to the pair back to the coordinates.
 */
export interface PairCoordinates {
  /** Returns a point with the same product AB as a pair. */
  fromPair(la: TensorAlgebra, pair: FactorPair<Tensor>): StackArrays;
  /** Returns the pair that a point stands for: A [.., m, r], B [.., r, n]. */
  toPair(la: TensorAlgebra, point: StackArrays): FactorPair<Tensor>;
  /** Applies the transposed Jacobian of `toPair` to a derivative with respect to A and B. */
  pullBack(la: TensorAlgebra, point: StackArrays, derivative: FactorPair<Tensor>): StackArrays;
}

/** A stack of an adapter's layout, as methods see it. */
export interface MethodStack {
  /** The name of the stack in the adapter's point. */
  readonly key: string;
  /** Rank of its adapters. */
  readonly rank: number;
  /** The modules of the stack in order, with the scale of each. */
  readonly targets: readonly Pick<TargetModule, 'scale'>[];
}

/** The part of an adapter's layout that methods see. */
export interface MethodLayout {
  /** Length of the model's hidden states. */
  readonly hiddenSize: number;
  /** The stacks of pairs, with the scale of each adapter. */
  readonly stacks: readonly MethodStack[];
  /** The stacks of weights that are trained themselves, with the rank of each. */
  readonly weights: readonly MethodStack[];
}

/** The space in which a stack of adapters of one shape moves. */
export interface LoraGeometry {
  /** Its name, for tables and messages. */
  readonly name: string;
  /**
   * True if its points are balanced pairs, so that an adapter from which training starts is balanced first. Default:
   * false.
   */
  readonly balanced?: boolean;
  /** The arrays that move in it. Default: `'pairs'`. */
  readonly trains?: TrainedArrays;
  /** Returns the manifold of one stack: A [k, m, r] and B [k, r, n], or stored weights { weight: [k, m, n] }. */
  manifold(stack: FactorOptions<Tensor>, layout: MethodLayout): StackManifold;
  /**
   * The reason why rules that compute with A and B cannot be used, although points are factor pairs: these rules expect
   * the derivative with respect to the factors and a straight step. Default: they can be used.
   */
  readonly refusesPairRules?: string;
  /** Coordinates of its points. Default: points are factor pairs. */
  readonly coordinates?: PairCoordinates;
}

/** Options of the optimizer, from which a method makes its rule. The method itself decides how AdamW's moments move. */
export type OptimizerOptions = Omit<AdamWOptions, 'moments'>;

/**
 * A direction rule for a whole adapter: its pairs, and the magnitudes, biases and modules that are trained with them.
 */
export interface LoraDirection {
  /** Its name, for tables and messages. */
  readonly name: string;
  /** Returns the rule with an optimizer's options, for an adapter of a given layout (which holds the scales). */
  rule(options: OptimizerOptions, layout: MethodLayout): DirectionRule;
  /** True if the rule computes with A and B, and so needs a geometry of factor pairs. Default: false. */
  readonly needsPairs?: boolean;
  /** True if the rule computes with the weights themselves, and so needs a geometry of weights. Default: false. */
  readonly needsWeights?: boolean;
}

/** Rule for s in ΔW = s·AB, given α and the rank r: α/r, or α/√r as in rank-stabilized LoRA. */
export type LoraScaling = (typeof loraScalings)[number];

/** All values of {@link LoraScaling}. */
export const loraScalings = ['rank', 'root-rank'] as const;

/** Factors by which the learning rate is multiplied for a part of the adapter. Default of each: 1. */
export interface BlockRates {
  /** Factor for A, PEFT's lora_B. */
  readonly A?: number;
  /** Factor for B, PEFT's lora_A. */
  readonly B?: number;
  /** Factor for vectors: magnitudes, biases and norms. */
  readonly vectors?: number;
}

/**
 * A LoRA method. It is a plain value, and its parts combine freely:
 * `{ ...balora(), start: pissaStart, direction: muonDirection }` is a method too. {@link checkMethod} refuses
 * combinations that make no sense, and says why.
 */
export interface LoraMethod {
  /** Name of the method. */
  readonly name: string;
  /** The space in which the adapters move: manifold, metric and retraction. */
  readonly geometry: LoraGeometry;
  /** The rule that makes a step's direction from the gradient. */
  readonly direction: LoraDirection;
  /** The starting values of the factors. */
  readonly start: LoraStart;
  /** Returns α for a rank and a start, for callers that leave α to the method. */
  alpha(rank: number, start: LoraStart): number;
  /** Rule for the scale, given α and the rank. */
  readonly scaling: LoraScaling;
  /** True if each row of the adapted weight has a trained magnitude, as in DoRA. */
  readonly magnitudes: boolean;
  /** Factors for parts that move at another rate. Default: all move at the learning rate. */
  readonly rates?: BlockRates;
}

/**
 * Checks that a value is a method and that its parts fit together.
 *
 * @param caller - name of the calling function, for error messages.
 * @throws ConfigError that names the missing part, or says why two parts cannot be combined.
 */
export function checkMethod(caller: string, method: unknown): asserts method is LoraMethod {
  const { geometry, direction, start, alpha } = (method ?? {}) as Partial<LoraMethod>;
  if (
    typeof geometry?.manifold !== 'function' ||
    typeof direction?.rule !== 'function' ||
    typeof start?.factors !== 'function' ||
    typeof alpha !== 'function'
  ) {
    throw new ConfigError(
      `${caller}: method must be a LoRA method (geometry, direction, start, alpha), got ${describeValue(method)}; pass, say, balora(), or { ...balora(), start: pissaStart }`,
    );
  }
  if (direction.needsPairs === true && geometry.coordinates !== undefined) {
    throw new ConfigError(
      `${caller}: the direction '${direction.name}' computes with the factors A and B, and '${geometry.name}' has other coordinates; choose adamw or sgd, or another geometry`,
    );
  }
  if (direction.needsPairs === true && geometry.refusesPairRules !== undefined) {
    throw new ConfigError(
      `${caller}: the direction '${direction.name}' cannot be combined with '${geometry.name}', ${geometry.refusesPairRules}; choose adamw, momentum or sgd, or another geometry`,
    );
  }
  if (geometry.trains === 'weights') checkWeightMethod(caller, method as LoraMethod);
  else checkPairMethod(caller, method as LoraMethod);
}

/** @throws ConfigError for a part that is made for weights, in a method that trains factor pairs. */
function checkPairMethod(caller: string, { geometry, direction, start }: LoraMethod): void {
  if (direction.needsWeights === true) {
    throw new ConfigError(
      `${caller}: the direction '${direction.name}' projects the gradient of the weights themselves, and in '${geometry.name}' factors are trained; choose the method galore, or another direction`,
    );
  }
  if (start.trains === 'weights') {
    throw new ConfigError(
      `${caller}: the start '${start.name}' gives no factors, and in '${geometry.name}' factors are trained; choose another start, such as kaiming`,
    );
  }
}

/** @throws ConfigError for a part that is made for factor pairs, in a method that trains the weights themselves. */
function checkWeightMethod(caller: string, { name, direction, start, scaling, magnitudes, rates }: LoraMethod): void {
  const refuse = (part: string, because: string, remedy: string): never => {
    throw new ConfigError(
      `${caller}: ${part} cannot be combined with '${name}', which trains the weights themselves: ${because}; ${remedy}`,
    );
  };
  if (start.trains !== 'weights')
    refuse(`the start '${start.name}'`, 'there are no factors, and the weights start as they are', 'leave the start out');
  if (direction.needsPairs === true) {
    refuse(
      `the direction '${direction.name}'`,
      'it computes with the factors A and B, which are not there',
      'choose galore, adamw, momentum or sgd',
    );
  }
  if (magnitudes)
    refuse('DoRA', 'its magnitudes rescale the rows of a weight with an adapter, and there is no adapter', 'leave the magnitudes out');
  if (scaling !== 'rank') {
    refuse(
      'the scale α/√r (useRslora)',
      'no product of factors is scaled',
      "leave the scaling out, and scale the step with the method's option scale",
    );
  }
  if (rates?.A !== undefined || rates?.B !== undefined) {
    refuse('a rate of its own for A or B', 'there are no factors', 'leave these rates out');
  }
}
