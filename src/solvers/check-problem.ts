/** Checks a user's problem before a solver sees it. */
import { ConfigError } from '../core/errors.js';
import { editDistance } from '../core/nearest-names.js';
import { describeValue } from '../core/options.js';
import type { Problem } from './problem.js';

/** Kinds of gradient that a problem may state. */
const gradientKinds: readonly unknown[] = ['ambient', 'coordinates', 'riemannian'];

/** Kinds of second derivative that a problem may state. */
const hessianKinds = gradientKinds;

/** The fields that are functions, with their form. */
const functions: Readonly<Record<string, string>> = {
  cost: '(x, batch) => number',
  costAndGradient: '(x, batch) => ({ cost, gradient })',
  costAlong: '(x, u, batch) => coefficients',
  linearize: '(x) => ({ residual, jvp, adjoint })',
  nextBatch: '(k) => batch',
  wholeBatch: '() => batch',
};

const fields: readonly string[] = ['manifold', 'gradient', 'hessian', 'preconditioner', ...Object.keys(functions)];

const ofEuclidean = (kind: string): string => `write ${kind}: { kind: 'ambient', at: (x${kind === 'hessian' ? ', u' : ''}) => … }`;
const ofRiemannian = (kind: string): string => `write ${kind}: { kind: 'riemannian', at: (x${kind === 'hessian' ? ', u' : ''}) => … }`;

/** Fields of Manopt, Manopt.jl, Pymanopt and Geoopt, in lower case without underscores, and what they are here. */
const elsewhere: Readonly<Record<string, string>> = {
  costgrad: 'name it costAndGradient; it returns { cost, gradient }',
  egrad: ofEuclidean('gradient'),
  ehess: ofEuclidean('hessian'),
  euclideangradient: ofEuclidean('gradient'),
  euclideanhessian: ofEuclidean('hessian'),
  f: 'name it cost',
  grad: ofRiemannian('gradient'),
  hess: ofRiemannian('hessian'),
  loss: 'name it cost',
  m: 'name it manifold',
  objective: 'name it cost',
  precon: 'write preconditioner: { at: (x, u) => … }',
  rgrad: ofRiemannian('gradient'),
  rhess: ofRiemannian('hessian'),
  riemanniangradient: ofRiemannian('gradient'),
  riemannianhessian: ofRiemannian('hessian'),
  partialgrad: 'state nextBatch, and let cost and gradient take the batch',
  partialegrad: 'state nextBatch, and let cost and gradient take the batch',
};

/** Describes what came in place of { at }; a function is not one that should have been called. */
function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  const { kind } = (value ?? {}) as { readonly kind?: unknown };
  return typeof kind === 'string' ? `one of kind '${kind}'` : describeValue(value);
}

/** Fields of a problem with constraints, which other functions must not pass over. */
const constraints: readonly string[] = ['equality', 'inequality'];

/**
 * Requires a problem.
 *
 * @param besides - further fields that the caller reads.
 * @throws ConfigError naming the first part of the problem that is missing, invalid, or of another library.
 */
export function checkProblem<M, P, T, Z, G, Batch>(
  caller: string,
  problem: Problem<M, P, T, Z, G, Batch>,
  besides: readonly string[] = [],
): void {
  const fail = (message: string): never => {
    throw new ConfigError(`${caller}: problem: ${message}`);
  };
  if (typeof problem !== 'object' || problem === null)
    fail(`expected { manifold, cost, gradient }, got ${describeValue(problem)}; pass an object`);
  // A problem may carry more than solvers read; a name that differs from one of theirs by a slip is meant as that one.
  for (const key of Object.keys(problem)) {
    if (fields.includes(key) || besides.includes(key)) continue;
    if (constraints.includes(key))
      fail(`'${key}' would be ignored; call augmentedLagrangian to minimize under constraints, or leave it out`);
    const plain = key.replaceAll('_', '').toLowerCase();
    if (Object.hasOwn(elsewhere, plain)) fail(`'${key}' is the name of another library and would be ignored; ${elsewhere[plain]}`);
    const near = fields.find((field) => editDistance(plain, field.toLowerCase()) <= (plain.length < 6 ? 1 : 2));
    if (near !== undefined) fail(`'${key}' would be ignored; did you mean '${near}'?`);
  }
  if (typeof problem.manifold?.retractTransport !== 'function')
    fail(
      `'manifold' must be a manifold, got ${describeValue(problem.manifold)}; make one with, say, fixedRank({ m, n, rank }), or with defineManifold`,
    );
  for (const [name, form] of Object.entries(functions)) {
    const value = problem[name as keyof typeof problem];
    if (typeof value !== 'function' && (value !== undefined || name === 'cost'))
      fail(
        `'${name}' must be a function ${form}, got ${describeValue(value)}; ${name === 'cost' ? 'pass, say, cost: (x) => la.norm(x)' : 'leave it out if there is none'}`,
      );
  }
  if (problem.wholeBatch !== undefined && problem.nextBatch === undefined)
    fail("'wholeBatch' must stand beside nextBatch, which samples from it; leave it out where the cost is deterministic");
  const { gradient, hessian, preconditioner } = problem;
  if (preconditioner !== undefined && typeof preconditioner?.at !== 'function')
    fail(`'preconditioner' must be { at: (x, u, batch) => tangent }, got ${shown(preconditioner)}; write it so`);
  if (!gradientKinds.includes(gradient?.kind) || typeof gradient.at !== 'function')
    fail(
      `'gradient' must be { kind: 'ambient' | 'coordinates' | 'riemannian', at: (x, batch) => … }, got ${shown(gradient)}; ` +
        "use 'ambient' for the derivative by X, 'coordinates' for the derivative by the point's own arrays",
    );
  if (hessian !== undefined && (!hessianKinds.includes(hessian?.kind) || typeof hessian.at !== 'function'))
    fail(
      `'hessian' must be { kind: 'ambient' | 'coordinates' | 'riemannian', at: (x, u, batch) => … }, got ${shown(hessian)}; ` +
        "use 'ambient' for the second derivative by X along u",
    );
  if (hessian !== undefined && hessian.kind !== 'riemannian' && hessian.kind !== gradient.kind)
    fail(
      `'hessian' must be of the gradient's kind '${gradient.kind}', or of kind 'riemannian', got '${hessian.kind}'; state both derivatives by the same variables`,
    );
}
