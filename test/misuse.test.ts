/**
 * Bad input at every public factory and solver: the right class of error, saying what came, what was expected, and what
 * to do.
 */
import { eye } from 'bures';
import { describe, expect, it } from 'vitest';
import {
  adam,
  adamw,
  adaptive,
  all,
  any,
  armijo,
  BackendError,
  BuresError,
  balancedFactors,
  barycenter,
  barzilaiBorwein,
  bures,
  ConfigError,
  constantStep,
  costBelow,
  DomainError,
  embedded,
  euclidean,
  euclideanFactors,
  FormatError,
  fixedRank,
  fixedRankPsd,
  gradientDescent,
  gradientNormBelow,
  grassmann,
  type HostArray,
  hostAlgebra,
  type Manifold,
  mapTree,
  maxIterations,
  maxSeconds,
  minimize,
  momentum,
  NotImplementedError,
  NumericalError,
  oblique,
  orthogonalGroup,
  type Problem,
  product,
  quotient,
  quotientFactors,
  restoreRandom,
  rotations,
  ShapeError,
  seededRandom,
  sign,
  spd,
  sphere,
  stiefel,
} from '../src/index.js';

const la = hostAlgebra();
/** What a caller in JavaScript could pass. */
const wrong = (value: unknown): never => value as never;

const rankFactories = { fixedRank, balancedFactors, quotientFactors, euclideanFactors };
const columnFactories = { stiefel, grassmann };

