import { ConfigError, ShapeError } from '../core/errors.js';
import { editDistance } from '../core/nearest-names.js';
import { describeValue } from '../core/options.js';
import { axpyTree, forEachLeaf, mapTree, scaleTree } from '../core/tree.js';
import { jointInner, jointNorm } from '../linalg/joint-reductions.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { Manifold } from './manifold.js';
import { normOf } from './norm-of.js';

/** Members of a manifold that nothing can be put in the place of. */
type Core = 'name' | 'algebra' | 'dim' | 'checkPoint' | 'project' | 'retract' | 'randomPoint';

/**
 * A manifold as its author writes it: the required members, and any of the others that it has better than
 * {@link defineManifold} makes them.
 *
 * @typeParam M - the engine's array.
 * @typeParam P - a point; tangents and gradients have the same form, as in an embedded submanifold.
 */
export type ManifoldParts<M, P> = Pick<Manifold<M, P>, Core> & Partial<Omit<Manifold<M, P>, Core>>;

/**
 * Completes a manifold whose points, tangents and gradients are arrays (or trees of arrays) of one form, such as a
 * submanifold of a space of matrices, from its required members: `name`, `algebra`, `dim`, `checkPoint`, `project`,
 * `retract` and `randomPoint`. The rest defaults to what holds for the metric of the surrounding space:
 *
 * | member | default |
 * | --- | --- |
 * | `inner`, `norm` | ⟨u, v⟩ and ‖u‖ of the entries; with an `inner` of its own, ⟨u, u⟩^½ |
 * | `egradToRgrad`, `coordinatesToRgrad` | the projected gradient; required with an `inner` of its own |
 * | `embed` | the tangent itself |
 * | `toTangent`, `admissible` | the projection |
 * | `transport` | the projection at the new point |
 * | `retractTransport` | `retract`, with `transport` for tangents and covectors, and second moments as they are |
 * | `difference` | the projection of y − x |
 * | `randomTangent` | a projected normal draw, of norm 1 |
 * | `zeroTangent` | zeros |
 * | `typicalDist`, `retractionOrder` | √dim, and 1 |
 *
 * Closed forms that do not exist (`exp`, `log`, `dist`, …) stay absent: nothing is approximated in their place.
 *
 * @param parts - see {@link ManifoldParts}.
 * @returns the manifold, with all that `parts` has besides.
 * @throws ConfigError if a required member is missing, or one has the name that another library gives it. The
 * operations throw a ShapeError for points and tangents of different shapes.
 *
 * @example
 * ```ts
 * import { defineManifold, DomainError, type HostArray, hostAlgebra, minimize } from 'bures';
 *
 * const la = hostAlgebra();
 * const unit = (x: HostArray) => la.scale(1 / la.norm(x), x);
 * const circle = defineManifold({
 *   name: 'the unit circle',
 *   algebra: la,
 *   dim: 1,
 *   checkPoint(x: HostArray) {
 *     if (!(Math.abs(la.norm(x) - 1) < 1e-12)) throw new DomainError('circle: expected a vector of norm 1; divide it by its norm');
 *   },
 *   project: (x: HostArray, z: HostArray) => la.axpy(-la.inner(x, z), x, z),
 *   retract: (x: HostArray, u: HostArray, t = 1) => unit(la.axpy(t, u, x)),
 *   randomPoint: (random) => unit(la.randomNormal([2], random)),
 * });
 * const height = la.fromArray([0, 1], [2]);
 * const gradient = { kind: 'ambient', at: () => height } as const;
 * const lowest = await minimize({ manifold: circle, cost: (x) => la.inner(height, x), gradient });
 * console.log(lowest.cost); // −1
 * ```
 */
export function defineManifold<M, P, Parts extends ManifoldParts<M, P>>(
  parts: Parts & ManifoldParts<M, P>,
): Manifold<M, P> & NoInfer<Parts> {
  checkParts(parts);
  const la: LinearAlgebra<M> = parts.algebra;
  const { project, retract, inner: ownInner } = parts;
  const norm = parts.norm ?? (ownInner === undefined ? normOfEntries(la) : normOf<M, P, P>(la, ownInner));
  const egradToRgrad = parts.egradToRgrad ?? project;
  const transport = parts.transport ?? ((_x: P, y: P, u: P): P => project(y, u));
  const defaults: Manifold<M, P> = {
    ...parts,
    typicalDist: Math.sqrt(parts.dim),
    retractionOrder: 1,
    inner: (_x, u, v) => (la.isArray(u) && la.isArray(v) ? la.inner(u, v) : jointInner(la, pairsOfLeaves(la, u, v))),
    norm,
    embed: (_x, u) => u,
    toTangent: project,
    admissible: parts.toTangent ?? project,
    egradToRgrad,
    coordinatesToRgrad: egradToRgrad,
    ...(parts.ehessToRhess && { coordinatesToRhess: parts.ehessToRhess }),
    transport,
    retractTransport(x, u, t = 1) {
      const point = retract(x, u, t);
      const carry = (v: P): P => transport(x, point, v);
      return { point, vector: carry, covector: carry, secondMoment: (s) => s };
    },
    difference: (x, y) => project(x, axpyTree(la, -1, x, y)),
    async randomTangent(x, random) {
      const draw = mapTree<M, P>(la, (leaf) => la.randomNormal(la.shape(leaf), random), x);
      const once = project(x, draw);
      // Projected again at unit length: the first projection of a draw nearly normal to the manifold leaves little but
      // rounding.
      const direction = project(x, scaleTree(la, 1 / (await norm(x, once)), once));
      return scaleTree(la, 1 / (await norm(x, direction)), direction);
    },
    zeroTangent: (x) => mapTree<M, P>(la, (leaf) => la.full(la.shape(leaf), 0), x),
  };
  return { ...withShapeChecks(la, { ...defaults, ...parts }) } as Manifold<M, P> & NoInfer<Parts>;
}

