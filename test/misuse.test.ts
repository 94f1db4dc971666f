/**
 * Bad input at every public factory and solver: the right class of error and its code. The texts, which say what came,
 * what was expected, and what to do, are in __snapshots__/misuse.test.ts.snap, to be read together.
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
  augmentedLagrangian,
  BuresError,
  balancedFactors,
  barycenter,
  barzilaiBorwein,
  bures,
  ConfigError,
  constantStep,
  costBelow,
  DomainError,
  elliptope,
  embedded,
  euclidean,
  euclideanFactors,
  fixedRank,
  fixedRankPsd,
  generalizedGrassmann,
  generalizedStiefel,
  gradientDescent,
  gradientNormBelow,
  grassmann,
  type HostArray,
  hostAlgebra,
  hyperbolic,
  leastSquares,
  levenbergMarquardt,
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
  poincareBall,
  product,
  projectedLbfgs,
  quotient,
  quotientFactors,
  restoreRandom,
  rotations,
  ShapeError,
  seededRandom,
  sign,
  simplex,
  spd,
  sphere,
  stiefel,
  trustRegions,
} from '../src/index.js';
import { codes, refused } from './support/refused.js';

const la = hostAlgebra();
/** What a caller in JavaScript could pass. */
const wrong = (value: unknown): never => value as never;

const rankFactories = { fixedRank, balancedFactors, quotientFactors, euclideanFactors };
const columnFactories = { stiefel, grassmann };

describe.each(Object.entries(rankFactories))('%s', (_name, factory) => {
  it.each([
    [{ m: 4, n: 3, rank: 0 }, ShapeError],
    [{ m: 4, n: 3, rank: 4 }, ShapeError],
    [{ m: 4, n: 3, rank: 1.5 }, ShapeError],
    [{ m: -4, n: 3, rank: 2 }, ShapeError],
    [{ m: 4, n: '3', rank: 2 }, ShapeError],
    [{ m: 4, n: 3 }, ShapeError],
    [{ m: 4, n: 3, rank: 2, batch: [0] }, ShapeError],
    [{ m: 4, n: 3, rank: 2, ranks: 2 }, ConfigError],
    [undefined, ConfigError],
  ])('rejects %o', (options, kind) => refused(kind, () => factory(wrong(options))));

  it('rejects points, tangents, gradients and steps of the wrong kind', async () => {
    const manifold = factory({ m: 5, n: 4, rank: 2 }) as Manifold<HostArray, unknown, unknown, unknown, unknown>;
    const other = factory({ m: 6, n: 4, rank: 2 }) as typeof manifold;
    const x = manifold.randomPoint(seededRandom(1));
    const u = manifold.zeroTangent(x);
    const strange = other.randomPoint(seededRandom(1));
    await refused(NumericalError, () => manifold.retract(x, u, Number.NaN));
    await refused(ShapeError, () => manifold.retract(strange, u));
    await refused(ShapeError, () => manifold.retract(x, other.zeroTangent(strange)));
    await refused(ShapeError, () => manifold.retract(wrong({}), u));
    await refused(ShapeError, () => manifold.egradToRgrad(x, la.full([6, 4], 1)));
    await refused(ShapeError, () => manifold.egradToRgrad(x, wrong([[1, 2]])));
    await refused(ShapeError, () => manifold.checkPoint(strange));
    await refused(ShapeError, () => manifold.checkPoint(wrong(undefined)));
    const poisoned = mapTree(la, (leaf: HostArray) => la.scale(Number.NaN, leaf), x);
    await refused(NumericalError, () => manifold.checkPoint(poisoned));
  });
});

describe.each(Object.entries(columnFactories))('%s', (_name, factory) => {
  it.each([
    [{ m: 3, rank: 4 }, ShapeError],
    [{ m: 3, rank: 0 }, ShapeError],
    [{ m: 3, rank: 2, n: 4 }, ConfigError],
  ])('rejects %o', (options, kind) => refused(kind, () => factory(wrong(options))));

  it('rejects points off the manifold, and steps that are not numbers', async () => {
    const manifold = factory({ m: 5, rank: 3 });
    const x = manifold.randomPoint(seededRandom(0));
    await refused(DomainError, () => manifold.checkPoint(la.scale(1.1, x)));
    await refused(ShapeError, () => manifold.checkPoint(la.full([3, 5], 1)));
    await refused(NumericalError, () => manifold.retract(x, manifold.zeroTangent(x), Number.POSITIVE_INFINITY));
  });
});

