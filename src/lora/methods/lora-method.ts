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

/** Arrays of a stack of adapters, by name: a factor pair `{ A, B }`, or the arrays of a geometry with other coordinates. */
export type StackArrays = Readonly<Record<string, Tensor>>;

/** A manifold whose points are the arrays of a stack of adapters. */
export type StackManifold = Manifold<Tensor, StackArrays, StackArrays, unknown, unknown>;

/**
 * Coordinates of a geometry whose points are no factor pairs, such as (U, S, V): how they give the pair that the model
 * computes with, and how the derivative by the pair becomes one by the coordinates.
 */
export interface PairCoordinates {
  /** A point with the product AB of a pair. */
  fromPair(la: TensorAlgebra, pair: FactorPair<Tensor>): StackArrays;
  /** The pair that a point stands for: A [.., m, r], B [.., r, n]. */
  toPair(la: TensorAlgebra, point: StackArrays): FactorPair<Tensor>;
  /** The derivative by the coordinates, from the derivative by A and B: the transposed Jacobian of `toPair`. */
  pullBack(la: TensorAlgebra, point: StackArrays, derivative: FactorPair<Tensor>): StackArrays;
}

/** A stack of an adapter's layout, as methods look at it. */
export interface MethodStack {
  /** The name of the stack in the adapter's point. */
  readonly key: string;
  /** Rank of its adapters. */
  readonly rank: number;
  /** The modules of the stack in order, with the scale of each. */
  readonly targets: readonly Pick<TargetModule, 'scale'>[];
}

/** The part of an adapter's layout that methods look at. */
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
  /** What moves in it. Default: `'pairs'`. */
  readonly trains?: TrainedArrays;
  /** The manifold of one stack: A [k, m, r] and B [k, r, n], or weights { weight: [k, m, n] } as they are stored. */
  manifold(stack: FactorOptions<Tensor>, layout: MethodLayout): StackManifold;
  /**
   * Why rules that compute with A and B cannot be used in it, although its points are factor pairs; these rules expect the
   * derivative by the factors and a straight step. Default: they can.
   */
  readonly refusesPairRules?: string;
  /** The coordinates of its points. Default: they are factor pairs. */
  readonly coordinates?: PairCoordinates;
}

/** Options of the optimizer, from which a method makes its rule. The method itself decides how AdamW's moments move. */
export type OptimizerOptions = Omit<AdamWOptions, 'moments'>;

/** A direction rule for a whole adapter: its pairs, and the magnitudes, biases and modules that are trained beside them. */
export interface LoraDirection {
  /** Its name, for tables and messages. */
  readonly name: string;
  /** The rule with an optimizer's options, for an adapter of a layout (which knows the scales). */
  rule(options: OptimizerOptions, layout: MethodLayout): DirectionRule;
  /** Whether the rule computes with A and B, so that it needs a geometry of factor pairs. Default: false. */
  readonly needsPairs?: boolean;
  /** Whether the rule computes with the weights themselves, so that it needs a geometry of weights. Default: false. */
  readonly needsWeights?: boolean;
}

/** How s follows from α and the rank r in ΔW = s·AB: α/r, or α/√r as in rank-stabilized LoRA. */
export type LoraScaling = (typeof loraScalings)[number];

/** All values of {@link LoraScaling}. */
export const loraScalings = ['rank', 'root-rank'] as const;

/** Factors by which the learning rate is multiplied for a part of the adapter. Default of each: 1. */
export interface BlockRates {
  /** For A, PEFT's lora_B. */
  readonly A?: number;
  /** For B, PEFT's lora_A. */
  readonly B?: number;
  /** For vectors: magnitudes, biases and norms. */
  readonly vectors?: number;
}

/**
 * A LoRA method. It is a plain value, and its parts combine freely: `{ ...balora(), start: pissaStart, direction: muonDirection }`
 * is a method too. Combinations that make no sense are refused by {@link checkMethod}, which says why.
 */
export interface LoraMethod {
  /** The method's name. */
  readonly name: string;
  /** Where the adapters move: manifold, metric and retraction. */
  readonly geometry: LoraGeometry;
  /** How a step follows from the gradient. */
  readonly direction: LoraDirection;
  /** Where the factors start. */
  readonly start: LoraStart;
  /** α for a rank and the start that is used, for callers who leave α to the method. */
  alpha(rank: number, start: LoraStart): number;
  /** How the scale follows from α. */
  readonly scaling: LoraScaling;
  /** Whether each row of the adapted weight has a trained magnitude, as in DoRA. */
  readonly magnitudes: boolean;
  /** Which parts move at another rate. Default: all move at the learning rate. */
  readonly rates?: BlockRates;
}

/**
 * Checks that a value is a method and that its parts go together.
 *
 * @param caller - the function on whose behalf this happens.
 * @throws ConfigError saying which part is missing, or why two parts cannot be combined.
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