/** Operations whose arguments have all the form of a point, with their number. */
const ofOneForm = { inner: 3, norm: 2, dist: 2, transport: 3, difference: 2, log: 2 } as const;

/** Returns the manifold with operations that refuse arguments of another form than the first. */
function withShapeChecks<M, P>(la: LinearAlgebra<M>, manifold: Manifold<M, P>): Manifold<M, P> {
  const checked: Record<string, unknown> = { ...manifold };
  for (const [operation, count] of Object.entries(ofOneForm)) {
    const method = manifold[operation as keyof typeof ofOneForm] as ((...given: P[]) => unknown) | undefined;
    if (method === undefined) continue;
    checked[operation] = (...given: P[]): unknown => {
      for (let i = 1; i < count; i++) {
        if (!sameForm(la, given[0], given[i])) throw formError(la, `${manifold.name}.${operation}`, given[0], given[i]);
      }
      return method.apply(manifold, given);
    };
  }
  return checked as unknown as Manifold<M, P>;
}

function sameForm<M>(la: LinearAlgebra<M>, x: unknown, u: unknown): boolean {
  if (x === u) return true;
  const both = la.isArray(x) && la.isArray(u);
  const [expected, came] = both ? [[x], [u]] : [leavesOf(la, x), leavesOf(la, u)];
  return expected.length === came.length && expected.every((leaf, i) => la.shape(leaf).join() === la.shape(came[i]).join());
}

function formError<M>(la: LinearAlgebra<M>, caller: string, x: unknown, u: unknown): ShapeError {
  const form = (value: unknown): string =>
    leavesOf(la, value)
      .map((leaf) => `[${la.shape(leaf)}]`)
      .join(', ') || describeValue(value);
  return new ShapeError(
    `${caller}: expected points and tangents of one shape, got ${form(x)} and ${form(u)}; take both from this manifold`,
  );
}

/** Members of manifolds in other libraries, in lower case without underscores, and what they are here. */
const elsewhere: Readonly<Record<string, string>> = {
  egrad2rgrad: 'egradToRgrad',
  ehess2rhess: 'ehessToRhess',
  euclideantoriemanniangradient: 'egradToRgrad',
  euclideantoriemannianhessian: 'ehessToRhess',
  proj: 'project',
  projection: 'project',
  tangent: 'toTangent',
  totangentspace: 'toTangent',
  retr: 'retract',
  retraction: 'retract',
  rand: 'randomPoint',
  randvec: 'randomTangent',
  randomtangentvector: 'randomTangent',
  transp: 'transport',
  zerovec: 'zeroTangent',
  zerovector: 'zeroTangent',
  innerproduct: 'inner',
};

const members: readonly string[] =
  'name algebra dim typicalDist retractionOrder checkPoint checkStart inner norm dist project embed toTangent admissible egradToRgrad coordinatesToRgrad ehessToRhess coordinatesToRhess retract retractTransport atStep transport difference inverseRetract exp log curvatureTowards roughMean randomPoint randomTangent zeroTangent decayDirection'.split(
    ' ',
  );

/** @throws ConfigError for a member that is meant as one of a manifold's, but has another name. */
function checkNames(parts: object): void {
  for (const key of Object.keys(parts)) {
    if (members.includes(key)) continue;
    const plain = key.replaceAll('_', '').toLowerCase();
    const meant = elsewhere[plain] ?? members.find((member) => plain.length > 3 && editDistance(plain, member.toLowerCase()) <= 1);
    if (meant !== undefined) throw new ConfigError(`defineManifold: '${key}' would be ignored; name it ${meant}`);
  }
}

function checkParts<M, P>(parts: ManifoldParts<M, P>): void {
  const required: readonly Core[] = ['name', 'algebra', 'dim', 'checkPoint', 'project', 'retract', 'randomPoint'];
  const missing = required.find((member) => parts?.[member] === undefined);
  if (missing !== undefined) {
    throw new ConfigError(`defineManifold: expected a manifold with ${required.join(', ')}, got one without ${missing}; write it`);
  }
  checkNames(parts);
  for (const member of ['checkPoint', 'project', 'retract', 'randomPoint'] as const) {
    if (typeof parts[member] === 'function') continue;
    throw new ConfigError(`defineManifold: expected ${member} to be a function, got ${describeValue(parts[member])}; write one`);
  }
  if (parts.inner !== undefined && parts.egradToRgrad === undefined) {
    throw new ConfigError(
      'defineManifold: expected egradToRgrad with an inner of its own, got none; the projected gradient is that of the surrounding space alone: write it',
    );
  }
}

function pairsOfLeaves<M>(la: LinearAlgebra<M>, u: unknown, v: unknown): readonly (readonly [M, M])[] {
  const [left, right] = [leavesOf(la, u), leavesOf(la, v)];
  return left.map((leaf, index) => [leaf, right[index]]);
}

function leavesOf<M>(la: LinearAlgebra<M>, tree: unknown): readonly M[] {
  const leaves: M[] = [];
  forEachLeaf<M>(la, tree, (leaf) => leaves.push(leaf));
  return leaves;
}

function normOfEntries<M, P>(la: LinearAlgebra<M>): Manifold<M, P>['norm'] {
  return (_x, u) => (la.isArray(u) ? la.norm(u) : jointNorm(la, leavesOf(la, u)));
}
