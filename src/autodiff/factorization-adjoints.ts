import '../linalg/host/whole-engine.js';
import { NotImplementedError } from '../core/errors.js';
import { square } from '../linalg/derived.js';
import type { DifferentiableAlgebra } from './differentiable-algebra.js';
import { differencesInverse, symmetricPart, triangleOf } from './matrix-parts.js';
import type { Tape, Traced } from './tape.js';

type Factorizations<V> = Pick<DifferentiableAlgebra<Traced<V>>, 'qr' | 'svd' | 'eigh' | 'cholesky' | 'solveTriangular'>;

/**
 * Records the factorizations and triangular solves on a tape.
 *
 * @see Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation", 2008
 * (eigh, svd); Townsend, "Differentiating the singular value decomposition", 2016; Walter and Lehmann, "Algorithmic
 * differentiation of linear algebra functions with application in optimum experimental design", 2010 (qr); Murray,
 * "Differentiation of the Cholesky decomposition", arXiv 1602.07527, 2016.
 */
export function factorizationsOnTape<V>(tape: Tape<V>): Factorizations<V> {
  return {
    qr: qrOnTape(tape),
    svd: svdOnTape(tape),
    eigh: eighOnTape(tape),
    cholesky: choleskyOnTape(tape),
    solveTriangular: solveOnTape(tape),
  };
}

/**
 * Records QR. Each of several results of one operand has an adjoint of its own, with zeros for the others; linearity
 * allows this.
 */
function qrOnTape<V>(tape: Tape<V>): Factorizations<V>['qr'] {
  const { base } = tape;
  return (x) => {
    const { Q, R } = base.qr(tape.valueOf(x));
    const [m, n] = base.shape(tape.valueOf(x)).slice(-2);
    if (m < n && tape.holds(x)) {
      throw new NotImplementedError(
        `qr: a ${m}×${n} matrix with fewer rows than columns has no derivative here; factor its transpose, or a square part`,
      );
    }
    // With M = R R̄ᵀ − Q̄ᵀQ and L its lower triangle mirrored above the diagonal: X̄ = (Q̄ + Q L) R⁻ᵀ.
    const adjoint = (byQ: V | undefined, byR: V | undefined): V => {
      const fromR = byR === undefined ? undefined : base.matmul(R, byR, { transposeB: true });
      const fromQ = byQ === undefined ? undefined : base.matmul(byQ, Q, { transposeA: true });
      const inner = fromR === undefined ? base.scale(-1, fromQ as V) : fromQ === undefined ? fromR : base.subtract(fromR, fromQ);
      const lower = triangleOf(base, inner, 'lower');
      const mirrored = base.add(lower, base.transpose(triangleOf(base, inner, 'strictly lower')));
      const outer = base.matmul(Q, mirrored);
      return base.solveTriangular(R, byQ === undefined ? outer : base.add(byQ, outer), { lower: false, transpose: true, side: 'right' });
    };
    return { Q: tape.record(Q, [[x, (g) => adjoint(g, undefined)]]), R: tape.record(R, [[x, (g) => adjoint(undefined, g)]]) };
  };
}

/**
 * Records the SVD. With F_ij = 1/(s_j² − s_i²): X̄ = U [(F∘(UᵀŪ − ŪᵀU)) S + diag(S̄) + S (F∘(VᵀV̄ − V̄ᵀV))] Vᵀ + (I −
 * UUᵀ)Ū S⁻¹ Vᵀ + U S⁻¹ V̄ᵀ(I − VVᵀ).
 */
