/**
 * How specimens of the laws are built, of each kind of point and tangent: fixed rank, pairs, bases, arrays, products.
 */
import {
  type Ambient,
  type Component,
  eye,
  type FactorManifold,
  type FactorPair,
  type FixedRankManifold,
  type FixedRankPoint,
  type FixedRankTangent,
  fixedRankPsd,
  hyperBalancedFactors,
  type LinearAlgebra,
  type Manifold,
  product,
  type Random,
  seededRandom,
} from 'bures';

/** Sizes of a specimen. */
export interface Shape {
  readonly m: number;
  readonly n: number;
  readonly r: number;
  readonly batch: readonly number[];
}

/** A manifold with what the laws need. */
export interface Specimen<M, P, T, Z> {
  readonly manifold: Manifold<M, P, T, Z, Z>;
  /** A point whose matrix has this spectrum (the same in each batch member). */
  point(spectrum: Float64Array, random: Random): P;
  /** Whether its matrix has the spectrum that `point` is given, rather than one of its own. */
  readonly hasSpectrum: boolean;
  /** A random element of the ambient space. */
  ambient(random: Random): Z;
  /** An ambient element with entries one can compare: products multiplied out. */
  expand(z: Z): unknown;
  /** In which inner product `project` is orthogonal. */
  readonly projectionProduct: 'ambient' | 'metric';
  /** The same point and tangent, represented otherwise. */
  otherRepresentative(x: P, u: T, random: Random): { readonly x: P; readonly u: T };
  /** The point, the same for all representatives: a matrix or a tree of them. */
  matrix(x: P): unknown;
  /** The derivative of `matrix` along a tangent. */
  velocity(x: P, u: T): unknown;
  /** The Euclidean gradient that the manifold wants, from the gradient by `matrix(x)`. */
  egrad(x: P, byMatrix: unknown): Z;
  /** The derivative of `egrad` along u, `change` being that of the gradient by `matrix(x)`. */
  ehess(x: P, u: T, byMatrix: unknown, change: unknown): Z;
}

/** Builds a specimen over an engine. */
export type SpecimenFactory = <M>(la: LinearAlgebra<M>, shape: Shape) => Specimen<M, unknown, unknown, unknown>;

/** Lets specimens of different point types stand in one table. The laws only combine what one specimen gave. */
function erase<M, P, T, Z>(specimen: Specimen<M, P, T, Z>): Specimen<M, unknown, unknown, unknown> {
  return specimen as unknown as Specimen<M, unknown, unknown, unknown>;
}

/** One spectrum for each batch member. */
export function repeated<M>(la: LinearAlgebra<M>, values: Float64Array, batch: readonly number[]): M {
  const members = batch.reduce((count, size) => count * size, 1);
  return la.fromArray(Array.from({ length: members }, () => [...values]).flat(), [...batch, values.length]);
}

export function orthonormal<M>(la: LinearAlgebra<M>, shape: readonly number[], random: Random): M {
  return la.qr(la.randomNormal(shape, random)).Q;
}

function fixedRankPoint<M>(la: LinearAlgebra<M>, { m, n, r, batch }: Shape, spectrum: Float64Array, random: Random): FixedRankPoint<M> {
  return { U: orthonormal(la, [...batch, m, r], random), S: repeated(la, spectrum, batch), V: orthonormal(la, [...batch, n, r], random) };
}

export function fixedRankSpecimen<M>(la: LinearAlgebra<M>, shape: Shape, manifold: FixedRankManifold<M>) {
  const { m, n, r, batch } = shape;
  const expand = (z: Ambient<M>): Ambient<M> =>
    !la.isArray(z) && z.kind === 'factored' ? la.matmul(z.left, z.right, { transposeB: true }) : z;
  return erase<M, FixedRankPoint<M>, FixedRankTangent<M>, Ambient<M>>({
    manifold,
    hasSpectrum: true,
    point: (spectrum, random) => fixedRankPoint(la, shape, spectrum, random),
    ambient: (random) => la.randomNormal([...batch, m, n], random),
    expand,
    projectionProduct: 'ambient',
    // Signs of singular vectors: for distinct singular values there is no other freedom.
    otherRepresentative(x, u, random) {
      const signs = repeated(
        la,
        Float64Array.from({ length: r }, () => (random.uniform() < 0.5 ? -1 : 1)),
        batch,
      );
      return {
        x: { ...x, U: la.scaleColumns(x.U, signs), V: la.scaleColumns(x.V, signs) },
        u: { M: la.scaleRows(signs, la.scaleColumns(u.M, signs)), Up: la.scaleColumns(u.Up, signs), Vp: la.scaleColumns(u.Vp, signs) },
      };
    },
    matrix: (x) => manifold.toMatrix(x),
    velocity: (x, u) => expand(manifold.embed(x, u)),
    egrad: (_x, byMatrix) => byMatrix as M,
    ehess: (_x, _u, _byMatrix, change) => change as M,
  });
}

