/**
 * Numerical checks of gradients, Hessians, retractions and manifolds, and measures of the conditioning of a problem.
 *
 * @module bures/diagnostics
 */
export { balanceGap } from '../retractions/balance-gap.js';
export { checkGradient, type GradientCheck } from './check-gradient.js';
export { checkHessian, type HessianCheck } from './check-hessian.js';
export { checkJacobian, type JacobianCheck } from './check-jacobian.js';
export { type CheckManifoldOptions, checkManifold, checkManifoldDefaults, type LawCheck, type ManifoldCheck } from './check-manifold.js';
export { checkRetraction, type RetractionCheck } from './check-retraction.js';
export { balancedConditionNumber, conditionNumber } from './condition-number.js';
export { factorHessianSpectrum } from './factor-hessian-spectrum.js';
export { type TailOptions, tailDefaults } from './factor-pair-blocks.js';
export { type FactorHessian, hessianSpectrum } from './hessian-spectrum.js';
export { type MeasurePairOptions, measurePair, measurePairDefaults, type PairMeasures } from './measure-pair.js';
export { quadraticHessianVector } from './quadratic-hessian.js';
export type { SlopeCheck } from './slope-fit.js';
export { type ExtremeValues, type HessianSpectrum, type HessianSpectrumOptions, hessianSpectrumDefaults } from './spectrum-parts.js';
export { type TangentBasisOptions, tangentBasis, tangentBasisDefaults } from './tangent-basis.js';
export { type TaylorOptions, taylorDefaults } from './taylor.js';
