/**
 * The manifolds that every law is tried on, with what a law needs to know of each beyond the `Manifold` interface:
 * points of a given spectrum, ambient elements, other representatives of the same point, and gauge-free descriptions of
 * points and tangents. Used by `laws.test.ts`.
 */
import {
  affineInvariant,
  balancedFactors,
  bures,
  buresWasserstein,
  canonicalStiefel,
  cayleyRetraction,
  dampedFactors,
  elliptope,
  embedded,
  euclidean,
  euclideanFactors,
  euclideanStiefel,
  factored,
  fixedRank,
  forEachLeaf,
  generalizedGrassmann,
  generalizedStiefel,
  grassmann,
  hyperbolic,
  type LinearAlgebra,
  logEuclidean,
  mapTree,
  oblique,
  orthogonalGroup,
  orthographic,
  poincareBall,
  polarRetraction,
  qrRetraction,
  quotient,
  quotientFactors,
  simplex,
  spd,
  sphere,
  stiefel,
  truncatedSvd,
} from 'bures';
import {
  arraySpecimen,
  factorSpecimen,
  fixedRankSpecimen,
  gaugedFactorSpecimen,
  orthonormal,
  orthonormalSpecimen,
  productMatrix,
  productSpecimen,
  psdSpecimen,
  repeated,
  type SpecimenFactory,
} from './specimen-kinds.js';

const fixedRankCases: ReadonlyArray<readonly [string, SpecimenFactory]> = [embedded(), bures(), quotient()].flatMap((metric) =>
  [truncatedSvd(), orthographic(), factored()].map(
    (retraction) =>
      [
        `fixedRank, ${metric.name}, ${retraction.name}`,
        (la, shape) => {
          const { m, n, r, batch } = shape;
          return fixedRankSpecimen(la, shape, fixedRank({ m, n, rank: r, batch, metric, retraction, algebra: la }));
        },
      ] as const,
  ),
);

const balanced =
  (gauge: 'svd' | 'nearest'): SpecimenFactory =>
  (la, shape) => {
    const { m, n, r, batch } = shape;
    return factorSpecimen(la, shape, balancedFactors({ m, n, rank: r, batch, gauge, algebra: la }), 'orthogonal');
  };

