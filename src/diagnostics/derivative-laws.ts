/**
 * Laws of derivatives, for manifolds whose tangents are displacements of the coordinates of a point: the gradient of a
 * linear function, the Hessian of ½‖x‖², the speed of geodesics.
 */
import { axpyTree, mapTree, scaleTree } from '../core/tree.js';
import { ifOffered, type Law, type LawContext, leavesOf, type Measurement } from './law-context.js';

/** Laws that compare operations with products of entries, or with differences. */
export const derivativeLaws: readonly Law[] = [
  {
    name: 'gradients are those of the metric: ⟨egradToRgrad(g), u⟩ is the product of the entries of g and u',
    remedy: 'with an inner of its own, egradToRgrad applies the inverse of the metric, and projects orthogonally in it',
    measure: gradientLaw,
  },
  {
    name: 'Hessians are those along geodesics: ⟨ehessToRhess(g, h, u), u⟩ is the second derivative of the cost',
    remedy: 'besides the projected Euclidean Hessian there is a term of the Euclidean gradient, for the curvature of the manifold',
    measure: hessianLaw,
  },
  {
    name: 'exp has constant speed',
    remedy: 'a retraction is no geodesic: leave exp out where there is no closed form',
    measure: speedLaw,
  },
];

async function gradientLaw<M, P, T>(context: LawContext<M, P, T>): Promise<Measurement | undefined> {
  const { manifold, la, x, u, v, random } = context;
  if (!movesCoordinates(context)) return undefined;
  const g = mapTree<M, P>(la, (leaf) => la.randomNormal(la.shape(leaf), random), x);
  const gradients = [manifold.coordinatesToRgrad(x, g), ...(takesCoordinates(manifold) ? [manifold.egradToRgrad(x, g)] : [])];
  let largest = 0;
  for (const gradient of gradients) {
    for (const w of [u, v]) {
      const expected = await productOfEntries(la, g, w);
      const error = Math.abs((await manifold.inner(x, gradient, w)) - expected);
      const size = Math.max(Math.abs(expected), await manifold.norm(x, gradient));
      // Math.max alone would lose NaN, which must win.
      largest = Number.isNaN(error) ? error : Math.max(largest, error === 0 ? 0 : error / size);
    }
  }
  return { error: largest };
}

/** The cost ½‖x‖², with gradient x and Hessian u, does not change under an orthogonal change of gauge. */
async function hessianLaw<M, P, T>(context: LawContext<M, P, T>): Promise<Measurement | undefined> {
  const { manifold, la, x, u } = context;
  const { coordinatesToRhess, ehessToRhess, exp } = manifold;
  const curve = exp ?? (manifold.retractionOrder === 2 ? manifold.retract : undefined);
  if (!movesCoordinates(context) || curve === undefined) return undefined;
  return ifOffered(async () => {
    // The fourth root balances truncation and rounding.
    const h = la.epsilon ** 0.25 * context.step;
    const cost = async (t: number): Promise<number> => {
      const y = curve.call(manifold, x, u, t);
      return 0.5 * (await productOfEntries(la, y, y));
    };
    const [ahead, here, behind] = [await cost(h), 0.5 * (await productOfEntries(la, x, x)), await cost(-h)];
    const expected = (ahead - 2 * here + behind) / h ** 2;
    const products = [
      ...(coordinatesToRhess === undefined ? [] : [coordinatesToRhess.call(manifold, x, x, u as unknown as P, u)]),
      ...(ehessToRhess === undefined || !takesCoordinates(manifold) ? [] : [ehessToRhess.call(manifold, x, x, u, u)]),
    ];
    if (products.length === 0) return { error: 0 };
    let largest = 0;
    for (const product of products) {
      const error = Math.abs((await manifold.inner(x, product, u)) - expected);
      largest = Number.isNaN(error) ? error : Math.max(largest, error);
    }
    // The rounding of the costs over h², and the next term of the series.
    return { error: largest / Math.max(1, Math.abs(expected)), tolerance: 1e3 * Math.sqrt(la.epsilon) * (1 + here / context.step ** 2) };
  });
}

async function speedLaw<M, P, T>(context: LawContext<M, P, T>): Promise<Measurement | undefined> {
  const { manifold, la, x, u, step } = context;
  const { exp } = manifold;
  if (exp === undefined || !movesCoordinates(context)) return undefined;
  return ifOffered(async () => {
    // The cube root balances truncation and rounding.
    const h = Math.cbrt(la.epsilon) * step;
    const [behind, end, ahead] = [step - h, step, step + h].map((t) => exp.call(manifold, x, u, t));
    const velocity = scaleTree(la, 0.5 / h, axpyTree(la, -1, behind, ahead)) as unknown as T;
    const speed = await manifold.norm(end, manifold.toTangent(end, velocity));
    const size = Math.sqrt(await productOfEntries(la, end, end));
    return { error: Math.abs(speed - 1), tolerance: 1e3 * la.epsilon ** (2 / 3) * (1 + size / step) };
  });
}

/** Returns true if tangents have the arrays of a point. */
function movesCoordinates<M, P, T>({ la, x, u }: LawContext<M, P, T>): boolean {
  const [coordinates, displacements] = [leavesOf<M>(la, x), leavesOf<M>(la, u)];
  return (
    coordinates.length === displacements.length &&
    coordinates.every((leaf, i) => la.shape(leaf).join() === la.shape(displacements[i]).join())
  );
}

/** Returns true if Euclidean gradients are by the coordinates of a point, and not by a matrix that these stand for. */
function takesCoordinates(manifold: object): boolean {
  const { components } = manifold as { readonly components?: Readonly<Record<string, object>> };
  return components === undefined ? !('toMatrix' in manifold) : Object.values(components).every(takesCoordinates);
}

/** Computes the sum of the products of all entries of two trees. */
async function productOfEntries<M>(la: LawContext<M, unknown, unknown>['la'], a: unknown, b: unknown): Promise<number> {
  const [left, right] = [leavesOf<M>(la, a), leavesOf<M>(la, b)];
  let sum = 0;
  for (const [i, leaf] of left.entries()) sum += await la.inner(leaf, right[i]);
  return sum;
}
