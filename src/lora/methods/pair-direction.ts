/** Directions for adapters from rules for one factor pair. */
import { adamw } from '../../solvers/directions/adam.js';
import { componentwise } from '../../solvers/directions/componentwise.js';
import type { DirectionRule } from '../../solvers/solver.js';
import type { LoraDirection, OptimizerOptions } from './lora-method.js';

/**
 * A direction that moves every stack of pairs by one rule, and what is trained besides (magnitudes, biases, modules) by
 * AdamW.
 *
 * @param rule - makes the rule of a stack from the optimizer's options.
 */
export function pairDirection(name: string, rule: (options: OptimizerOptions) => DirectionRule): LoraDirection {
  return {
    name,
    needsPairs: true,
    rule: (options) => componentwise({ pairs: componentwise({}, rule(options)) }, adamw(options)),
  };
}
