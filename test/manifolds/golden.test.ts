/**
 * Every value of `test/fixtures/manifolds` that Pymanopt, geomstats, SciPy and 50-digit arithmetic computed, against
 * the library. Where another library means something else by an operation, `conventions` says what, and which of our
 * operations is the same; no case is left out.
 */
import { readFileSync } from 'node:fs';
import {
  affineInvariant,
  barycenter,
  buresWasserstein,
  canonicalStiefel,
  cayleyRetraction,
  euclideanStiefel,
  type FixedRankPoint,
  fixedRank,
  fixedRankPsd,
  type GeodesicManifold,
  generalizedStiefel,
  grassmann,
  type HostArray,
  hostAlgebra,
  hyperbolic,
  logEuclidean,
  type Manifold,
  oblique,
  poincareBall,
  polarRetraction,
  qrRetraction,
  rotations,
  simplex,
  spd,
  sphere,
  stiefel,
} from 'bures';
import { describe, expect, it } from 'vitest';

type Nested = number | readonly Nested[];

/** One case of the fixtures. */
interface Case {
  readonly manifold: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly op: string;
  readonly inputs: Readonly<Record<string, Nested>>;
  readonly expected: Nested;
  readonly tol: number;
}

const la = hostAlgebra();
const files = ['pymanopt', 'pymanopt_psd', 'rotations_near_pi', 'scipy_geomstats2', 'mpmath'];
const cases = files.flatMap((file) =>
  (JSON.parse(readFileSync(new URL(`../fixtures/manifolds/${file}.json`, import.meta.url), 'utf8')) as Case[]).map(
    (entry, index) => [`${file} ${index}: ${entry.manifold} ${entry.op}`, entry] as const,
  ),
);

const sizesOf = (nested: Nested): number[] => (typeof nested === 'number' ? [] : [nested.length, ...sizesOf(nested[0])]);
const numbersOf = (nested: Nested): number[] => (typeof nested === 'number' ? [nested] : nested.flatMap(numbersOf));
const arrayOf = (nested: Nested): HostArray => la.fromArray(numbersOf(nested), sizesOf(nested));

interface StiefelCase {
  readonly m: number;
  readonly rank: number;
  readonly retraction: 'qr' | 'polar' | 'cayley';
  readonly metric?: 'euclidean' | 'canonical';
}

/** The manifold of a case. */
const factories: Readonly<Record<string, (options: never) => unknown>> = {
  sphere,
  oblique,
  stiefel: ({ retraction, metric = 'euclidean', m, rank }: StiefelCase) =>
    stiefel({
      m,
      rank,
      retraction: { qr: qrRetraction, polar: polarRetraction, cayley: cayleyRetraction }[retraction](),
      metric: { euclidean: euclideanStiefel, canonical: canonicalStiefel }[metric](),
    }),
  grassmann,
  spd: ({ n, metric = 'affineInvariant' }: { n: number; metric?: 'affineInvariant' | 'buresWasserstein' | 'logEuclidean' }) =>
    spd({ n, metric: { affineInvariant, buresWasserstein, logEuclidean }[metric]() }),
  fixedRankPsd,
  rotations,
  fixedRank,
  hyperbolic,
  poincareBall,
  simplex,
  generalizedStiefel: ({ B, ...sizes }: { m: number; rank: number; B: Nested }) => generalizedStiefel({ ...sizes, B: arrayOf(B) }),
};

type Arrays = Readonly<Record<string, HostArray>>;
type ArrayManifold = Manifold<HostArray, HostArray>;
type Compute = (manifold: ArrayManifold, inputs: Arrays) => unknown;

/** An operation that the manifold must offer. */
function offered<Key extends 'exp' | 'log' | 'dist' | 'ehessToRhess' | 'coordinatesToRhess'>(manifold: ArrayManifold, key: Key) {
  const operation = manifold[key];
  if (operation === undefined) throw new Error(`${manifold.name} has no ${key}`);
  return operation as NonNullable<ArrayManifold[Key]>;
}

/** The operations of the fixtures by their names, on manifolds whose points are arrays. */
const operations: Readonly<Record<string, Compute>> = {
  dim: (manifold) => manifold.dim,
  inner: (manifold, { x, u, v }) => manifold.inner(x, u, v),
  norm: (manifold, { x, u }) => manifold.norm(x, u),
  project: (manifold, { x, z }) => manifold.project(x, z),
  egradToRgrad: (manifold, { x, g }) => manifold.egradToRgrad(x, g),
  ehessToRhess: (manifold, { x, g, h, u }) => offered(manifold, 'ehessToRhess')(x, g, h, u),
  retract: (manifold, { x, u }) => manifold.retract(x, u),
  exp: (manifold, { x, u }) => offered(manifold, 'exp')(x, u),
  log: (manifold, { x, y }) => offered(manifold, 'log')(x, y),
  dist: (manifold, { x, y }) => offered(manifold, 'dist')(x, y),
  transport: (manifold, { x, y, u }) => manifold.transport(x, y, u),
  pairMean: (manifold, { x, y }) => offered(manifold, 'exp')(x, offered(manifold, 'log')(x, y), 0.5),
};

