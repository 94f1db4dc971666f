/**
 * Riemannian low-rank optimization: manifolds of rank-r matrices, their metrics and retractions, and one descent
 * engine, in float64 on the host.
 *
 * @module bures
 */

export { blasStatus } from '#platform/linalg/host/blas/native';
export type { Awaitable } from './core/awaitable.js';
export {
  BackendError,
  BuresError,
  type BuresErrorOptions,
  ConfigError,
  DomainError,
  FormatError,
  NotImplementedError,
  NumericalError,
  ShapeError,
} from './core/errors.js';
export { type Random, restoreRandom, seededRandom } from './core/random.js';
export { axpyTree, forEachLeaf, type LeafArithmetic, mapTree, scaleTree } from './core/tree.js';
export {
  type Ambient,
  type AmbientFactors,
  ambientShape,
  applyAmbient,
  applyAmbientTranspose,
  type OperatorMatrix,
} from './linalg/ambient.js';
export { type CsrParts, type CsrTriplets, csrFromTriplets, csrMatrix, type OrderedCsrMatrix } from './linalg/csr.js';
export type { CsrMatrix } from './linalg/csr-matrix.js';
export { abs, eye, type Operations, outerSum, square, trace } from './linalg/derived.js';
export type { BlasStatus } from './linalg/host/blas/blas-library.js';
export { fromNdarray } from './linalg/host/from-ndarray.js';
export { type HostAlgebra, type HostAlgebraOptions, type HostArray, hostAlgebra } from './linalg/host/host-algebra.js';
export type { ArrayScope, LinearAlgebra } from './linalg/linear-algebra.js';
export type {
  AdamMoments,
  AdamRates,
  AdamStep,
  EighFactors,
  FactoredMatrix,
  MatmulOptions,
  MatrixFunctions,
  PolarFactors,
  QrFactors,
  SliceRanges,
  SvdFactors,
  SvdOptions,
  TriangularOptions,
} from './linalg/linear-algebra-types.js';
export {
  geometricMean,
  inverseSqrtSpd,
  type MatrixAlgebra,
  polar,
  solveLyapunov,
  solveSylvester,
  sqrtSpd,
} from './linalg/matrix-functions.js';
export { type NumberOf, whenRead } from './linalg/number-of.js';
export type { CurveProducts, SampledProducts, SparsePasses } from './linalg/sparse-passes.js';
export {
  type BalancedFactorsManifold,
  type BalancedFactorsOptions,
  type BalancedTransport,
  type BalancingSchedule,
  balancedFactors,
  balancedFactorsDefaults,
} from './manifolds/balanced-factors.js';
export type { RankShape } from './manifolds/checks.js';
export { type DampedFactorsOptions, dampedFactors, dampedFactorsDefaults } from './manifolds/damped-factors.js';
export { defineManifold, type ManifoldParts } from './manifolds/define-manifold.js';
export { type ElliptopeManifold, elliptope } from './manifolds/elliptope.js';
export { type EuclideanManifold, type EuclideanOptions, euclidean } from './manifolds/euclidean.js';
export { euclideanFactors } from './manifolds/euclidean-factors.js';
export type { FactorManifold, FactorOptions } from './manifolds/factor-manifold.js';
export { type FixedRankManifold, type FixedRankOptions, fixedRank } from './manifolds/fixed-rank.js';
export { type FixedRankPsdManifold, type FixedRankPsdOptions, fixedRankPsd } from './manifolds/fixed-rank-psd.js';
export { type GeneralizedGrassmannOptions, generalizedGrassmann } from './manifolds/generalized-grassmann.js';
export { type GeneralizedStiefelOptions, generalizedStiefel } from './manifolds/generalized-stiefel.js';
export { grassmann } from './manifolds/grassmann.js';
export { type HyperbolicOptions, hyperbolic } from './manifolds/hyperbolic.js';
export { type LazyFactorsOptions, type LazyRate, lazyFactors, lazyFactorsDefaults, lazyRates } from './manifolds/lazy-factors.js';
export type { GeodesicManifold, Manifold, RetractTransport } from './manifolds/manifold.js';
export { type ObliqueOptions, oblique } from './manifolds/oblique.js';
export { type OrthogonalOptions, orthogonalGroup } from './manifolds/orthogonal-group.js';
export type { OrthonormalOptions } from './manifolds/orthonormal.js';
export { poincareBall } from './manifolds/poincare-ball.js';
export {
  type Component,
  type Components,
  type OptionalOperation,
  type ProductAmbient,
  type ProductArray,
  type ProductGradient,
  type ProductManifold,
  type ProductOffers,
  type ProductPoint,
  type ProductTangent,
  product,
} from './manifolds/product.js';
export { quotientFactors } from './manifolds/quotient-factors.js';
export { rotations } from './manifolds/rotations.js';
export { type SimplexOptions, simplex } from './manifolds/simplex.js';
export { type SpdManifold, type SpdOptions, spd } from './manifolds/spd.js';
export { type SphereOptions, sphere } from './manifolds/sphere.js';
export { type StiefelOptions, stiefel } from './manifolds/stiefel.js';
export { affineInvariant } from './metrics/affine-invariant.js';
export { bures, hyperBalancedFactors } from './metrics/bures.js';
export { buresWasserstein } from './metrics/bures-wasserstein.js';
export { canonicalStiefel } from './metrics/canonical-stiefel.js';
export { embedded } from './metrics/embedded.js';
export { euclideanStiefel } from './metrics/euclidean-stiefel.js';
export type { FactorPair } from './metrics/factor-pair.js';
export type { FixedRankMetric, FixedRankPoint, FixedRankTangent } from './metrics/fixed-rank-metric.js';
export { logEuclidean } from './metrics/log-euclidean.js';
export { quotient } from './metrics/quotient.js';
export type { SpdMetric } from './metrics/spd-metric.js';
export type { StiefelMetric } from './metrics/stiefel-metric.js';
export { balanceStored, type StoredPairs } from './retractions/balance-stored.js';
export type { BalancedGauge, BalancedProjection } from './retractions/balanced-pair.js';
export {
  type BalanceAlgorithm,
  type BalancedProjectionOptions,
  balanceAlgorithms,
  balancedGauges,
  balancedProjection,
  balancedProjectionDefaults,
} from './retractions/balanced-projection.js';
export { cayleyRetraction } from './retractions/cayley.js';
export { factored } from './retractions/factored.js';
export type { FixedRankRetraction } from './retractions/fixed-rank-retraction.js';
export { orthographic } from './retractions/orthographic.js';
export type { OrthonormalRetraction } from './retractions/orthonormal-retraction.js';
export { polarRetraction } from './retractions/polar.js';
export { qrRetraction } from './retractions/qr.js';
export { truncatedSvd } from './retractions/truncated-svd.js';
export { type Barycenter, type BarycenterOptions, barycenter, barycenterDefaults } from './solvers/barycenter.js';
export type { Bound } from './solvers/bounds/bounds.js';
export { type ProjectedLbfgsOptions, projectedLbfgs, projectedLbfgsDefaults } from './solvers/bounds/projected-lbfgs.js';
export { carryTangents } from './solvers/carry.js';
export { augmentedLagrangian } from './solvers/constraints/augmented-lagrangian.js';
export { type AugmentedLagrangianOptions, augmentedLagrangianDefaults } from './solvers/constraints/augmented-lagrangian-options.js';
export type { ConstrainedProblem, Constraint, ConstraintArrays, CoordinateConstraint } from './solvers/constraints/constrained-problem.js';
export type { ConstrainedIteration, ConstrainedResult } from './solvers/constraints/constrained-result.js';
export type { KktResiduals } from './solvers/constraints/kkt-residuals.js';
export { defineProblem } from './solvers/define-problem.js';
export {
  type AdamOptions,
  type AdamWOptions,
  adam,
  adamDefaults,
  adamw,
  adamwDefaults,
  type MomentRule,
} from './solvers/directions/adam.js';
export {
  type BalancingPreconditionerOptions,
  balancingPreconditioner,
  balancingPreconditionerDefaults,
} from './solvers/directions/balancing-preconditioner.js';
export { clipped } from './solvers/directions/clipped.js';
export { componentwise } from './solvers/directions/componentwise.js';
export { type ConjugateContext, type ConjugateOptions, type ConjugateWeight, conjugateRule } from './solvers/directions/conjugate.js';
export { fletcherReeves } from './solvers/directions/fletcher-reeves.js';
export { type GaloreOptions, galore, galoreDefaults, type SingularVectorSigns } from './solvers/directions/galore.js';
export { type HagerZhangOptions, hagerZhang, hagerZhangDefaults } from './solvers/directions/hager-zhang.js';
export { hestenesStiefel } from './solvers/directions/hestenes-stiefel.js';
export { type LbfgsOptions, lbfgs, lbfgsDefaults } from './solvers/directions/lbfgs.js';
export { type LoraProOptions, loraPro, loraProDefaults } from './solvers/directions/lora-pro.js';
export { type MatrixAdamOptions, matrixAdam, matrixAdamDefaults } from './solvers/directions/matrix-adam.js';
export { momentBalanced } from './solvers/directions/moment-balanced.js';
export { type MomentumOptions, momentum, momentumDefaults } from './solvers/directions/momentum.js';
export { type MuonOptions, muon, muonDefaults } from './solvers/directions/muon.js';
export { polakRibiere } from './solvers/directions/polak-ribiere.js';
export { restarted } from './solvers/directions/restarted.js';
export { type RiteOptions, rite, riteDefaults } from './solvers/directions/rite.js';
export { type BlockFactors, scaledBlocks } from './solvers/directions/scaled-blocks.js';
export { sgd } from './solvers/directions/sgd.js';
export { type SignOptions, sign, signDefaults } from './solvers/directions/sign.js';
export { type GradientDescentOptions, gradientDescent } from './solvers/gradient-descent.js';
export { iterate } from './solvers/iterate.js';
export {
  type LeastSquaresOptions,
  type LeastSquaresProblem,
  leastSquares,
  leastSquaresDefaults,
} from './solvers/least-squares/least-squares.js';
export {
  type LevenbergMarquardtOptions,
  levenbergMarquardt,
  levenbergMarquardtDefaults,
} from './solvers/least-squares/levenberg-marquardt.js';
export type { RobustLoss } from './solvers/least-squares/losses.js';
export { defaultStop, type LastNumber, type MinimizeOptions, type MinimizeResult, minimize } from './solvers/minimize.js';
export { objective, perPoint } from './solvers/objective.js';
export type {
  AmbientDerivative,
  AmbientHessian,
  CoordinatesDerivative,
  CoordinatesHessian,
  CostAndDerivative,
  Evaluation,
  Gradient,
  Hessian,
  Linearization,
  Objective,
  Preconditioner,
  Problem,
  RiemannianDerivative,
  RiemannianHessian,
  VectorAdjoint,
  VectorFunction,
  VectorHessian,
} from './solvers/problem.js';
export type { AbortSignalLike, IterateOptions, Iteration } from './solvers/run.js';
export { cosineDecay } from './solvers/schedules/cosine-decay.js';
export { linearDecay } from './solvers/schedules/linear-decay.js';
export type { DecayOptions, Schedule } from './solvers/schedules/schedule.js';
export { warmUp } from './solvers/schedules/warm-up.js';
export {
  type DirectionChoice,
  type DirectionContext,
  type DirectionRule,
  type EvaluatedState,
  emptyMemory,
  type Interrupted,
  type Memory,
  type Solver,
  type SolverFor,
  type SolverState,
  type StepChoice,
  type StepSizeContext,
  type StepSizeRule,
} from './solvers/solver.js';
export { type AdaptiveOptions, adaptive, adaptiveDefaults } from './solvers/step-sizes/adaptive.js';
export { type ArmijoOptions, armijo, armijoDefaults } from './solvers/step-sizes/armijo.js';
export type { BacktrackingOptions } from './solvers/step-sizes/backtracking.js';
export {
  type BarzilaiBorweinOptions,
  barzilaiBorwein,
  barzilaiBorweinDefaults,
  type SecantQuotient,
} from './solvers/step-sizes/barzilai-borwein.js';
export { constantStep } from './solvers/step-sizes/constant.js';
export { polynomialSearch, polynomialSearchDefaults } from './solvers/step-sizes/polynomial.js';
export { type WolfeOptions, wolfe, wolfeDefaults } from './solvers/step-sizes/wolfe.js';
export { all, any } from './solvers/stopping/compose.js';
export { costBelow, costChangeBelow, gradientNormBelow, relativeGradientNormBelow } from './solvers/stopping/convergence.js';
export { costAbove, maxIterations, maxSeconds } from './solvers/stopping/limits.js';
export type { Progress, StopDecision, StoppingRule } from './solvers/stopping/stopping-rule.js';
export { type SvrgOptions, svrg } from './solvers/svrg.js';
export { type TrustRegionsOptions, trustRegions, trustRegionsDefaults } from './solvers/trust-regions/trust-regions.js';
