/**
 * The unit sphere: arrays of a given shape with Frobenius norm 1, with the Euclidean metric.
 *
 * Tangent at x: u with ⟨x, u⟩ = 0. Dimension: the number of entries minus one.
 *
 * @see Absil, Mahony and Sepulchre 2008, sections 3.5 and 4.1; Boumal 2023, section 7.2.
 */
import { ConfigError, ShapeError } from '../core/errors.js';
import { checkPositiveInteger, declareOptions, describeValue, option } from '../core/options.js';
import { algebraOption, algebraOrElementary } from '../linalg/host/default-algebra.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { batchOption, batchPrefix } from './checks.js';
import type { GeodesicManifold } from './manifold.js';
import { unitVectorManifold } from './unit-vectors.js';

/** Options of {@link sphere}. */
export interface SphereOptions<M> {
  /** Shape of a point, such as [n] or [m, n]. */
  readonly shape: readonly number[];
  /** Leading axes, one sphere per member: a batched point is a point of the power manifold. Default: none. */
  readonly batch?: readonly number[];
  /** The engine. Default: float64 on the host. */
  readonly algebra?: LinearAlgebra<M>;
}

const sphereOptions = declareOptions<SphereOptions<unknown>>()(
  {
    shape: option({}, (caller, name, shape) => {
      if (!Array.isArray(shape))
        throw new ConfigError(`${caller}: ${name} must be a list of sizes, got ${describeValue(shape)}; pass, say, { shape: [5] }`);
      for (const size of shape) checkPositiveInteger(caller, 'each size', size);
    }),
    batch: batchOption,
    algebra: algebraOption,
  },
  { n: 'write shape: [n], or [n, 1] for a column' },
);

/**
 * Returns the unit sphere of arrays of a given shape, with the Euclidean metric.
 *
 * $$ \mathbb S = \lbrace x : \|x\|_F = 1\rbrace, \qquad T_x = \lbrace u : \langle x,u\rangle = 0\rbrace $$
 *
 * Geodesics are great circles. The retraction is $(x+tu)/\|x+tu\|$, of second order; tangents are transported in
 * parallel along the shortest geodesic.
 *
 * $$ \operatorname{Exp}_x(u) = \cos(\|u\|)\,x+\sin(\|u\|)\,u/\|u\|, \qquad \operatorname{dist}(x,y) = 2\arctan\frac{\|x-y\|}{\|x+y\|} $$
 *
 * @param options - the shape; optionally batch axes and the engine.
 * @returns a readonly object; points and tangents are arrays [.., shape]. Operations cost a few flops per entry.
 * @throws ConfigError if the shape is not an array, or on unknown options; ShapeError if a size in it is not a positive
 * integer, or it has only one entry. `log` throws a NumericalError between opposite points, `inverseRetract` between
 * points at a right angle or more.
 *
 * @example
 * ```ts
 * import { hostAlgebra, type HostArray, minimize, sphere } from 'bures';
 *
 * // The least eigenvalue of a symmetric matrix is the least value of xᵀSx.
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const image = (x: HostArray) => la.multiply(spectrum, x);
 * const cost = (x: HostArray) => la.inner(x, image(x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, image(x)) } as const;
 * console.log((await minimize({ manifold: sphere({ shape: [4] }), cost, gradient })).cost); // 1
 * ```
 * @see Absil, Mahony and Sepulchre 2008, sections 3.5, 4.1 and 8.1; Boumal 2023, section 7.2.
 */
export function sphere<M = HostArray>(options: SphereOptions<M>): GeodesicManifold<NoInfer<M>> {
  const { shape, batch, algebra } = sphereOptions.read('sphere', options);
  const length = shape.reduce((product, size) => product * size, 1);
  if (length < 2) throw new ShapeError('sphere: expected at least two entries, got one, which has no directions to move in; enlarge shape');
  const la = algebraOrElementary(algebra);
  const asRow = (x: M): M => la.reshape(x, [...batch, 1, length]);
  return unitVectorManifold(la, {
    caller: 'sphere',
    sizes: `${batchPrefix(batch)}${shape.join('×')}`,
    shape: [...batch, ...shape],
    length,
    count: batch.reduce((product, size) => product * size, 1),
    dot: (x, y) => la.innerEach(asRow(x), asRow(y)),
    weigh: (c, x) => la.scaleEach(c, x),
  });
}
