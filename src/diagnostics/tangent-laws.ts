import '../linalg/host/whole-engine.js';
import { seededRandom } from '../core/random.js';
import { mapTree, scaleTree } from '../core/tree.js';
import { entryGap, type Law, type LawContext, leavesOf, nonlinearity, tangentGap } from './law-context.js';
import { short } from './slope-verdict.js';

/** Laws of one point and its tangent space: sampling, projection, metric, dimension. */
export const tangentLaws: readonly Law[] = [
  {
    name: 'randomPoint gives a point of the manifold',
    remedy: 'randomPoint and checkPoint must agree on what a point is',
    async measure({ manifold, random }) {
      await manifold.checkPoint(manifold.randomPoint(random));
      return { error: 0 };
    },
  },
  {
    name: 'randomPoint is determined by the seed',
    remedy: 'draw from the generator that is passed, and from nothing else',
    measure: async ({ manifold, la }) => ({
      error: await entryGap(la, manifold.randomPoint(seededRandom(1)), manifold.randomPoint(seededRandom(1))),
      tolerance: 0,
    }),
  },
  {
    name: 'checkPoint refuses a point with NaN in it',
    remedy: 'check for non-finite entries first; comparisons with NaN are false, so write !(error <= tolerance)',
    async measure({ manifold, la, x }) {
      const poisoned = mapTree(la, (leaf) => la.full(la.shape(leaf), Number.NaN), x);
      try {
        await manifold.checkPoint(poisoned);
      } catch {
        return { error: 0 };
      }
      return { error: 1, tolerance: 0, found: 'it passed' };
    },
  },
  {
    name: 'randomTangent has unit norm',
    remedy: 'divide by the norm in the metric at x, after the projection',
    measure: async ({ manifold, x, u }) => ({ error: Math.abs((await manifold.norm(x, u)) - 1) }),
  },
  {
    name: 'toTangent leaves a tangent as it is',
    remedy: 'it must be a projection onto the space that randomTangent draws from',
    measure: async (context) => ({
      error: await tangentGap(context, context.x, context.manifold.toTangent(context.x, context.u), context.u),
    }),
  },
  {
    name: 'toTangent is idempotent',
    remedy: 'projecting twice must equal projecting once: look for a missing factor ½ or a term that is not removed',
    async measure(context) {
      const { manifold, x } = context;
      const once = manifold.toTangent(x, arbitrary(context));
      return { error: await tangentGap(context, x, manifold.toTangent(x, once), once) };
    },
  },
  {
    name: 'toTangent is linear',
    remedy: 'a projection depends on its argument linearly: the point alone decides the space',
    measure: async (context) => ({ error: await nonlinearity(context, context.x, (w) => context.manifold.toTangent(context.x, w)) }),
  },
  {
    name: 'project is a left inverse of embed',
    remedy: 'embed writes a tangent in the ambient space, and project must find the same tangent there',
    measure: async (context) => {
      const { manifold, x, u } = context;
      return { error: await tangentGap(context, x, manifold.project(x, manifold.embed(x, u)), u) };
    },
  },
  {
    name: 'project is idempotent',
    remedy: 'projecting twice must equal projecting once: look for a missing factor ½ or a term that is not removed',
    async measure(context) {
      const { manifold, x, y, u } = context;
      // Tangent at y, so not at x.
      const once = manifold.project(x, manifold.embed(y, manifold.transport(x, y, u)));
      return { error: await tangentGap(context, x, manifold.project(x, manifold.embed(x, once)), once) };
    },
  },
  {
    name: 'inner is symmetric',
    remedy: '⟨u, v⟩ = ⟨v, u⟩: look for a weight on one argument that is not self-adjoint',
    measure: async ({ manifold, x, u, v }) => ({ error: Math.abs((await manifold.inner(x, u, v)) - (await manifold.inner(x, v, u))) }),
  },
  {
    name: 'inner is linear in each argument',
    remedy: 'look for a norm, an absolute value or a constant term in it',
    measure: async (context) => ({ error: await bilinearity(context) }),
  },
  {
    name: 'norm² is inner of a tangent with itself, and positive',
    remedy: 'norm must be the square root of inner, summed over the batch',
    async measure({ manifold, la, x, u, v }) {
      let largest = 0;
      for (const w of [u, v, scaleTree(la, -3, u)]) {
        const square = await manifold.inner(x, w, w);
        const norm = await manifold.norm(x, w);
        if (!(square > 0)) return { error: Number.POSITIVE_INFINITY, found: `⟨u, u⟩ = ${short(square)} for a nonzero u` };
        largest = Math.max(largest, Math.abs(norm * norm - square) / square);
      }
      return { error: largest };
    },
  },
  {
    name: 'zeroTangent has norm zero and is tangent',
    remedy: 'it must hold zeros in the shapes of a tangent',
    async measure({ manifold, x }) {
      const zero = manifold.zeroTangent(x);
      return { error: (await manifold.norm(x, zero)) + (await manifold.norm(x, manifold.toTangent(x, zero))), tolerance: 0 };
    },
  },
  {
    name: 'dim is the number of independent tangents',
    remedy: 'count the free coordinates of a tangent: parameters less constraints, and less gauge directions, over the whole batch',
    measure: async (context) => (context.manifold.dim > context.dimensionLimit ? undefined : countTangents(context)),
  },
];

/** Returns normal numbers in the shapes of a tangent; they lie in no tangent space. */
function arbitrary<M, P, T>({ la, u, random }: LawContext<M, P, T>): T {
  return mapTree(la, (leaf) => la.randomNormal(la.shape(leaf), random), u);
}

async function bilinearity<M, P, T>({ manifold, la, x, u, v }: LawContext<M, P, T>): Promise<number> {
  const mixed = mapTree(la, (first, second) => la.axpy(-1.3, second, la.scale(0.7, first)), u, v);
  let largest = 0;
  for (const w of [u, v]) {
    const expected = 0.7 * (await manifold.inner(x, u, w)) - 1.3 * (await manifold.inner(x, v, w));
    largest = Math.max(largest, Math.abs((await manifold.inner(x, mixed, w)) - expected));
    largest = Math.max(largest, Math.abs((await manifold.inner(x, w, mixed)) - expected));
  }
  return largest;
}

/**
 * Compares `dim` with the numerical rank of 2·dim + 2 random tangents: Gaussian samples in twice the dimension are well
 * conditioned (Marchenko and Pastur 1967).
 */
async function countTangents<M, P, T>({
  manifold,
  la,
  x,
  random,
}: LawContext<M, P, T>): Promise<{ error: number; tolerance: number; found: string }> {
  const rows: M[] = [];
  for (let draw = 0; draw < 2 * manifold.dim + 2; draw++) {
    const tangent = await manifold.randomTangent(x, random);
    const flat = leavesOf(la, tangent).map((leaf) => la.reshape(leaf, [1, la.shape(leaf).reduce((count, size) => count * size, 1)]));
    rows.push(la.concat(flat, 'columns'));
  }
  const sigma = await la.toArray(la.svd(la.concat(rows, 'rows')).S);
  const rank = sigma.filter((value) => value > Math.sqrt(la.epsilon) * sigma[0]).length;
  return { error: Math.abs(rank - manifold.dim), tolerance: 0, found: `dim is ${manifold.dim}, random tangents span ${rank} dimensions` };
}
