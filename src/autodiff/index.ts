/**
 * Reverse-mode differentiation of costs and vector-valued functions that are written in the operations of an engine:
 * gradients by coordinates, products with Hessians and with Jacobians.
 *
 * @module bures/autodiff
 */
export {
  autodiff,
  type BatchArgument,
  type CostAndCoordinates,
  type DifferentiatedCost,
  type DifferentiatedGradient,
  type DifferentiatedHessian,
} from './autodiff.js';
export {
  autodiffVector,
  type DifferentiatedAdjoint,
  type DifferentiatedVector,
  type DifferentiatedVectorHessian,
  type TracedVector,
} from './autodiff-vector.js';
export { type DifferentiableAlgebra, differentiableAlgebra } from './differentiable-algebra.js';
export type { TracedCost } from './differentiate.js';