export function factorSpecimen<M>(
  la: LinearAlgebra<M>,
  shape: Shape,
  manifold: FactorManifold<M>,
  gauges: 'none' | 'orthogonal' | 'invertible',
) {
  const { m, n, r, batch } = shape;
  const pair = (random: Random): FactorPair<M> => ({
    A: la.randomNormal([...batch, m, r], random),
    B: la.randomNormal([...batch, r, n], random),
  });
  const gaugeMatrix = (random: Random): { readonly R: M; readonly inverse: M } => {
    const Q = orthonormal(la, [...batch, r, r], random);
    if (gauges === 'none') return { R: eye(la, r, batch), inverse: eye(la, r, batch) };
    if (gauges === 'orthogonal') return { R: Q, inverse: la.transpose(Q) };
    const stretch = Float64Array.from({ length: r }, () => 0.5 + random.uniform());
    const d = repeated(la, stretch, batch);
    const inverse = repeated(
      la,
      stretch.map((factor) => 1 / factor),
      batch,
    );
    return { R: la.scaleColumns(Q, d), inverse: la.scaleRows(inverse, la.transpose(Q)) };
  };
  const regauge = ({ A, B }: FactorPair<M>, { R, inverse }: { readonly R: M; readonly inverse: M }): FactorPair<M> => ({
    A: la.matmul(A, R),
    B: la.matmul(inverse, B),
  });
  return erase<M, FactorPair<M>, FactorPair<M>, FactorPair<M>>({
    manifold: manifold as unknown as Manifold<M, FactorPair<M>, FactorPair<M>, FactorPair<M>, FactorPair<M>>,
    hasSpectrum: true,
    point(spectrum, random) {
      return regauge(hyperBalancedFactors(la, fixedRankPoint(la, shape, spectrum, random)), gaugeMatrix(random));
    },
    ambient: pair,
    expand: (z) => z,
    projectionProduct: gauges === 'invertible' ? 'metric' : 'ambient',
    otherRepresentative(x, u, random) {
      const gauge = gaugeMatrix(random);
      return { x: regauge(x, gauge), u: regauge(u, gauge) };
    },
    matrix: (x) => manifold.toMatrix(x),
    velocity: (x, u) => la.add(la.matmul(u.A, x.B), la.matmul(x.A, u.B)),
    // An m×n matrix: what the manifold takes, though its tangents live among pairs.
    egrad: (_x, byMatrix) => byMatrix as FactorPair<M>,
    ehess: (_x, _u, _byMatrix, change) => change as FactorPair<M>,
  });
}

/** Matrices with orthonormal columns, in the product of B if that is not the identity. */
export function orthonormalSpecimen<M>(
  la: LinearAlgebra<M>,
  { m, r, batch }: Shape,
  manifold: Manifold<M, M>,
  subspaces: boolean,
  hasProduct = false,
) {
  const twiceSymmetric = (g: M): M => la.add(g, la.transpose(g));
  return erase<M, M, M, M>({
    manifold,
    hasSpectrum: false,
    point: (_spectrum, random) => (hasProduct ? manifold.randomPoint(random) : orthonormal(la, [...batch, m, r], random)),
    ambient: (random) => la.randomNormal([...batch, m, r], random),
    expand: (z) => z,
    projectionProduct: hasProduct ? 'metric' : 'ambient',
    otherRepresentative(x, u, random) {
      if (!subspaces) return { x, u };
      const Q = orthonormal(la, [...batch, r, r], random);
      return { x: la.matmul(x, Q), u: la.matmul(u, Q) };
    },
    matrix: (x) => (subspaces ? la.matmul(x, x, { transposeB: true }) : x),
    velocity(x, u) {
      if (!subspaces) return u;
      const half = la.matmul(u, x, { transposeB: true });
      return la.add(half, la.transpose(half));
    },
    egrad: (x, byMatrix) => (subspaces ? la.matmul(twiceSymmetric(byMatrix as M), x) : (byMatrix as M)),
    ehess(x, u, byMatrix, change) {
      if (!subspaces) return change as M;
      return la.add(la.matmul(twiceSymmetric(change as M), x), la.matmul(twiceSymmetric(byMatrix as M), u));
    },
  });
}

/** A symmetric positive definite matrix, of condition 10, one for each member. */
export function productMatrix<M>(la: LinearAlgebra<M>, { m, batch }: Shape): M {
  const basis = orthonormal(la, [...batch, m, m], seededRandom(11));
  const spectrum = Float64Array.from({ length: m }, (_, i) => 10 ** (-i / Math.max(1, m - 1)));
  const full = la.matmul(la.scaleColumns(basis, repeated(la, spectrum, batch)), basis, { transposeB: true });
  return la.scale(0.5, la.add(full, la.transpose(full)));
}

