/**
 * Reverse-mode differentiation of costs that are written in the operations of an engine: gradients by coordinates, and
 * products with Hessians.
 *
 * @module bures/autodiff
 */
export {
  autodiff,
  type CostAndCoordinates,
  type DifferentiatedCost,
  type DifferentiatedGradient,
  type DifferentiatedHessian,
  type TracedCost,
} from './autodiff.js';
export { type DifferentiableAlgebra, differentiableAlgebra } from './differentiable-algebra.js';
