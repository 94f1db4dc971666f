/**
 * Numerical checks of what a user wrote, and measures of how well posed a problem is.
 *
 * @module bures/diagnostics
 */
export { balanceGap } from '../retractions/balance-gap.js';
export { checkGradient, type GradientCheck } from './check-gradient.js';
export { checkHessian, type HessianCheck } from './check-hessian.js';
export { type CheckManifoldOptions, checkManifold, checkManifoldDefaults, type LawCheck, type ManifoldCheck } from './check-manifold.js';
export { checkRetraction, type RetractionCheck } from './check-retraction.js';
export type { SlopeCheck } from './slope-fit.js';
export { type TaylorOptions, taylorDefaults } from './taylor.js';
