/**
 * Cartesian product of named manifolds, such as a model's adapters as one point.
 *
 * Points, tangents and gradients are records with one entry per component; inner products are summed.
 */
import type { Awaitable } from '../core/awaitable.js';
import { ConfigError, NotImplementedError, ShapeError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { Random } from '../core/random.js';
import { scaleTree } from '../core/tree.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { whenRead } from '../linalg/number-of.js';
import type { Manifold, RetractTransport } from './manifold.js';

/** Any manifold, as a component of a product. */
export type Component = Manifold<unknown, unknown, unknown, unknown, unknown>;

/** Manifolds by name. */
export type Components = Readonly<Record<string, Component>>;

/** The array type of the components' engine. */
export type ProductArray<C extends Components> = C[keyof C]['algebra'] extends LinearAlgebra<infer M> ? M : never;
/** The record of the components' points. */
export type ProductPoint<C extends Components> = { readonly [K in keyof C]: ReturnType<C[K]['randomPoint']> };
/** The record of the components' tangents. */
export type ProductTangent<C extends Components> = { readonly [K in keyof C]: ReturnType<C[K]['zeroTangent']> };
/** The record of the components' ambient elements. */
export type ProductAmbient<C extends Components> = { readonly [K in keyof C]: ReturnType<C[K]['embed']> };
/** The record of the components' Euclidean gradients. */
export type ProductGradient<C extends Components> = { readonly [K in keyof C]: Parameters<C[K]['egradToRgrad']>[1] };

/** A product of manifolds. */
export interface ProductManifold<C extends Components>
  extends Manifold<ProductArray<C>, ProductPoint<C>, ProductTangent<C>, ProductAmbient<C>, ProductGradient<C>> {
  /** The components, as given. */
  readonly components: C;
}

/** Operations that a manifold may lack. */
export type OptionalOperation = 'dist' | 'exp' | 'log' | 'inverseRetract' | 'decayDirection' | 'ehessToRhess' | 'coordinatesToRhess';

/** The operations that every component has, which the product has then too. */
export type ProductOffers<C extends Components> = Required<
  Pick<ProductManifold<C>, { [K in OptionalOperation]: undefined extends C[keyof C][K] ? never : K }[OptionalOperation]>
>;

/** A record with one entry per component. */
type Parts = Readonly<Record<string, unknown>>;

/**
 * Returns the product of named manifolds over one engine, such as a model's adapters as one point.
 *
 * $$ \mathcal M = \mathcal M_1\times\dots\times\mathcal M_k, \qquad \langle u,v\rangle_x = \sum_i\langle u_i,v_i\rangle_{x_i} $$
 *
 * Points, tangents, gradients and ambient elements are records with one entry per component; every operation is that of
 * the components.
 *
 * @typeParam C - the record of components, which gives points and tangents their types.
 * @param components - at least one manifold, by name; a product may be a component.
 * @returns a manifold whose points are `{ name: point, … }`. An operation that some component lacks (`dist`, `exp`, …)
 * throws a `NotImplementedError` that names the component; conversions of Hessians are absent then, so that solvers
 * take differences of gradients.
 * @throws ConfigError if there is no component, or they use different engines.
 *
 * @example
 * ```ts
 * import { balancedFactors, euclidean, product, seededRandom } from 'bures';
 *
 * const manifold = product({ adapter: balancedFactors({ m: 30, n: 20, rank: 3 }), bias: euclidean({ shape: [30] }) });
 * const x = manifold.randomPoint(seededRandom(1));
 * console.log(manifold.dim, x.adapter.A.shape, x.bias.shape); // 171 [ 30, 3 ] [ 30 ]
 * ```
 */
export function product<C extends Components>(components: C): ProductManifold<C> & ProductOffers<C> {
  const entries = Object.entries<Component>(components ?? {});
  checkComponents(components, entries);
  const [[, first]] = entries as [[string, Component]];
  const operations = productOperations(entries);
  const steps = {
    atStep: (k: number) => product(Object.fromEntries(entries.map(([key, part]) => [key, part.atStep?.(k) ?? part]))),
  };
  return {
    ...(operations as unknown as ProductManifold<C> & ProductOffers<C>),
    ...(entries.some(([, part]) => part.atStep !== undefined) && (steps as unknown as Pick<ProductManifold<C>, 'atStep'>)),
    components,
    name: `product(${entries.map(([key, part]) => `${key}: ${part.name}`).join(', ')})`,
    algebra: first.algebra as ProductManifold<C>['algebra'],
    dim: entries.reduce((sum, [, part]) => sum + part.dim, 0),
    typicalDist: Math.hypot(...entries.map(([, part]) => part.typicalDist)),
    retractionOrder: entries.every(([, part]) => part.retractionOrder === 2) ? 2 : 1,
  };
}

function checkComponents(components: unknown, entries: readonly [string, Component][]): void {
  if (Array.isArray(components)) throw new ConfigError('product: expected components by name, got an array; pass { name: manifold, … }');
  if (entries.length === 0) throw new ConfigError('product: expected at least one named manifold, got none; pass { name: manifold, … }');
  for (const [key, part] of entries) {
    if (typeof part?.retract !== 'function') {
      throw new ConfigError(
        `product: component '${key}' must be a manifold, got ${describeValue(part)}; make one with a factory such as balancedFactors(…)`,
      );
    }
    const engine = (entries[0] as [string, Component])[1].algebra;
    if (part.algebra !== engine) {
      throw new ConfigError(
        `product: component '${key}' computes with '${part.algebra.name}', the first with '${engine.name}'; give all components one algebra`,
      );
    }
  }
}

/** Returns the part of a point, tangent or gradient that belongs to a component. */
function partOf(value: unknown, key: string): unknown {
  const part = (value as Parts | undefined)?.[key];
  if (part === undefined) throw new ShapeError(`product: the component '${key}' is missing; pass a record with one entry a component`);
  return part;
}

type LiftedOperation =
  | 'project'
  | 'embed'
  | 'toTangent'
  | 'admissible'
  | 'egradToRgrad'
  | 'coordinatesToRgrad'
  | 'transport'
  | 'difference';

type HessianConversion = 'ehessToRhess' | 'coordinatesToRhess';

type ProductOperations = Omit<Component, 'name' | 'algebra' | 'dim' | 'typicalDist' | 'retractionOrder'>;

function productOperations(entries: readonly [string, Component][]): ProductOperations {
  const each = (apply: (part: Component, key: string) => unknown): Parts =>
    Object.fromEntries(entries.map(([key, part]) => [key, apply(part, key)]));
  /** The root of the sum of the squares of terms, which may overflow where the root does not. */
  const hypotenuse = (term: (part: Component, key: string) => Awaitable<number>): Awaitable<number> => ofTerms(entries, term, Math.hypot);
  const offered = (part: Component, key: string, operation: 'dist' | 'inverseRetract' | 'exp' | 'log' | 'decayDirection') => {
    const method = part[operation];
    if (method === undefined) {
      throw new NotImplementedError(
        `product.${operation}: component '${key}' (${part.name}) has no ${operation}; see which operations its manifold documents`,
      );
    }
    return method as (...parts: unknown[]) => unknown;
  };
  const norm = (x: unknown, u: unknown): Awaitable<number> => hypotenuse((part, key) => part.norm(partOf(x, key), partOf(u, key)));
  /** Lifts an operation of the components to records. */
  const lift =
    (operation: LiftedOperation | HessianConversion) =>
    (...args: unknown[]): unknown =>
      each((part, key) => (part[operation] as (...parts: unknown[]) => unknown)(...args.map((argument) => partOf(argument, key))));
  /** Returns an operation if all components have it. */
  const ofAll = (operation: HessianConversion) =>
    entries.every(([, part]) => part[operation] !== undefined) && { [operation]: lift(operation) };
  return {
    async checkPoint(x) {
      for (const [key, part] of entries) await part.checkPoint(partOf(x, key));
    },
    async checkStart(x) {
      for (const [key, part] of entries) {
        const place = partOf(x, key);
        await (part.checkStart === undefined ? part.checkPoint(place) : part.checkStart(place));
      }
    },
    inner: (x, u, v) =>
      ofTerms(
        entries,
        (part, key) => part.inner(partOf(x, key), partOf(u, key), partOf(v, key)),
        (...terms) => terms.reduce((sum, one) => sum + one, 0),
      ),
    norm,
    dist: (x, y) => hypotenuse((part, key) => offered(part, key, 'dist')(partOf(x, key), partOf(y, key)) as Awaitable<number>),
    project: lift('project'),
    embed: lift('embed'),
    toTangent: lift('toTangent'),
    admissible: lift('admissible'),
    egradToRgrad: lift('egradToRgrad'),
    coordinatesToRgrad: lift('coordinatesToRgrad'),
    transport: lift('transport'),
    difference: lift('difference'),
    // Solvers take differences of gradients where a manifold has no conversion.
    ...ofAll('ehessToRhess'),
    ...ofAll('coordinatesToRhess'),
    ...towardsMeans(entries),
    inverseRetract: (x, y) => each((part, key) => offered(part, key, 'inverseRetract')(partOf(x, key), partOf(y, key))),
    log: (x, y) => each((part, key) => offered(part, key, 'log')(partOf(x, key), partOf(y, key))),
    exp: (x, u, t = 1) => each((part, key) => offered(part, key, 'exp')(partOf(x, key), partOf(u, key), t)),
    decayDirection: (x) => each((part, key) => offered(part, key, 'decayDirection')(partOf(x, key))),
    retract: (x, u, t = 1) => each((part, key) => part.retract(partOf(x, key), partOf(u, key), t)),
    retractTransport: (x, u, t = 1) => joinTransports(each((part, key) => part.retractTransport(partOf(x, key), partOf(u, key), t))),
    randomPoint: (random: Random) => each((part) => part.randomPoint(random)),
    async randomTangent(x, random) {
      const parts: Record<string, unknown> = {};
      // Weighted by dimension, so that the direction is spread evenly over the product.
      for (const [key, part] of entries) {
        const unit = await part.randomTangent(partOf(x, key), random);
        parts[key] = scaleTree(part.algebra, Math.sqrt(part.dim), unit);
      }
      return scaleTree((entries[0] as [string, Component])[1].algebra, 1 / (await norm(x, parts)), parts);
    },
    zeroTangent: (x) => each((part, key) => part.zeroTangent(partOf(x, key))),
  };
}

/** Returns what the search for a mean needs, where some component has it; the others have the defaults. */
function towardsMeans(entries: readonly [string, Component][]): Pick<Component, 'curvatureTowards' | 'roughMean'> {
  return {
    ...(entries.some(([, part]) => part.curvatureTowards !== undefined) && {
      // The Hessian of ½dist² has one block a component.
      async curvatureTowards(x: unknown, y: unknown) {
        const curvatures = entries.map(([key, part]) => part.curvatureTowards?.(partOf(x, key), partOf(y, key)) ?? 1);
        return Math.max(...(await Promise.all(curvatures)));
      },
    }),
    ...(entries.some(([, part]) => part.roughMean !== undefined) && {
      roughMean(points: readonly unknown[], weights: readonly number[]) {
        const meanOf = ([key, part]: readonly [string, Component]): unknown => {
          const parts = points.map((point) => partOf(point, key));
          return part.roughMean === undefined ? parts[0] : part.roughMean(parts, weights);
        };
        return Object.fromEntries(entries.map((entry) => [entry[0], meanOf(entry)]));
      },
    }),
  };
}

/** Applies a function to the numbers of all components, which are requested before the first is awaited. */
function ofTerms(
  entries: readonly [string, Component][],
  term: (part: Component, key: string) => Awaitable<number>,
  compute: (...terms: number[]) => number,
): Awaitable<number> {
  return whenRead<unknown>(
    entries.map(([key, part]) => term(part, key)),
    compute,
  );
}

/** Joins the transports of the components into one. */
function joinTransports(parts: Parts): RetractTransport<unknown, unknown> {
  const transports = Object.entries(parts) as [string, RetractTransport<unknown, unknown>][];
  const carry =
    (map: 'vector' | 'covector' | 'secondMoment') =>
    (value: unknown): unknown =>
      Object.fromEntries(transports.map(([key, transport]) => [key, transport[map](partOf(value, key))]));
  return {
    point: Object.fromEntries(transports.map(([key, { point }]) => [key, point])),
    vector: carry('vector'),
    covector: carry('covector'),
    secondMoment: carry('secondMoment'),
    components: parts as Readonly<Record<string, RetractTransport<unknown, unknown>>>,
  };
}
