/** Errors name the function that the user called, not the part that found the fault. */
import {
  cayleyRetraction,
  fixedRank,
  generalizedStiefel,
  type HostArray,
  hostAlgebra,
  logEuclidean,
  NumericalError,
  orthogonalGroup,
  orthographic,
  seededRandom,
  spd,
  sphere,
  stiefel,
} from 'bures';
import { autodiff, autodiffVector } from 'bures/autodiff';
import { checkGradient, checkHessian, hessianSpectrum } from 'bures/diagnostics';
import { describe, expect, it } from 'vitest';
import { underName } from '../../src/core/named-errors.js';

const la = hostAlgebra();
const random = seededRandom(1);
const identity = la.fromArray([1, 0, 0, 1], [2, 2]);
const indefinite = la.fromArray([1, 0, 0, -5], [2, 2]);
const frames = stiefel({ m: 5, rank: 2 });
const frame = frames.randomPoint(random);
const cayley = { m: 5, rank: 2, retraction: cayleyRetraction() };
const long = la.scale(1e20, frames.project(frame, la.randomNormal([5, 2], random)));
const product = la.diagMatrix(la.fromArray([1, 1, 1, 1, 1], [5]));
const ranked = fixedRank({ m: 4, n: 3, rank: 1, retraction: orthographic() });
const unit = sphere({ shape: [4] });
const pair = autodiff(la, (ops, { A, B }: { A: HostArray; B: HostArray }) => ops.add(ops.inner(A, A), ops.inner(B, B)));
const pairs = autodiffVector(la, (ops, { A, B }: { A: HostArray; B: HostArray }) => ops.add(A, B));
const two = la.full([2], 1);
const place = { A: two, B: two };
const broken = {
  manifold: unit,
  cost: (x: HostArray) => la.norm(x),
  gradient: { kind: 'ambient', at: (x: HostArray) => x },
  hessian: { kind: 'ambient', at: (_x: HostArray, u: HostArray) => la.scale(Number.NaN, u) },
} as const;
const { hessian: _hessian, ...first } = broken;
const point = unit.randomPoint(random);

describe('underName', () => {
  const calls: readonly (readonly [string, () => unknown])[] = [
    ...(['dist', 'log', 'transport', 'inverseRetract'] as const).map(
      (operation) => [`spd.${operation}`, () => spd({ n: 2 })[operation]?.(indefinite, identity, identity)] as const,
    ),
    ...(['inner', 'exp', 'retract', 'norm'] as const).map(
      (operation) => [`spd.${operation}`, () => spd({ n: 2 })[operation](indefinite, identity, identity as never)] as const,
    ),
    ['spd.exp', () => spd({ n: 2, metric: logEuclidean() }).exp(identity, la.scale(800, identity))],
    ['spd.retract', () => spd({ n: 2, metric: logEuclidean() }).retract(identity, la.fromArray([800, 0, 0, 0], [2, 2]))],
    ['stiefel.inverseRetract', () => frames.inverseRetract?.(frame, la.scale(-1, frame))],
    ['stiefel.retract', () => stiefel(cayley).retract(frame, long)],
    ['generalizedStiefel.retract', () => generalizedStiefel({ ...cayley, B: product }).retract(frame, long)],
    ['orthogonalGroup.inverseRetract', () => orthogonalGroup({ n: 2 }).inverseRetract?.(identity, la.scale(-1, identity))],
    [
      'fixedRank.retract',
      () => {
        const x = ranked.randomPoint(random);
        return ranked.retract(x, ranked.decayDirection?.(x) as never, -1);
      },
    ],
    ['autodiff.hessianProduct', () => pair.hessianProduct(place, { A: two, b: two } as never)],
    ['autodiffVector.jvp', () => pairs.jvp(place, { A: two } as never)],
    ['autodiffVector.hessian', () => pairs.hessian.at(place, { ...place, C: two } as never, two)],
    ['hessianSpectrum', () => hessianSpectrum(broken, point, { method: 'lanczos' })],
    ['hessianSpectrum', () => hessianSpectrum(broken, point, { method: 'dense' })],
    ['hessianSpectrum', () => hessianSpectrum({ ...broken, cost: () => two as never }, point)],
    ['checkGradient', () => checkGradient({ ...first, gradients: 1 } as never)],
    ['checkHessian', () => checkHessian(first)],
  ];

  it.each(calls)('%s', async (caller, call) => {
    const failed = await (async () => call())().then(
      () => undefined,
      (error: Error) => error,
    );
    expect(failed?.message).toMatch(new RegExp(`^${caller.replace('.', '\\.')}: [^:]*[a-z]`));
    expect(failed?.message).not.toMatch(/cholesky:|Retraction:|lanczos:|objective:|logEuclidean:|orthographic:/);
  });

  it('keeps the kind of an error, and the error itself as the cause', () => {
    const part = new NumericalError('part: too long; take a shorter step');
    const rename = () =>
      underName('whole.step', () => {
        throw part;
      });
    expect(rename).toThrow(NumericalError);
    expect(rename).toThrow(/^whole\.step: too long; take a shorter step$/);
    expect(rename).toThrow(expect.objectContaining({ cause: part }));
    // What the library did not throw on purpose is passed on.
    const own = new TypeError('part: x is not a function');
    expect(() =>
      underName('whole', () => {
        throw own;
      }),
    ).toThrow(own);
    expect(underName('whole', () => 3)).toBe(3);
  });
});

describe('displacements of coordinates', () => {
  it('have all components of the point, of its shapes, and no others', () => {
    const at = (u: unknown) => () => pair.hessianProduct(place, u as never);
    expect(at({ A: two, b: two })).toThrow("autodiff.hessianProduct: u has no component 'B' of the point; pass a displacement");
    expect(at({ A: two })).toThrow("u has no component 'B' of the point");
    expect(at({ ...place, c: two })).toThrow("u has a component 'c', and the point has none");
    expect(at({ A: two, B: la.full([3], 1) })).toThrow('u.B has shape [3], and the point [2]');
    expect(at(two)).toThrow("u has no component 'A' of the point");
    expect(pair.hessianProduct(place, place).B).toBeAllClose([2, 2], 0);
  });
});
