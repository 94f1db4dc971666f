/**
 * Geodesics between two points for the metrics of {@link StiefelMetric} other than the canonical one, whose rotations
 * of [X, Q] may turn by more than half a turn, so that no logarithm of matrices finds them: by Newton's method, along
 * the family of metrics, from the canonical geodesic.
 */
import { gmres } from '../linalg/gmres.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { skewExponential, skewPart } from './orthogonal-functions.js';

/** Steps of Newton's method for one metric; halvings of a step of it, and of one along the metrics. */
const LIMITS = { newton: 10, halvings: 3, metrics: 6 };

/** A difference of a unit vector by which derivatives are taken: the root of ε in float64. */
const DIFFERENCE = 1.5e-8;

/** Returns [[P, −Bᵀ], [B, 0]] for P r×r, B q×r. */
export function bordered<M>(la: LinearAlgebra<M>, p: M, b: M): M {
  const [q] = la.shape(b).slice(-2);
  const zero = la.full([...la.shape(b).slice(0, -2), q, q], 0);
  const top = la.concat([p, la.scale(-1, la.transpose(b))], 'columns');
  return la.concat([top, la.concat([b, zero], 'columns')], 'rows');
}

/**
 * Returns the blocks A and B of the tangent at [I; 0] whose Cayley retraction is [M; N]: B = 2N(M + I)⁻¹ and A = 2(M −
 * I)(M + I)⁻¹ + ½BᵀB, which is skew if the columns of [M; N] are orthonormal.
 *
 * @param over - multiplies by (M + I)⁻¹ from the right.
 */
export function cayleyBlocks<M>(la: LinearAlgebra<M>, less: M, n: M, over: (x: M) => M): { readonly a: M; readonly b: M } {
  const b = la.scale(2, over(n));
  const gram = la.matmul(b, b, { transposeA: true });
  return { a: skewPart(la, la.axpy(0.5, gram, la.scale(2, over(less)))), b };
}

/** What is sought: the tangent [A; B] at [I; 0] whose geodesic ends at a target. */
interface Shot<M> {
  readonly caller: string;
  /** [M; N], with orthonormal columns. */
  readonly target: M;
  /** The largest entry of a gap that counts as rounding. */
  readonly rounding: number;
}

/** Returns the target as seen from the end of the geodesic along [A; B]: zero at the target, and there alone. */
function gapOf<M>(la: LinearAlgebra<M>, { caller, target }: Shot<M>, beta: number, tangent: M): M {
  const [n, r] = la.shape(tangent).slice(-2);
  const a = la.slice(tangent, { rows: [0, r] });
  const frame = skewExponential(la, caller, bordered(la, la.scale(2 * beta, a), la.slice(tangent, { rows: [r, n] })));
  const turned = la.matmul(target, skewExponential(la, caller, la.scale(2 * beta - 1, a)));
  const seen = la.matmul(frame, turned, { transposeA: true });
  const [m, rest] = [la.slice(seen, { rows: [0, r] }), la.slice(seen, { rows: [r, n] })];
  const identity = la.diagMatrix(la.full([...la.shape(m).slice(0, -2), r], 1));
  const { Q, R } = la.qr(la.add(m, identity));
  const over = (x: M): M => la.matmul(la.solveTriangular(R, x, { lower: false, side: 'right' }), Q, { transposeB: true });
  const blocks = cayleyBlocks(la, la.subtract(m, identity), rest, over);
  return la.concat([blocks.a, blocks.b], 'rows');
}

const sizeOf = (x: Float64Array): number => Math.hypot(...x);

/** Returns the tangent for one metric, by Newton's method from another; undefined if it does not come closer. */
function shoot<M>(la: LinearAlgebra<M>, shot: Shot<M>, beta: number, start: M): M | undefined {
  const shape = la.shape(start);
  const read = (x: M): Float64Array => la.peek(x) as Float64Array;
  const gapAt = (x: Float64Array): Float64Array => read(gapOf(la, shot, beta, la.fromArray(x, shape)));
  let at = read(start);
  let gap = gapAt(at);
  for (let iteration = 0; iteration < LIMITS.newton; iteration++) {
    if (gap.every((entry) => Math.abs(entry) <= shot.rounding)) return la.fromArray(at, shape);
    const [x, g] = [at, gap];
    const along = (v: Float64Array): Float64Array => {
      const moved = gapAt(x.map((value, i) => value + DIFFERENCE * v[i]));
      return moved.map((value, i) => (g[i] - value) / DIFFERENCE);
    };
    const step = gmres(along, gap, { tolerance: Math.min(1e-2, sizeOf(gap)), limit: 60 });
    let share = 1;
    for (let halving = 0; ; halving++) {
      at = x.map((value, i) => value + share * step[i]);
      gap = gapAt(at);
      if (sizeOf(gap) < (1 - share / 4) * sizeOf(g)) break;
      if (halving === LIMITS.halvings) return sizeOf(g) <= 64 * shot.rounding ? la.fromArray(x, shape) : undefined;
      share /= 2;
    }
  }
  return undefined;
}

/**
 * Returns the tangent [A; B] at [I; 0] whose geodesic of the metric β ends at a target, from the canonical one. Steps
 * along β are halved where Newton's method does not arrive.
 *
 * @returns undefined if no geodesic was found.
 */
export function followMetrics<M>(la: LinearAlgebra<M>, shot: Shot<M>, beta: number, canonical: M): M | undefined {
  let [at, found, slope] = [0.5, canonical, la.full(la.shape(canonical), 0)];
  let step = beta - at;
  for (let halvings = 0; halvings < LIMITS.metrics; ) {
    const next = Math.abs(beta - at) <= Math.abs(step) ? beta : at + step;
    // From where the last two metrics point to.
    const reached = shoot(la, shot, next, la.axpy(next - at, slope, found));
    if (reached === undefined) {
      step /= 2;
      halvings++;
      continue;
    }
    if (next === beta) return reached;
    slope = la.scale(1 / (next - at), la.subtract(reached, found));
    [at, found] = [next, reached];
  }
  return undefined;
}