/** Where Pymanopt means another thing than we do: the cause, and our operation that is the same as its. */
const projects: Compute = (manifold, { y, u }) => manifold.project(y, u);
const conventions: Readonly<Record<string, { readonly cause: string; readonly compute: Compute }>> = {
  'pymanopt sphere transport': { cause: 'Pymanopt projects; ours is parallel', compute: projects },
  'pymanopt oblique transport': { cause: 'Pymanopt projects; ours is parallel', compute: projects },
  'pymanopt spd transport': { cause: 'Pymanopt projects; ours is parallel', compute: projects },
  'pymanopt grassmann transport': { cause: 'Pymanopt projects; ours aligns the representatives first', compute: projects },
  'pymanopt fixedRankPsd transport': { cause: 'Pymanopt projects; ours aligns the representatives first', compute: projects },
  'pymanopt fixedRankPsd egradToRgrad': {
    cause: 'the derivative is by Y; ours by X = YYᵀ',
    compute: (manifold, { x, g }) => manifold.coordinatesToRgrad(x, g),
  },
  'pymanopt fixedRankPsd ehessToRhess': {
    cause: 'the derivatives are by Y; ours by X = YYᵀ',
    compute: (manifold, { x, g, h, u }) => offered(manifold, 'coordinatesToRhess')(x, g, h, u),
  },
};

/** Operations on fixed rank: tangents are whole matrices in the fixtures, blocks here. */
function onFixedRank(options: { readonly m: number; readonly n: number; readonly rank: number }, op: string, inputs: Arrays): unknown {
  const manifold = fixedRank(options);
  const at = (suffix: string): FixedRankPoint<HostArray> => ({
    U: inputs[`U${suffix}`],
    S: inputs[`S${suffix}`],
    V: inputs[`V${suffix}`],
  });
  const { u, v, z } = inputs;
  const x = op === 'dim' ? undefined : at('');
  if (x === undefined) return manifold.dim;
  const dense = (tangent: Parameters<typeof manifold.embed>[1], where: FixedRankPoint<HostArray> = x): HostArray => {
    const factors = manifold.embed(where, tangent) as { readonly left: HostArray; readonly right: HostArray };
    return la.matmul(factors.left, factors.right, { transposeB: true });
  };
  const computed: Readonly<Record<string, () => unknown>> = {
    inner: () => manifold.inner(x, manifold.project(x, u), manifold.project(x, v)),
    projectDense: () => dense(manifold.project(x, z)),
    retractDense: () => manifold.toMatrix(manifold.retract(x, manifold.project(x, u))),
    transportDense: () => dense(manifold.transport(x, at('2'), manifold.project(x, u)), at('2')),
    coordinatesToRgradDense: () => dense(manifold.coordinatesToRgrad(x, { U: inputs.dU, S: inputs.dS, V: inputs.dV })),
  };
  return computed[op]();
}

it('there are 339 cases of other libraries, and those in 50 digits', () => {
  expect(cases.filter(([name]) => !name.startsWith('mpmath'))).toHaveLength(339);
  expect(cases.length).toBeGreaterThan(339 + 100);
});

describe('as other libraries compute it', () => {
  const used = new Set<string>();

  it.each(cases)('%s', async (name, { manifold: factory, options, op, inputs, expected, tol }) => {
    const key = `${name.slice(0, name.indexOf(' '))} ${factory} ${op}`;
    if (Object.hasOwn(conventions, key)) used.add(key);
    const arrays = Object.fromEntries(Object.entries(inputs).map(([letter, nested]) => [letter, arrayOf(nested)]));
    const compute = async (): Promise<unknown> => {
      if (factory === 'fixedRank') return onFixedRank(options as never, op, arrays);
      const manifold = factories[factory](options as never) as ArrayManifold;
      if (op === 'barycenter') {
        const points = (inputs.points as readonly Nested[]).map(arrayOf);
        const weights = inputs.weights as readonly number[] | undefined;
        return (await barycenter(manifold as GeodesicManifold<HostArray>, points, weights && { weights })).point;
      }
      return (conventions[key]?.compute ?? operations[op])(manifold, arrays);
    };
    const computed = (await compute()) as number | HostArray;
    const wanted = typeof computed === 'number' ? expected : arrayOf(expected);
    // Bases of one subspace differ: points of the Grassmann manifold are compared as projections.
    const isSubspace = factory === 'grassmann' && (op === 'exp' || op === 'retract');
    const comparable = (value: number | HostArray): number | HostArray =>
      isSubspace ? la.matmul(value as HostArray, value as HostArray, { transposeB: true }) : value;
    const scale = Math.max(1, ...numbersOf(expected).map(Math.abs));
    expect(comparable(computed)).toBeAllClose(comparable(wanted as number | HostArray), tol * scale);
  });

  it('no convention is listed that no case needs', () => {
    expect([...used].sort()).toEqual(Object.keys(conventions).sort());
  });
});