describe('spheres and orthogonal groups', () => {
  it.each<[string, () => unknown, typeof ShapeError | typeof ConfigError]>([
    ['sphere', () => sphere(wrong({ shape: 3 })), ConfigError],
    ['sphere', () => sphere({ shape: [1] }), ShapeError],
    ['sphere', () => sphere({ shape: [2.5] }), ShapeError],
    ['sphere', () => sphere(wrong({ n: 3 })), ConfigError],
    ['oblique', () => oblique({ m: 1, n: 3 }), ShapeError],
    ['oblique', () => oblique(wrong({ m: 3 })), ShapeError],
    ['orthogonalGroup', () => orthogonalGroup({ n: 1 }), ShapeError],
    ['orthogonalGroup', () => orthogonalGroup(wrong({ m: 3 })), ConfigError],
    ['rotations', () => rotations({ n: 3, batch: [0] }), ShapeError],
    ['rotations', () => rotations({ n: 3, retraction: wrong('qr') }), ConfigError],
  ])('%s rejects sizes it cannot have: %#', (_name, build, kind) => refused(kind, build));

  it.each([
    ['sphere', sphere({ shape: [3, 2] })],
    ['oblique', oblique({ m: 3, n: 2 })],
    ['orthogonalGroup', orthogonalGroup({ n: 3 })],
  ])('%s rejects points off it, steps that are not numbers and arrays of another shape', async (_name, manifold) => {
    const x = manifold.randomPoint(seededRandom(1));
    const u = manifold.zeroTangent(x);
    await refused(DomainError, () => manifold.checkPoint(la.scale(1.1, x)));
    await refused(ShapeError, () => manifold.checkPoint(la.full([2, 3], 1)));
    await refused(NumericalError, () => manifold.checkPoint(la.scale(Number.NaN, x)));
    await refused(NumericalError, () => manifold.retract(x, u, Number.NaN));
    await refused(NumericalError, () => manifold.exp(x, u, Number.NaN));
    await refused(ShapeError, () => manifold.retract(x, la.full([1, 1], 0)));
  });
});

describe('hyperbolic spaces, simplices, correlations, and products other than the Euclidean one', () => {
  const B = la.diagMatrix(la.fromArray([1, 2, 3, 4], [4]));

  it.each<[string, () => unknown, typeof ShapeError | typeof ConfigError | typeof DomainError]>([
    ['hyperbolic', () => hyperbolic({ n: 0 }), ShapeError],
    ['hyperbolic', () => hyperbolic(wrong({ shape: [3] })), ConfigError],
    ['poincareBall', () => poincareBall({ n: 2, batch: [0] }), ShapeError],
    ['simplex', () => simplex({ n: 1 }), ShapeError],
    ['simplex', () => simplex(wrong({ m: 3 })), ConfigError],
    ['elliptope', () => elliptope({ n: 4, rank: 1 }), ShapeError],
    ['elliptope', () => elliptope({ n: 4, rank: 5 }), ShapeError],
    ['generalizedStiefel', () => generalizedStiefel(wrong({ m: 4, rank: 2 })), ShapeError],
    ['generalizedStiefel', () => generalizedStiefel({ m: 4, rank: 2, B: la.full([4, 3], 1) }), ShapeError],
    ['generalizedStiefel', () => generalizedStiefel({ m: 4, rank: 2, B: la.full([4, 4], 1) }), DomainError],
    ['generalizedGrassmann', () => generalizedGrassmann({ m: 4, rank: 4, B }), ShapeError],
    ['generalizedGrassmann', () => generalizedGrassmann(wrong({ m: 4, rank: 2, B, metric: 1 })), ConfigError],
    ['stiefel', () => stiefel({ m: 4, rank: 2, metric: wrong('canonical') }), ConfigError],
    ['stiefel', () => stiefel({ m: 4, rank: 2, metric: { name: 'none', beta: 0 } }), ConfigError],
  ])('%s rejects sizes it cannot have: %#', (_name, build, kind) => refused(kind, build));

  it.each<[string, Manifold<HostArray, HostArray>]>([
    ['hyperbolic', hyperbolic({ n: 3 })],
    ['simplex', simplex({ n: 4 })],
    ['elliptope', elliptope({ n: 4, rank: 2 }) as never],
    ['generalizedStiefel', generalizedStiefel({ m: 4, rank: 2, B })],
    ['stiefel', stiefel({ m: 4, rank: 2 })],
  ])('%s rejects points off it, steps that are not numbers and arrays of another shape', async (_name, manifold) => {
    const x = manifold.randomPoint(seededRandom(1));
    const u = manifold.zeroTangent(x);
    await refused(DomainError, () => manifold.checkPoint(la.scale(1.1, x)));
    await refused(ShapeError, () => manifold.checkPoint(la.full([2, 7], 1)));
    await refused(NumericalError, () => manifold.checkPoint(la.scale(Number.NaN, x)));
    await refused(NumericalError, () => manifold.retract(x, u, Number.NaN));
    await refused(NumericalError, () => manifold.exp?.(x, u, Number.NaN));
    await refused(ShapeError, () => manifold.retract(x, la.full([1, 1], 0)));
  });
});

