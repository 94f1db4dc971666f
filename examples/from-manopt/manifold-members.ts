/** What a manifold of Manopt does, each member in a small job: `npx tsx examples/from-manopt/manifold-members.ts`. */
import {
  affineInvariant,
  axpyTree,
  barycenter,
  fixedRank,
  type HostArray,
  hyperbolic,
  logEuclidean,
  oblique,
  orthogonalGroup,
  poincareBall,
  rotations,
  scaleTree,
  seededRandom,
  simplex,
  spd,
  sphere,
  stiefel,
} from 'bures';
import { type Jobs, la, runAll } from './jobs.js';

const random = seededRandom(1);
const manifold = sphere({ shape: [5] });
const [x, y] = [manifold.randomPoint(random), manifold.randomPoint(random)];
const u = await manifold.randomTangent(x, random);
const v = await manifold.randomTangent(x, random);
const z = la.randomNormal([5], random);

export const jobs: Jobs = {
  'name()': () => [manifold.dim + Number(manifold.name.includes('sphere')) + manifold.typicalDist, 4 + 1 + Math.PI],
  inner: () => [manifold.inner(x, u, u) + manifold.norm(x, u) + Math.cos(manifold.dist(x, y)), 2 + la.inner(x, y)],
  proj: () => [la.inner(x, manifold.project(x, z)) + la.norm(la.subtract(manifold.embed(x, manifold.toTangent(x, u)), u)), 0],
  // Of ⟨z, x⟩ the Hessian along u is −⟨z, x⟩ u; tangents of the sphere are displacements of its coordinates.
  egrad2rgrad() {
    const zero = la.full([5], 0);
    const hessians = [manifold.ehessToRhess(x, z, zero, u), manifold.coordinatesToRhess?.(x, z, zero, u) ?? zero];
    const gradients = la.subtract(manifold.egradToRgrad(x, z), manifold.coordinatesToRgrad(x, z));
    return [la.norm(gradients) + hessians.reduce((sum, h) => sum + la.inner(h, u), 0), -2 * la.inner(z, x)];
  },
  retr() {
    const bases = stiefel({ m: 7, rank: 2 });
    const point = bases.randomPoint(random);
    const back = bases.inverseRetract?.(point, bases.retract(point, bases.zeroTangent(point), 1));
    return [la.norm(back as HostArray) + bases.retractionOrder, 2];
  },
  exp: () => [la.norm(la.subtract(manifold.exp(x, manifold.log(x, y)), y)), 0],
  transp() {
    const { point, vector } = manifold.retractTransport(x, u, 0.1);
    return [la.inner(point, vector(v)) + la.inner(y, manifold.transport(x, y, v)), 0];
  },
  async isotransp() {
    const isometric = [
      manifold,
      oblique({ m: 4, n: 3 }),
      hyperbolic({ n: 3 }),
      poincareBall({ n: 3 }),
      simplex({ n: 4 }),
      spd({ n: 3, metric: affineInvariant() }),
      spd({ n: 3, metric: logEuclidean() }),
      rotations({ n: 3 }),
      orthogonalGroup({ n: 3 }),
    ];
    const lengths = await Promise.all(
      isometric.map(async (each) => {
        const [from, to] = [each.randomPoint(seededRandom(5)), each.randomPoint(seededRandom(6))];
        return each.norm(to, each.transport(from, to, await each.randomTangent(from, seededRandom(7))));
      }),
    );
    return [Math.hypot(...lengths), 3];
  },
  async rand() {
    const columns = oblique({ m: 4, n: 3 });
    const point = columns.randomPoint(seededRandom(9));
    return [columns.norm(point, await columns.randomTangent(point, random)) + columns.norm(point, columns.zeroTangent(point)), 1];
  },
  async lincomb() {
    // Tangents of matrices of fixed rank are records of arrays: trees.
    const matrices = fixedRank({ m: 7, n: 5, rank: 2 });
    const at = matrices.randomPoint(random);
    const a = await matrices.randomTangent(at, random);
    const b = scaleTree(la, -2, a);
    return [matrices.norm(at, axpyTree(la, 2, a, b)) + la.norm(la.axpy(-1, u, la.scale(1, u))), 0];
  },
  async pairmean() {
    const middle = manifold.exp(x, manifold.log(x, y), 0.5);
    const { point } = await barycenter(manifold, [x, y]);
    return [la.norm(la.subtract(middle, point)), 0];
  },
  // A Weingarten map is within the Hessian: that of a linear cost on positive definite matrices is not zero.
  weingarten() {
    const cone = spd({ n: 2 });
    const one = la.fromRows([
      [1, 0],
      [0, 1],
    ]);
    return [la.norm(cone.ehessToRhess?.(one, one, la.full([2, 2], 0), one) as HostArray), Math.SQRT2];
  },
};

await runAll(import.meta.url, jobs);