describe.each(Object.entries(rankFactories))('%s', (name, factory) => {
  it.each([
    [{ m: 4, n: 3, rank: 0 }, ShapeError, /rank must be a positive integer, got 0; pass rank ≥ 1/],
    [{ m: 4, n: 3, rank: 4 }, ShapeError, /rank must be at most min\(m, n\) = 3, got 4; reduce the rank/],
    [{ m: 4, n: 3, rank: 1.5 }, ShapeError, /rank must be a positive integer, got 1.5/],
    [{ m: -4, n: 3, rank: 2 }, ShapeError, /m must be a positive integer, got -4/],
    [{ m: 4, n: '3', rank: 2 }, ShapeError, /n must be a positive integer, got "3"/],
    [{ m: 4, n: 3 }, ShapeError, /rank must be a positive integer, got nothing/],
    [{ m: 4, n: 3, rank: 2, batch: [0] }, ShapeError, /batch size must be a positive integer, got 0/],
    [{ m: 4, n: 3, rank: 2, ranks: 2 }, ConfigError, /unknown option 'ranks'; the options are m, n, rank/],
    [undefined, ConfigError, /expected an options object, got nothing/],
  ])('rejects %o', (options, kind, message) => {
    const build = () => factory(wrong(options));
    expect(build).toThrow(kind);
    expect(build).toThrow(message);
    expect(build).toThrow(new RegExp(`^${name}: `));
  });

  it('rejects points, tangents, gradients and steps of the wrong kind', async () => {
    const manifold = factory({ m: 5, n: 4, rank: 2 }) as Manifold<HostArray, unknown, unknown, unknown, unknown>;
    const other = factory({ m: 6, n: 4, rank: 2 }) as typeof manifold;
    const x = manifold.randomPoint(seededRandom(1));
    const u = manifold.zeroTangent(x);
    const strange = other.randomPoint(seededRandom(1));
    expect(() => manifold.retract(x, u, Number.NaN)).toThrow(NumericalError);
    expect(() => manifold.retract(x, u, Number.NaN)).toThrow(/step size t must be finite, got NaN; check the gradient/);
    expect(() => manifold.retract(strange, u)).toThrow(/must have shape \[5,2\], got \[6,2\]/);
    expect(() => manifold.retract(x, other.zeroTangent(strange))).toThrow(ShapeError);
    expect(() => manifold.retract(wrong({}), u)).toThrow(/fromArray/);
    expect(() => manifold.egradToRgrad(x, la.full([6, 4], 1))).toThrow(/shape \[5,4\], got \[6,4\]; it is the gradient by X/);
    expect(() => manifold.egradToRgrad(x, wrong([[1, 2]]))).toThrow(/expected a matrix of the engine 'host/);
    await expect(async () => manifold.checkPoint(strange)).rejects.toThrow(ShapeError);
    await expect(async () => manifold.checkPoint(wrong(undefined))).rejects.toThrow(/got nothing/);
    const poisoned = mapTree(la, (leaf: HostArray) => la.scale(Number.NaN, leaf), x);
    await expect(async () => manifold.checkPoint(poisoned)).rejects.toThrow(NumericalError);
    await expect(async () => manifold.checkPoint(poisoned)).rejects.toThrow(/has a NaN or infinite entry; start from finite numbers/);
  });
});

describe.each(Object.entries(columnFactories))('%s', (name, factory) => {
  it.each([
    [{ m: 3, rank: 4 }, ShapeError, /rank must be at most m = 3, got 4/],
    [{ m: 3, rank: 0 }, ShapeError, /rank must be a positive integer, got 0/],
    [{ m: 3, rank: 2, n: 4 }, ConfigError, /unknown option 'n'/],
  ])('rejects %o', (options, kind, message) => {
    expect(() => factory(wrong(options))).toThrow(kind);
    expect(() => factory(wrong(options))).toThrow(message);
  });

  it('rejects points off the manifold, and steps that are not numbers', async () => {
    const manifold = factory({ m: 5, rank: 3 });
    const x = manifold.randomPoint(seededRandom(0));
    await expect(async () => manifold.checkPoint(la.scale(1.1, x))).rejects.toThrow(DomainError);
    await expect(async () => manifold.checkPoint(la.scale(1.1, x))).rejects.toThrow(/orthonormal columns.*orthonormalize it/);
    await expect(async () => manifold.checkPoint(la.full([3, 5], 1))).rejects.toThrow(new RegExp(`^${name}: the point must have shape`));
    expect(() => manifold.retract(x, manifold.zeroTangent(x), Number.POSITIVE_INFINITY)).toThrow(/must be finite, got Infinity/);
  });
});

describe('spheres and orthogonal groups', () => {
  it.each<[string, () => unknown, typeof ShapeError | typeof ConfigError, RegExp]>([
    ['sphere', () => sphere(wrong({ shape: 3 })), ConfigError, /shape must be a list of sizes, got 3; pass, say, \{ shape: \[5\] \}/],
    ['sphere', () => sphere({ shape: [1] }), ShapeError, /at least two entries, got one/],
    ['sphere', () => sphere({ shape: [2.5] }), ShapeError, /each size must be a positive integer, got 2.5/],
    ['sphere', () => sphere(wrong({ n: 3 })), ConfigError, /unknown option 'n'; the options are shape, batch, algebra/],
    ['oblique', () => oblique({ m: 1, n: 3 }), ShapeError, /m must be at least 2, got 1/],
    ['oblique', () => oblique(wrong({ m: 3 })), ShapeError, /n must be a positive integer, got nothing/],
    ['orthogonalGroup', () => orthogonalGroup({ n: 1 }), ShapeError, /n must be at least 2, got 1/],
    ['orthogonalGroup', () => orthogonalGroup(wrong({ m: 3 })), ConfigError, /unknown option 'm'; the options are n, batch/],
    ['rotations', () => rotations({ n: 3, batch: [0] }), ShapeError, /batch size must be a positive integer, got 0/],
    ['rotations', () => rotations({ n: 3, retraction: wrong('qr') }), ConfigError, /retraction must be a retraction, got "qr"/],
  ])('%s rejects sizes it cannot have: %#', (name, build, kind, message) => {
    expect(build).toThrow(kind);
    expect(build).toThrow(message);
    expect(build).toThrow(new RegExp(`^${name}: `));
  });

  it.each([
    ['sphere', sphere({ shape: [3, 2] })],
    ['oblique', oblique({ m: 3, n: 2 })],
    ['orthogonalGroup', orthogonalGroup({ n: 3 })],
  ])('%s rejects points off it, steps that are not numbers and arrays of another shape', async (name, manifold) => {
    const x = manifold.randomPoint(seededRandom(1));
    const u = manifold.zeroTangent(x);
    await expect(async () => manifold.checkPoint(la.scale(1.1, x))).rejects.toThrow(DomainError);
    await expect(async () => manifold.checkPoint(la.full([2, 3], 1))).rejects.toThrow(new RegExp(`^${name}: the point must have shape`));
    await expect(async () => manifold.checkPoint(la.scale(Number.NaN, x))).rejects.toThrow(/NaN or infinite entry/);
    expect(() => manifold.retract(x, u, Number.NaN)).toThrow(/must be finite, got NaN/);
    expect(() => manifold.exp(x, u, Number.NaN)).toThrow(NumericalError);
    expect(() => manifold.retract(x, la.full([1, 1], 0))).toThrow(/the tangent must have shape/);
  });
});

describe('positive definite and semidefinite matrices', () => {
  const definite = spd({ n: 3 });
  const factors = fixedRankPsd({ n: 4, rank: 2 });
  const x = definite.randomPoint(seededRandom(1));
  const y = factors.randomPoint(seededRandom(1));

  it.each<[string, () => unknown, typeof ShapeError | typeof ConfigError, RegExp]>([
    ['spd', () => spd({ n: 0 }), ShapeError, /n must be a positive integer, got 0/],
    ['spd', () => spd({ n: 3, metric: wrong('bures') }), ConfigError, /metric must be a metric, got "bures"; pass affineInvariant\(\) or/],
    ['spd', () => spd({ n: 3, metric: wrong(bures()) }), ConfigError, /metric must be a metric/],
    ['spd', () => spd(wrong({ n: 3, rank: 2 })), ConfigError, /unknown option 'rank'; the options are n, metric, batch, algebra/],
    ['fixedRankPsd', () => fixedRankPsd({ n: 3, rank: 4 }), ShapeError, /rank must be at most n = 3, got 4; reduce the rank/],
    ['fixedRankPsd', () => fixedRankPsd(wrong({ n: 3 })), ShapeError, /rank must be a positive integer, got nothing/],
    ['fixedRankPsd', () => fixedRankPsd(wrong({ n: 3, rank: 1, m: 2 })), ConfigError, /unknown option 'm'/],
    ['barycenter', () => barycenter(definite, []), ConfigError, /at least one point, got none; pass \[x, y, …\]/],
    ['barycenter', () => barycenter(definite, wrong(x)), ConfigError, /at least one point, got an object/],
    ['barycenter', () => barycenter(definite, [x], { weights: [1, 2] }), ConfigError, /weights must be 1 numbers, one a point/],
    ['barycenter', () => barycenter(definite, [x, x], { weights: [1, -1] }), ConfigError, /each weight must be .* at least 0, got -1/],
    ['barycenter', () => barycenter(definite, [x, x], { weights: [0, 0] }), ConfigError, /must not all be zero; give at least one/],
    ['barycenter', () => barycenter(definite, [x], { tolerance: 0 }), ConfigError, /tolerance must be .* above 0, got 0/],
    ['barycenter', () => barycenter(definite, [x], wrong({ tol: 1 })), ConfigError, /unknown option 'tol'/],
    ['fixedRankPsd.fromMatrix', () => factors.fromMatrix(eye(la, 3)), ShapeError, /the matrix must have shape \[4,4\], got \[3,3\]/],
    ['fixedRankPsd.egradToRgrad', () => factors.egradToRgrad(y, la.full([4, 2], 1)), ShapeError, /it is the gradient by X/],
    ['spd.egradToRgrad', () => definite.egradToRgrad(x, la.full([3, 2], 1)), ShapeError, /the gradient must have shape \[3,3\]/],
  ])('%s rejects what it cannot use: %#', (name, build, kind, message) => {
    expect(build).toThrow(kind);
    expect(build).toThrow(message);
    expect(build).toThrow(new RegExp(`^${name.replace('.', '\\.')}: `));
  });

  it.each<[string, HostArray, RegExp]>([
    ['an asymmetric matrix', la.fromArray([1, 0.5, 0, 0, 1, 0, 0, 0, 1], [3, 3]), /expected a symmetric matrix, but .* pass ½\(X \+ Xᵀ\)/],
    ['an indefinite matrix', la.diagMatrix(la.fromArray([1, 2, -1], [3])), /eigenvalues run from -1.0e\+0 to 2.0e\+0.*or use fixedRankPsd/],
    ['a singular matrix', la.full([3, 3], 1), /not so beyond rounding; add a multiple of the identity/],
  ])('spd: %s is no point', async (_what, point, message) => {
    await expect(async () => definite.checkPoint(point)).rejects.toThrow(DomainError);
    await expect(async () => definite.checkPoint(point)).rejects.toThrow(message);
  });

  it('fixedRankPsd: a factor that has lost rank is no point', async () => {
    const flat = la.full([4, 2], 1);
    await expect(async () => factors.checkPoint(flat)).rejects.toThrow(DomainError);
    await expect(async () => factors.checkPoint(flat)).rejects.toThrow(/expected a factor of rank 2.*lower the rank, or perturb the point/);
  });

  it.each([definite, factors])('steps that are not numbers, NaN, and arrays of another shape: %#', async (manifold) => {
    const at = manifold.randomPoint(seededRandom(2));
    const u = manifold.zeroTangent(at);
    expect(() => manifold.retract(at, u, Number.NaN)).toThrow(/must be finite, got NaN/);
    expect(() => manifold.exp(at, u, Number.NaN)).toThrow(NumericalError);
    expect(() => manifold.retract(at, la.full([1, 1], 0))).toThrow(/the tangent must have shape/);
    await expect(async () => manifold.checkPoint(la.scale(Number.NaN, at))).rejects.toThrow(/NaN or infinite entry/);
  });
});

it.each([embedded(), bures(), quotient()])('fixedRank: the Hessian rejects derivatives of another shape', (metric) => {
  const manifold = fixedRank({ m: 5, n: 4, rank: 2, metric });
  const x = manifold.randomPoint(seededRandom(1));
  const [right, transposed] = [la.full([5, 4], 1), la.full([4, 5], 1)];
  expect(() => manifold.ehessToRhess?.(x, transposed, right, manifold.zeroTangent(x))).toThrow(/shape \[5,4\], got \[4,5\]/);
  expect(() => manifold.ehessToRhess?.(x, right, transposed, manifold.zeroTangent(x))).toThrow(/^fixedRank.ehessToRhess: /);
});

describe('points off their manifold', () => {
  const { manifold, x } = {
    manifold: fixedRank({ m: 5, n: 4, rank: 2 }),
    x: fixedRank({ m: 5, n: 4, rank: 2 }).randomPoint(seededRandom(1)),
  };

  it.each([
    ['U not orthonormal', { ...x, U: la.scale(2, x.U) }, /U must have orthonormal columns/],
    ['V not orthonormal', { ...x, V: la.scale(0.5, x.V) }, /V must have orthonormal columns/],
    ['S ascending', { ...x, S: la.fromArray([1, 2], [2]) }, /nonnegative and descending, got 2 at 1; build the point with fromFactors/],
    ['S negative', { ...x, S: la.fromArray([1, -1], [2]) }, /nonnegative and descending, got -1/],
  ])('fixedRank: %s', async (_what, point, message) => {
    await expect(async () => manifold.checkPoint(point)).rejects.toThrow(DomainError);
    await expect(async () => manifold.checkPoint(point)).rejects.toThrow(message);
  });

  it('balancedFactors: an unbalanced pair, with the way to balance it', async () => {
    const balanced = balancedFactors({ m: 5, n: 4, rank: 2 });
    const pair = { A: la.randomNormal([5, 2], seededRandom(1)), B: la.randomNormal([2, 4], seededRandom(2)) };
    await expect(async () => balanced.checkPoint(pair)).rejects.toThrow(DomainError);
    await expect(async () => balanced.checkPoint(pair)).rejects.toThrow(/start from balance\(\{ A, B \}\)/);
    await balanced.checkPoint(balanced.balance(pair));
    await balanced.checkPoint({ A: pair.A, B: la.full([2, 4], 0) });
  });

  it('quotientFactors: a factor that has lost rank', async () => {
    const manifold = quotientFactors({ m: 5, n: 4, rank: 2 });
    const pair = { A: la.randomNormal([5, 2], seededRandom(1)), B: la.full([2, 4], 0) };
    await expect(async () => manifold.checkPoint(pair)).rejects.toThrow(NumericalError);
    await expect(async () => manifold.checkPoint(pair)).rejects.toThrow(/factor B has lost rank.*use balancedFactors/);
  });

  it('minimize checks where it starts', async () => {
    const problem = { manifold, cost: () => 0, gradient: { kind: 'ambient', at: () => la.full([5, 4], 0) } as const };
    await expect(minimize(problem, { initial: { ...x, U: la.scale(2, x.U) } })).rejects.toThrow(DomainError);
  });
});

describe('products', () => {
  it.each([
    [{}, /at least one named manifold, got none/],
    [{ q: 3 }, /component 'q' must be a manifold, got 3/],
    [
      { q: euclidean({ shape: [2] }), v: { ...euclidean({ shape: [2] }), algebra: { ...la, name: 'another' } } },
      /component 'v' computes with 'another'.*one algebra/,
    ],
  ])('rejects %o', (components, message) => {
    expect(() => product(wrong(components))).toThrow(ConfigError);
    expect(() => product(wrong(components))).toThrow(message);
  });

  it('names the component that is missing, or that lacks an operation', () => {
    const manifold = product({ q: stiefel({ m: 4, rank: 2 }), v: euclidean({ shape: [3] }) });
    const x = manifold.randomPoint(seededRandom(1));
    expect(() => manifold.retract(wrong({ q: x.q }), manifold.zeroTangent(x))).toThrow(/component 'v' is missing/);
    expect(() => manifold.exp?.(x, manifold.zeroTangent(x))).toThrow(NotImplementedError);
    expect(() => manifold.exp?.(x, manifold.zeroTangent(x))).toThrow(/component 'q' \(stiefel/);
  });
});

describe('solver parts', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['gradientDescent', () => gradientDescent(wrong({ step: 1 })), /unknown option 'step'; the options are stepSize, direction/],
    [
      'gradientDescent',
      () => gradientDescent({ stepSize: wrong(0.1) }),
      /stepSize must be a step-size rule, got 0.1; pass, say, constantStep\(0.1\)/,
    ],
    ['gradientDescent', () => gradientDescent({ direction: wrong('adam') }), /direction must be a direction rule, got "adam"/],
    ['constantStep', () => constantStep(Number.NaN), /must be a finite number above 0, got NaN/],
    ['constantStep', () => constantStep(0), /above 0, got 0/],
    ['armijo', () => armijo({ contraction: 1 }), /contraction must be a finite number above 0 and below 1, got 1/],
    ['armijo', () => armijo({ initialStep: -1 }), /initialStep must be a finite number above 0, got -1/],
    ['armijo', () => armijo(wrong({ tau: 1 })), /unknown option 'tau'/],
    ['adaptive', () => adaptive({ maxTrials: 0 }), /maxTrials must be a finite number at least 1, got 0/],
    [
      'barzilaiBorwein',
      () => barzilaiBorwein({ quotient: wrong('third') }),
      /quotient must be one of 'long', 'short', 'alternating', got "third"/,
    ],
    ['barzilaiBorwein', () => barzilaiBorwein({ minStep: 2, maxStep: 1 }), /minStep \(2\) must not exceed maxStep \(1\)/],
    ['momentum', () => momentum({ decay: 1 }), /decay must be a finite number at least 0 and below 1, got 1/],
    ['adam', () => adam({ beta1: 1 }), /beta1 must be .* below 1, got 1/],
    ['adam', () => adam(wrong({ weightDecay: 0.1 })), /unknown option 'weightDecay'/],
    ['adamw', () => adamw({ weightDecay: -1 }), /weightDecay must be a finite number at least 0, got -1/],
    ['adamw', () => adamw({ moments: wrong('drop') }), /moments must be one of 'transport', 'transport-first', 'keep'/],
    ['sign', () => sign({ epsilon: 0 }), /epsilon must be a finite number above 0, got 0/],
    ['maxIterations', () => maxIterations(-1), /at least 0, got -1/],
    ['maxSeconds', () => maxSeconds(0), /above 0, got 0/],
    ['gradientNormBelow', () => gradientNormBelow(wrong('1e-6')), /above 0, got "1e-6"/],
    ['costBelow', () => costBelow(Number.NaN), /got NaN/],
    ['any', () => any(), /at least one stopping rule, got none/],
    ['all', () => all(wrong(100)), /expected stopping rules, got 100/],
    ['seededRandom', () => seededRandom(0.5), /seed must be an integer, got 0.5/],
    ['restoreRandom', () => restoreRandom([1, 2]), /six numbers that state\(\) returns/],
    ['euclidean', () => euclidean(wrong({ shape: 3 })), /shape must be an array of sizes/],
  ])('%s rejects what it cannot use: %#', (name, build, message) => {
    expect(build).toThrow(ConfigError);
    expect(build).toThrow(message);
    expect(build).toThrow(new RegExp(`^${name}: `));
  });

  const manifold = euclidean({ shape: [2] });
  const problem: Problem<HostArray, HostArray> = {
    manifold,
    cost: (x) => la.norm(x),
    gradient: { kind: 'ambient', at: (x) => x },
  };

  it.each<[string, unknown, object, RegExp]>([
    ['no manifold', { ...problem, manifold: undefined }, {}, /'manifold' must be a manifold, got nothing; make one with/],
    ['no cost', { ...problem, cost: 3 }, {}, /'cost' must be a function .* got 3/],
    ['a bare gradient', { ...problem, gradient: () => 1 }, {}, /'gradient' must be \{ kind: 'ambient' \| 'coordinates' \| 'riemannian'/],
    ['an unknown option', problem, { maxIterations: 5 }, /unknown option 'maxIterations'/],
    ['a solver that is none', problem, { solver: 'adam' }, /solver must be \{ name, init, step \}, got "adam"/],
    ['a stop that is none', problem, { stop: 10 }, /stop must be a stopping rule, got 10; pass, say, any\(/],
    [
      'a schedule of NaN',
      problem,
      { solver: gradientDescent({ stepSize: constantStep(() => Number.NaN) }) },
      /schedule gave NaN at iteration 0/,
    ],
  ])('minimize rejects %s', async (_what, given, options, message) => {
    await expect(minimize(wrong(given), options)).rejects.toThrow(ConfigError);
    await expect(minimize(wrong(given), options)).rejects.toThrow(message);
  });

  it('weight decay on a manifold without a direction of decay says what to do', async () => {
    const columns = stiefel({ m: 4, rank: 2 });
    const run = minimize(
      { manifold: columns, cost: () => 0, gradient: { kind: 'ambient', at: (x) => x } },
      { solver: gradientDescent({ direction: adamw(), stepSize: constantStep(1) }), stop: maxIterations(2) },
    );
    await expect(run).rejects.toThrow(/adamw: weight decay needs .* pass weightDecay: 0 or use adam\(\)/);
  });
});

it('every error class has a stable code and name', () => {
  for (const kind of [ShapeError, DomainError, NumericalError, NotImplementedError, ConfigError, FormatError, BackendError]) {
    const cause = new Error('below');
    const error = new kind('message', { cause });
    expect(error).toBeInstanceOf(BuresError);
    expect(error.name).toBe(kind.name);
    expect(error.code).toMatch(/^BURES_[A-Z_]+$/);
    expect(error.cause).toBe(cause);
  }
});