describe('positive definite and semidefinite matrices', () => {
  const definite = spd({ n: 3 });
  const factors = fixedRankPsd({ n: 4, rank: 2 });
  const x = definite.randomPoint(seededRandom(1));
  const y = factors.randomPoint(seededRandom(1));

  it.each<[string, () => unknown, typeof ShapeError | typeof ConfigError]>([
    ['spd', () => spd({ n: 0 }), ShapeError],
    ['spd', () => spd({ n: 3, metric: wrong('bures') }), ConfigError],
    ['spd', () => spd({ n: 3, metric: wrong(bures()) }), ConfigError],
    ['spd', () => spd(wrong({ n: 3, rank: 2 })), ConfigError],
    ['fixedRankPsd', () => fixedRankPsd({ n: 3, rank: 4 }), ShapeError],
    ['fixedRankPsd', () => fixedRankPsd(wrong({ n: 3 })), ShapeError],
    ['fixedRankPsd', () => fixedRankPsd(wrong({ n: 3, rank: 1, m: 2 })), ConfigError],
    ['barycenter', () => barycenter(definite, []), ConfigError],
    ['barycenter', () => barycenter(definite, wrong(x)), ConfigError],
    ['barycenter', () => barycenter(definite, [x], { weights: [1, 2] }), ConfigError],
    ['barycenter', () => barycenter(definite, [x, x], { weights: [1, -1] }), ConfigError],
    ['barycenter', () => barycenter(definite, [x, x], { weights: [0, 0] }), ConfigError],
    ['barycenter', () => barycenter(definite, [x], { tolerance: 0 }), ConfigError],
    ['barycenter', () => barycenter(definite, [x], wrong({ tol: 1 })), ConfigError],
    ['fixedRankPsd.fromMatrix', () => factors.fromMatrix(eye(la, 3)), ShapeError],
    ['fixedRankPsd.egradToRgrad', () => factors.egradToRgrad(y, la.full([4, 2], 1)), ShapeError],
    ['spd.egradToRgrad', () => definite.egradToRgrad(x, la.full([3, 2], 1)), ShapeError],
  ])('%s rejects what it cannot use: %#', (_name, build, kind) => refused(kind, build));

  it.each<[string, HostArray]>([
    ['an asymmetric matrix', la.fromArray([1, 0.5, 0, 0, 1, 0, 0, 0, 1], [3, 3])],
    ['an indefinite matrix', la.diagMatrix(la.fromArray([1, 2, -1], [3]))],
    ['a singular matrix', la.full([3, 3], 1)],
  ])('spd: %s is no point', async (_what, point) => {
    await refused(DomainError, () => definite.checkPoint(point));
  });

  it('fixedRankPsd: a factor that has lost rank is no point', async () => {
    const flat = la.full([4, 2], 1);
    await refused(DomainError, () => factors.checkPoint(flat));
  });

  it.each([definite, factors])('steps that are not numbers, NaN, and arrays of another shape: %#', async (manifold) => {
    const at = manifold.randomPoint(seededRandom(2));
    const u = manifold.zeroTangent(at);
    await refused(NumericalError, () => manifold.retract(at, u, Number.NaN));
    await refused(NumericalError, () => manifold.exp(at, u, Number.NaN));
    await refused(ShapeError, () => manifold.retract(at, la.full([1, 1], 0)));
    await refused(NumericalError, () => manifold.checkPoint(la.scale(Number.NaN, at)));
  });
});

