/** Directions for whole adapters, made from rules for factor pairs. */
import { adamw } from '../../solvers/directions/adam.js';
import { componentwise } from '../../solvers/directions/componentwise.js';
import type { DirectionRule } from '../../solvers/solver.js';
import type { LoraDirection, OptimizerOptions } from './lora-method.js';

/**
 * Returns a direction that moves all stacks of pairs together by one rule, and all else that is trained (magnitudes,
 * biases, modules) by AdamW.
 *
 * @param rule - returns the rule for the optimizer's options; its points are records of pairs.
 */
export function jointPairDirection(name: string, rule: (options: OptimizerOptions) => DirectionRule): LoraDirection {
  return { name, needsPairs: true, rule: (options) => componentwise({ pairs: rule(options) }, adamw(options)) };
}

/** Returns {@link jointPairDirection} for a rule that moves each stack by itself; its points are pairs. */
export function pairDirection(name: string, rule: (options: OptimizerOptions) => DirectionRule): LoraDirection {
  return jointPairDirection(name, (options) => componentwise({}, rule(options)));
}
