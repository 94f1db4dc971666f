/** Directions for adapters from rules for factor pairs. */
import { adamw } from '../../solvers/directions/adam.js';
import { componentwise } from '../../solvers/directions/componentwise.js';
import type { DirectionRule } from '../../solvers/solver.js';
import type { LoraDirection, OptimizerOptions } from './lora-method.js';

/**
 * A direction that moves all stacks of pairs by one rule together, and what is trained besides (magnitudes, biases,
 * modules) by AdamW.
 *
 * @param rule - makes the rule from the optimizer's options; its points are records of pairs.
 */
export function jointPairDirection(name: string, rule: (options: OptimizerOptions) => DirectionRule): LoraDirection {
  return { name, needsPairs: true, rule: (options) => componentwise({ pairs: rule(options) }, adamw(options)) };
}

/** {@link jointPairDirection} for a rule that moves each stack by itself; its points are pairs. */
export function pairDirection(name: string, rule: (options: OptimizerOptions) => DirectionRule): LoraDirection {
  return jointPairDirection(name, (options) => componentwise({}, rule(options)));
}