it.each([embedded(), bures(), quotient()])('fixedRank: the Hessian rejects derivatives of another shape', async (metric) => {
  const manifold = fixedRank({ m: 5, n: 4, rank: 2, metric });
  const x = manifold.randomPoint(seededRandom(1));
  const [right, transposed] = [la.full([5, 4], 1), la.full([4, 5], 1)];
  await refused(ShapeError, () => manifold.ehessToRhess?.(x, transposed, right, manifold.zeroTangent(x)));
  await refused(ShapeError, () => manifold.ehessToRhess?.(x, right, transposed, manifold.zeroTangent(x)));
});

describe('points off their manifold', () => {
  const { manifold, x } = {
    manifold: fixedRank({ m: 5, n: 4, rank: 2 }),
    x: fixedRank({ m: 5, n: 4, rank: 2 }).randomPoint(seededRandom(1)),
  };

  it.each([
    ['U not orthonormal', { ...x, U: la.scale(2, x.U) }],
    ['V not orthonormal', { ...x, V: la.scale(0.5, x.V) }],
    ['S ascending', { ...x, S: la.fromArray([1, 2], [2]) }],
    ['S negative', { ...x, S: la.fromArray([1, -1], [2]) }],
  ])('fixedRank: %s', async (_what, point) => {
    await refused(DomainError, () => manifold.checkPoint(point));
  });

  it('balancedFactors: an unbalanced pair, with the way to balance it', async () => {
    const balanced = balancedFactors({ m: 5, n: 4, rank: 2 });
    const pair = { A: la.randomNormal([5, 2], seededRandom(1)), B: la.randomNormal([2, 4], seededRandom(2)) };
    await refused(DomainError, () => balanced.checkPoint(pair));
    await balanced.checkPoint(balanced.balance(pair));
    await balanced.checkPoint({ A: pair.A, B: la.full([2, 4], 0) });
  });

  it('quotientFactors: a factor that has lost rank', async () => {
    const manifold = quotientFactors({ m: 5, n: 4, rank: 2 });
    const pair = { A: la.randomNormal([5, 2], seededRandom(1)), B: la.full([2, 4], 0) };
    await refused(NumericalError, () => manifold.checkPoint(pair));
  });

  it('minimize checks where it starts', async () => {
    const problem = { manifold, cost: () => 0, gradient: { kind: 'ambient', at: () => la.full([5, 4], 0) } as const };
    await refused(DomainError, () => minimize(problem, { initial: { ...x, U: la.scale(2, x.U) } }));
  });
});

describe('products', () => {
  it.each<[string, object]>([
    ['no components', {}],
    ['a component that is no manifold', { q: 3 }],
    ['two engines', { q: euclidean({ shape: [2] }), v: { ...euclidean({ shape: [2] }), algebra: { ...la, name: 'another' } } }],
  ])('rejects %s', (_what, components) => refused(ConfigError, () => product(wrong(components))));

  it('names the component that is missing, or that lacks an operation', async () => {
    const manifold = product({ q: fixedRank({ m: 4, n: 3, rank: 2 }), v: euclidean({ shape: [3] }) });
    const x = manifold.randomPoint(seededRandom(1));
    await refused(ShapeError, () => manifold.retract(wrong({ q: x.q }), manifold.zeroTangent(x)));
    await refused(NotImplementedError, () => manifold.exp?.(x, manifold.zeroTangent(x)));
  });
});