/** Factors Y for X = YYᵀ, of which YQ is the same point. */
export function gaugedFactorSpecimen<M>(
  la: LinearAlgebra<M>,
  rank: number,
  batch: readonly number[],
  manifold: Manifold<M, M, M, M, Ambient<M>> & { toMatrix(y: M): M },
  point?: (spectrum: Float64Array, random: Random) => M,
) {
  return erase<M, M, M, M>({
    manifold: manifold as unknown as Manifold<M, M, M, M, M>,
    hasSpectrum: point !== undefined,
    point: point ?? ((_spectrum, random) => manifold.randomPoint(random)),
    ambient: (random) => la.randomNormal(la.shape(manifold.randomPoint(random)), random),
    expand: (z) => z,
    projectionProduct: 'ambient',
    otherRepresentative(y, z, random) {
      const Q = orthonormal(la, [...batch, rank, rank], random);
      return { x: la.matmul(y, Q), u: la.matmul(z, Q) };
    },
    matrix: (y) => manifold.toMatrix(y),
    velocity(y, z) {
      const half = la.matmul(z, y, { transposeB: true });
      return la.add(half, la.transpose(half));
    },
    egrad: (_y, byMatrix) => byMatrix as M,
    ehess: (_y, _z, _byMatrix, change) => change as M,
  });
}

/**
 * A manifold whose points are its matrices: embedded, without a gauge. Points are the manifold's own random ones,
 * unless there is a spectrum to give them.
 */
export function arraySpecimen<M>(manifold: Manifold<M, M>, point?: (spectrum: Float64Array, random: Random) => M) {
  const { algebra: la } = manifold;
  return erase<M, M, M, M>({
    manifold,
    hasSpectrum: point !== undefined,
    point: point ?? ((_spectrum, random) => manifold.randomPoint(random)),
    ambient: (random) => la.randomNormal(la.shape(manifold.randomPoint(random)), random),
    expand: (z) => z,
    projectionProduct: 'ambient',
    otherRepresentative: (x, u) => ({ x, u }),
    matrix: (x) => x,
    velocity: (_x, u) => u,
    egrad: (_x, byMatrix) => byMatrix as M,
    ehess: (_x, _u, _byMatrix, change) => change as M,
  });
}

export function psdSpecimen<M>(la: LinearAlgebra<M>, { m, r, batch }: Shape) {
  const manifold = fixedRankPsd({ n: m, rank: r, batch, algebra: la });
  return gaugedFactorSpecimen(la, r, batch, manifold, (spectrum, random) =>
    la.scaleColumns(orthonormal(la, [...batch, m, r], random), la.sqrt(repeated(la, spectrum, batch))),
  );
}

export function productSpecimen<M>(
  parts: Readonly<Record<string, Specimen<M, unknown, unknown, unknown>>>,
): Specimen<M, unknown, unknown, unknown> {
  const entries = Object.entries(parts);
  type Part = Specimen<M, unknown, unknown, unknown>;
  const each = (apply: (part: Part, key: string) => unknown): Readonly<Record<string, unknown>> =>
    Object.fromEntries(entries.map(([key, part]) => [key, apply(part, key)]));
  const at = (value: unknown, key: string): unknown => (value as Readonly<Record<string, unknown>>)[key];
  const components = Object.fromEntries(entries.map(([key, part]) => [key, part.manifold as Component]));
  return {
    manifold: product(components) as unknown as Part['manifold'],
    hasSpectrum: entries.some(([, part]) => part.hasSpectrum),
    point: (spectrum, random) => each((part) => part.point(spectrum, random)),
    ambient: (random) => each((part) => part.ambient(random)),
    expand: (z) => each((part, key) => part.expand(at(z, key))),
    projectionProduct: 'ambient',
    otherRepresentative(x, u, random) {
      const both = entries.map(([key, part]) => [key, part.otherRepresentative(at(x, key), at(u, key), random)] as const);
      return {
        x: Object.fromEntries(both.map(([key, { x: point }]) => [key, point])),
        u: Object.fromEntries(both.map(([key, { u: tangent }]) => [key, tangent])),
      };
    },
    matrix: (x) => each((part, key) => part.matrix(at(x, key))),
    velocity: (x, u) => each((part, key) => part.velocity(at(x, key), at(u, key))),
    egrad: (x, byMatrix) => each((part, key) => part.egrad(at(x, key), at(byMatrix, key))),
    ehess: (x, u, byMatrix, change) => each((part, key) => part.ehess(at(x, key), at(u, key), at(byMatrix, key), at(change, key))),
  };
}