/** Every manifold × metric × retraction, by name. */
export const specimens: ReadonlyArray<readonly [string, SpecimenFactory]> = [
  ...fixedRankCases,
  ['balancedFactors, svd', balanced('svd')],
  ['balancedFactors, nearest', balanced('nearest')],
  [
    'quotientFactors',
    (la, shape) =>
      factorSpecimen(la, shape, quotientFactors({ m: shape.m, n: shape.n, rank: shape.r, batch: shape.batch, algebra: la }), 'invertible'),
  ],
  [
    'euclideanFactors',
    (la, shape) =>
      factorSpecimen(la, shape, euclideanFactors({ m: shape.m, n: shape.n, rank: shape.r, batch: shape.batch, algebra: la }), 'none'),
  ],
  [
    'balancedFactors, every 3',
    (la, { m, n, r, batch }) => {
      // As it is at a step with a projection; the points of a specimen are balanced.
      const manifold = balancedFactors({ m, n, rank: r, batch, gauge: 'nearest', every: 3, algebra: la });
      return factorSpecimen(la, { m, n, r, batch }, manifold, 'orthogonal');
    },
  ],
  [
    'dampedFactors',
    (la, { m, n, r, batch }) =>
      factorSpecimen(la, { m, n, r, batch }, dampedFactors({ m, n, rank: r, batch, damping: 0.3, algebra: la }), 'none'),
  ],
  ...[polarRetraction(), qrRetraction(), cayleyRetraction()].flatMap((retraction): (readonly [string, SpecimenFactory])[] => [
    [
      `stiefel, ${retraction.name}`,
      (la, shape) =>
        orthonormalSpecimen(la, shape, stiefel({ m: shape.m, rank: shape.r, batch: shape.batch, retraction, algebra: la }), false),
    ],
    [
      `grassmann, ${retraction.name}`,
      (la, shape) =>
        orthonormalSpecimen(la, shape, grassmann({ m: shape.m, rank: shape.r, batch: shape.batch, retraction, algebra: la }), true),
    ],
  ]),
  ...[polarRetraction(), qrRetraction(), cayleyRetraction()].map(
    (retraction) =>
      [
        `stiefel, canonical, ${retraction.name}`,
        (la, shape) => {
          const { m, r, batch } = shape;
          return orthonormalSpecimen(la, shape, stiefel({ m, rank: r, batch, metric: canonicalStiefel(), retraction, algebra: la }), false);
        },
      ] as readonly [string, SpecimenFactory],
  ),
  ...[euclideanStiefel(), canonicalStiefel()].flatMap((metric) =>
    [polarRetraction(), qrRetraction(), cayleyRetraction()].map(
      (retraction) =>
        [
          `generalizedStiefel, ${metric.name}, ${retraction.name}`,
          (la, shape) => {
            const { m, r, batch } = shape;
            const manifold = generalizedStiefel({ m, rank: r, B: productMatrix(la, shape), metric, retraction, batch, algebra: la });
            return orthonormalSpecimen(la, shape, manifold, false, true);
          },
        ] as readonly [string, SpecimenFactory],
    ),
  ),
  ...[polarRetraction(), qrRetraction(), cayleyRetraction()].flatMap((retraction): (readonly [string, SpecimenFactory])[] => [
    [
      `generalizedGrassmann, ${retraction.name}`,
      (la, shape) => {
        const { m, r, batch } = shape;
        const manifold = generalizedGrassmann({ m, rank: r, B: productMatrix(la, shape), retraction, batch, algebra: la });
        return orthonormalSpecimen(la, shape, manifold, true, true);
      },
    ],
    [
      `orthogonalGroup, ${retraction.name}`,
      (la, { r, batch }) => arraySpecimen(orthogonalGroup({ n: r + 1, retraction, batch, algebra: la })),
    ],
  ]),
  ['euclidean', (la, { m, n, batch }) => arraySpecimen(euclidean({ shape: [...batch, m, n], algebra: la }))],
  ['sphere', (la, { m, n, batch }) => arraySpecimen(sphere({ shape: [m, n], batch, algebra: la }))],
  ['oblique', (la, { m, n, batch }) => arraySpecimen(oblique({ m, n, batch, algebra: la }))],
  ['hyperbolic', (la, { m, batch }) => arraySpecimen(hyperbolic({ n: m, batch, algebra: la }))],
  ['poincareBall', (la, { m, batch }) => arraySpecimen(poincareBall({ n: m, batch, algebra: la }))],
  ['simplex', (la, { m, batch }) => arraySpecimen(simplex({ n: m, batch, algebra: la }))],
  ...[affineInvariant(), logEuclidean(), buresWasserstein()].map(
    (metric) =>
      [
        `spd, ${metric.name}`,
        (la, { r, batch }) =>
          arraySpecimen(spd({ n: r, metric, batch, algebra: la }), (spectrum, random) => {
            const basis = orthonormal(la, [...batch, r, r], random);
            const full = la.matmul(la.scaleColumns(basis, repeated(la, spectrum, batch)), basis, { transposeB: true });
            return la.scale(0.5, la.add(full, la.transpose(full)));
          }),
      ] as readonly [string, SpecimenFactory],
  ),
  ['fixedRankPsd', psdSpecimen],
  [
    'elliptope',
    (la, { m, r, batch }) =>
      // More rows than columns by some, so that random points are well conditioned.
      gaugedFactorSpecimen(la, r + 1, batch, elliptope({ n: m + r + 2, rank: r + 1, batch, algebra: la })),
  ],
  [
    'product of balancedFactors and grassmann',
    (la, shape) =>
      productSpecimen({
        weights: balanced('nearest')(la, shape),
        basis: orthonormalSpecimen(la, shape, grassmann({ m: shape.m, rank: shape.r, batch: shape.batch, algebra: la }), true),
      }),
  ],
];

/** The specimens that offer exponential, logarithm, distance and Hessians, named so that none can drop out unseen. */
export const offeringAll = [
  'stiefel, polar',
  'grassmann, polar',
  'stiefel, qr',
  'grassmann, qr',
  'stiefel, cayley',
  'grassmann, cayley',
  'stiefel, canonical, polar',
  'stiefel, canonical, qr',
  'stiefel, canonical, cayley',
  'generalizedStiefel, Euclidean, polar',
  'generalizedStiefel, Euclidean, qr',
  'generalizedStiefel, Euclidean, cayley',
  'generalizedStiefel, canonical, polar',
  'generalizedStiefel, canonical, qr',
  'generalizedStiefel, canonical, cayley',
  'generalizedGrassmann, polar',
  'orthogonalGroup, polar',
  'generalizedGrassmann, qr',
  'orthogonalGroup, qr',
  'generalizedGrassmann, cayley',
  'orthogonalGroup, cayley',
  'euclidean',
  'sphere',
  'oblique',
  'hyperbolic',
  'poincareBall',
  'simplex',
  'spd, affine-invariant',
  'spd, log-Euclidean',
  'spd, Bures–Wasserstein',
  'fixedRankPsd',
];

/** All numbers of a tree of arrays, in order. */
export async function numbersOf<M>(la: LinearAlgebra<M>, tree: unknown): Promise<Float64Array> {
  const leaves: M[] = [];
  forEachLeaf<M>(la, tree, (leaf) => leaves.push(leaf));
  const parts = await Promise.all(leaves.map(async (leaf) => [...(await la.toArray(leaf))]));
  return Float64Array.from(parts.flat());
}

/** A linear combination a·u + b·v of trees. */
export function combine<M, Tree>(la: LinearAlgebra<M>, a: number, u: Tree, b: number, v: Tree): Tree {
  return mapTree(la, (uLeaf: M, vLeaf: M) => la.axpy(a, uLeaf, la.scale(b, vLeaf)), u, v);
}