describe('solver parts', () => {
  const vector = {
    at: (x: HostArray) => x,
    jvp: (_x: HostArray, u: HostArray) => u,
    vjp: { kind: 'ambient', at: (_x: HostArray, w: HostArray) => w },
  };

  it.each<[string, () => unknown]>([
    ['gradientDescent', () => gradientDescent(wrong({ step: 1 }))],
    ['gradientDescent', () => gradientDescent({ stepSize: wrong(0.1) })],
    ['gradientDescent', () => gradientDescent({ direction: wrong('adam') })],
    ['constantStep', () => constantStep(Number.NaN)],
    ['constantStep', () => constantStep(0)],
    ['armijo', () => armijo({ contraction: 1 })],
    ['armijo', () => armijo({ initialStep: -1 })],
    ['armijo', () => armijo(wrong({ tau: 1 }))],
    ['adaptive', () => adaptive({ maxTrials: 0 })],
    ['trustRegions', () => trustRegions(wrong({ Delta_bar: 2 }))],
    ['sphere', () => sphere(wrong({ n: 3 }))],
    ['stiefel', () => stiefel(wrong({ n: 3, p: 2 }))],
    ['grassmann', () => grassmann(wrong({ m: 3, p: 2 }))],
    ['fixedRank', () => fixedRank(wrong({ m: 4, n: 3, k: 2 }))],
    ['balancedFactors', () => balancedFactors(wrong({ m: 4, n: 3, r: 2 }))],
    ['barzilaiBorwein', () => barzilaiBorwein({ quotient: wrong('third') })],
    ['barzilaiBorwein', () => barzilaiBorwein({ minStep: 2, maxStep: 1 })],
    ['momentum', () => momentum({ decay: 1 })],
    ['adam', () => adam({ beta1: 1 })],
    ['adam', () => adam(wrong({ weightDecay: 0.1 }))],
    ['adamw', () => adamw({ weightDecay: -1 })],
    ['adamw', () => adamw({ moments: wrong('drop') })],
    ['sign', () => sign({ epsilon: 0 })],
    ['maxIterations', () => maxIterations(-1)],
    ['maxSeconds', () => maxSeconds(0)],
    ['gradientNormBelow', () => gradientNormBelow(wrong('1e-6'))],
    ['costBelow', () => costBelow(Number.NaN)],
    ['any', () => any()],
    ['all', () => all(wrong(100))],
    ['seededRandom', () => seededRandom(0.5)],
    ['restoreRandom', () => restoreRandom([1, 2])],
    ['euclidean', () => euclidean(wrong({ shape: 3 }))],
    ['levenbergMarquardt', () => levenbergMarquardt({ kappa: 1 })],
    ['levenbergMarquardt', () => levenbergMarquardt(wrong({ lambda: 1 }))],
    ['projectedLbfgs', () => projectedLbfgs({ contraction: 1 })],
    ['projectedLbfgs', () => projectedLbfgs(wrong({ bounds: [0, 1] }))],
    ['leastSquares', () => leastSquares(wrong({ manifold: euclidean({ shape: [2] }) }))],
    ['leastSquares', () => leastSquares(wrong({ manifold: euclidean({ shape: [2] }), residual: (x: HostArray) => x }))],
    ['leastSquares', () => leastSquares({ manifold: euclidean({ shape: [2] }), residual: wrong(vector), loss: wrong('tukey') })],
    ['leastSquares', () => leastSquares({ manifold: wrong(3), residual: wrong(vector) })],
    ['leastSquares', () => leastSquares({ manifold: euclidean({ shape: [2] }), residual: wrong({ ...vector, jvp: undefined }) })],
    ['leastSquares', () => leastSquares({ manifold: euclidean({ shape: [2] }), residual: wrong({ ...vector, vjp: () => 0 }) })],
  ])('%s rejects what it cannot use: %#', (_name, build) => refused(ConfigError, build));

  const manifold = euclidean({ shape: [2] });
  const problem: Problem<HostArray, HostArray> = {
    manifold,
    cost: (x) => la.norm(x),
    gradient: { kind: 'ambient', at: (x) => x },
  };

  it.each<[string, unknown, object]>([
    ['no manifold', { ...problem, manifold: undefined }, {}],
    ['no cost', { ...problem, cost: 3 }, {}],
    ['a bare gradient', { ...problem, gradient: () => 1 }, {}],
    ['an unknown option', problem, { maxIterations: 5 }],
    ...[
      { ehess: () => 0 },
      { euclidean_gradient: () => 0 },
      { precon: () => 0 },
      { costgrad: () => 0 },
      { egrad: () => 0 },
      { hessain: { kind: 'ambient', at: () => 0 } },
      { next_batch: () => 0 },
      { hessian: () => 0 },
      { hessian: { kind: 'coordinates', at: () => 0 } },
      { costAndGradient: 3 },
      { costAlong: [] },
      { preconditioner: () => 0 },
    ].map(
      (extra) =>
        [`the field ${Object.keys(extra)[0]}: ${typeof Object.values(extra)[0]}`, { ...problem, ...extra }, {}] as [
          string,
          unknown,
          object,
        ],
    ),
    ['a solver that is none', problem, { solver: 'adam' }],
    ['constraints', { ...problem, equality: vector }, {}],
    ['residuals that are a number', leastSquares({ manifold, residual: wrong({ ...vector, at: () => 1 }) }), {}],
    ['a problem without residuals', problem, { solver: levenbergMarquardt() }],
    ['bounds that exclude each other', problem, { solver: projectedLbfgs({ lower: 1, upper: 0 }) }],
    ['bounds of another form', problem, { solver: projectedLbfgs({ lower: wrong({ w: 0 }) }) }],
    ['a stop that is none', problem, { stop: 10 }],
    ['a limit as an option', problem, { maxIterations: 10 }],
    ['Manopt’s tolerance', problem, { tolgradnorm: 1e-9 }],
    ['a start by another name', problem, { x0: la.full([3], 1) }],
    ['Manopt’s radius', problem, { Delta_bar: 2 }],
    ['a point in the place of the options', problem, la.full([3], 1)],
    [
      'a step that is not counted',
      problem,
      {
        solver: {
          name: 'mine',
          init: (_problem: unknown, x: unknown) => ({ x, iteration: 0, memory: {} }),
          step: (_problem: unknown, state: object) => ({ ...state }),
        },
      },
    ],
    ['a schedule of NaN', problem, { solver: gradientDescent({ stepSize: constantStep(() => Number.NaN) }) }],
  ])('minimize rejects %s', async (_what, given, options) => {
    await refused(ConfigError, () => minimize(wrong(given), options));
  });

  it.each<[string, object, object]>([
    ['no constraint', {}, {}],
    ['a constraint that is a bare function', { equality: () => 0 }, {}],
    ['a constraint without vjp', { inequality: { at: vector.at } }, {}],
    ['a constraint that is a number', { equality: { ...vector, at: () => 1 } }, {}],
    ['batches', { equality: vector, nextBatch: () => 0 }, {}],
    ['a tolerance of zero', { equality: vector }, { tolerance: 0 }],
    ['a penalty that shrinks', { equality: vector }, { penaltyGrowth: 0.5 }],
    ['an unknown option', { equality: vector }, { rho: 1 }],
  ])('augmentedLagrangian rejects %s', async (_name, extra, options) => {
    await refused(ConfigError, () => augmentedLagrangian(wrong({ ...problem, ...extra }), options));
  });

  it('weight decay on a manifold without a direction of decay says what to do', async () => {
    const columns = stiefel({ m: 4, rank: 2 });
    const run = minimize(
      { manifold: columns, cost: () => 0, gradient: { kind: 'ambient', at: (x) => x } },
      { solver: gradientDescent({ direction: adamw(), stepSize: constantStep(1) }), stop: maxIterations(2) },
    );
    await refused(ConfigError, () => run);
  });
});

it('every error class has a stable code and name', () => {
  for (const [kind, code] of codes) {
    const cause = new Error('below');
    const error = new kind('message', { cause });
    expect(error).toBeInstanceOf(BuresError);
    expect(error.name).toBe(kind.name);
    expect(error.code).toBe(code);
    expect(error.cause).toBe(cause);
  }
});