function svdOnTape<V>(tape: Tape<V>): Factorizations<V>['svd'] {
  const { base } = tape;
  return (x, options) => {
    const { U, S, V: right } = base.svd(tape.valueOf(x), options);
    const reciprocal = (): V => base.divide(base.full(base.shape(S), 1), S);
    const gaps = (): V => differencesInverse(base, square(base, S));
    /** Computes the part of W orthogonal to the columns of Q. */
    const beside = (q: V, w: V): V => base.subtract(w, base.matmul(q, base.matmul(q, w, { transposeA: true })));
    const skew = (q: V, g: V): V => {
      const inner = base.matmul(q, g, { transposeA: true });
      return base.multiply(gaps(), base.subtract(inner, base.transpose(inner)));
    };
    const between = (core: V): V => base.matmul(U, base.matmul(core, right, { transposeB: true }));
    return {
      U: tape.record(U, [
        [
          x,
          (g) =>
            base.add(
              between(base.scaleColumns(skew(U, g), S)),
              base.matmul(base.scaleColumns(beside(U, g), reciprocal()), right, { transposeB: true }),
            ),
        ],
      ]),
      S: tape.record(S, [[x, (g) => between(base.diagMatrix(g))]]),
      V: tape.record(right, [
        [
          x,
          (g) =>
            base.add(
              between(base.scaleRows(S, skew(right, g))),
              base.matmul(base.scaleColumns(U, reciprocal()), beside(right, g), { transposeB: true }),
            ),
        ],
      ]),
    };
  };
}

/** Records eigh. With F_ij = 1/(λ_j − λ_i): X̄ = W (diag(λ̄) + F∘(WᵀW̄)) Wᵀ, made symmetric. */
function eighOnTape<V>(tape: Tape<V>): Factorizations<V>['eigh'] {
  const { base } = tape;
  return (x) => {
    const { values, vectors } = base.eigh(tape.valueOf(x));
    const around = (core: V): V => symmetricPart(base, base.matmul(vectors, base.matmul(core, vectors, { transposeB: true })));
    return {
      values: tape.record(values, [[x, (g) => around(base.diagMatrix(g))]]),
      vectors: tape.record(vectors, [
        [x, (g) => around(base.multiply(differencesInverse(base, values), base.matmul(vectors, g, { transposeA: true })))],
      ]),
    };
  };
}

/** Records Cholesky. With P the lower triangle of LᵀL̄, its diagonal halved: X̄ = L⁻ᵀ P L⁻¹, made symmetric. */
function choleskyOnTape<V>(tape: Tape<V>): Factorizations<V>['cholesky'] {
  const { base } = tape;
  return (x) => {
    const lower = base.cholesky(tape.valueOf(x));
    const adjoint = (g: V): V => {
      const product = base.matmul(lower, g, { transposeA: true });
      const halved = base.scale(0.5, base.add(triangleOf(base, product, 'lower'), triangleOf(base, product, 'strictly lower')));
      const once = base.solveTriangular(lower, halved, { transpose: true });
      return symmetricPart(base, base.solveTriangular(lower, once, { side: 'right' }));
    };
    return tape.record(lower, [[x, adjoint]]);
  };
}

/**
 * Records X = op(T)⁻¹B or X = B op(T)⁻¹: B̄ solves with the transpose, and T̄ is −B̄Xᵀ or −XᵀB̄, or its transpose if op
 * transposes, restricted to the triangle that is read.
 */
function solveOnTape<V>(tape: Tape<V>): Factorizations<V>['solveTriangular'] {
  const { base } = tape;
  return (triangle, b, options = {}) => {
    const { lower = true, transpose = false, side = 'left' } = options;
    const t = tape.valueOf(triangle);
    const x = base.solveTriangular(t, tape.valueOf(b), options);
    const byRight = (g: V): V => base.solveTriangular(t, g, { lower, transpose: !transpose, side });
    const byTriangle = (g: V): V => {
      const bar = byRight(g);
      const full = side === 'left' ? base.matmul(bar, x, { transposeB: true }) : base.matmul(x, bar, { transposeA: true });
      return base.scale(-1, triangleOf(base, transpose ? base.transpose(full) : full, lower ? 'lower' : 'upper'));
    };
    return tape.record(x, [
      [triangle, byTriangle],
      [b, byRight],
    ]);
  };
}
