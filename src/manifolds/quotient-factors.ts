/**
 * Factor pairs of full rank with the preconditioned metric of Mishra et al.: the rank-r matrices as a quotient by all
 * gauges (AR, R⁻¹B).
 *
 * Point: `{ A, B }`, A m×r, B r×n, both of rank r. Metric ⟨dA (BBᵀ), dA'⟩ + ⟨(AᵀA) dB, dB'⟩, the same in every gauge.
 * Tangent: `{ A: dA, B: dB }`, horizontal: (AᵀA)⁻¹Aᵀ dA = dB Bᵀ(BBᵀ)⁻¹. Retraction: addition. Dimension r(m + n − r).
 *
 * @see Mishra, Adithya Apuroop and Sepulchre, "A Riemannian geometry for low-rank matrix completion", arXiv
 * 1211.1550, 2012.
 */
import { NumericalError } from '../core/errors.js';
import { axpyTree } from '../core/tree.js';
import type { Ambient } from '../linalg/ambient.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { symmetricPart } from '../linalg/matrix-functions.js';
import type { NumberOf } from '../linalg/number-of.js';
import type { FactorPair } from '../metrics/factor-pair.js';
import { checkEnd, checkStep } from './checks.js';
import { type FactorBase, type FactorManifold, type FactorOptions, factorBase, factorOptions, unitTangent } from './factor-manifold.js';
import { normOf } from './norm-of.js';

/**
 * Returns the manifold of factor pairs of full rank with the preconditioned metric of Mishra et al., which is the same
 * in every gauge (AR, R⁻¹B).
 *
 * $$ \langle u,v\rangle_{(A,B)} = \langle dA\,(BB^\top),dA'\rangle+\langle(A^\top A)\,dB,dB'\rangle $$
 *
 * $$ \operatorname{grad}f = \bigl(\nabla_A(BB^\top)^{-1},\;(A^\top A)^{-1}\nabla_B\bigr) $$
 *
 * Tangents (dA, dB) are horizontal; the retraction is addition, of first order; the dimension is r(m + n − r).
 *
 * $$ (A^\top A)^{-1}A^\top dA = dB\,B^\top(BB^\top)^{-1} $$
 *
 * @param options - m, n, rank; optionally batch axes and the engine.
 * @returns a readonly object; points and tangents are `{ A: [.., m, r], B: [.., r, n] }`. Operations cost O((m+n)r²)
 * flops: two thin QRs.
 * @throws ShapeError if a size is not a positive integer or rank > min(m, n); ConfigError on unknown options.
 * Operations throw a NumericalError if a factor has lost rank: the metric is not defined there.
 *
 * @example
 * ```ts
 * import { quotientFactors, seededRandom } from 'bures';
 *
 * const manifold = quotientFactors({ m: 30, n: 20, rank: 3 });
 * const x = manifold.randomPoint(seededRandom(1));
 * const u = await manifold.randomTangent(x, seededRandom(2));
 * console.log(await manifold.norm(x, u)); // 1
 * ```
 * @see Mishra, Adithya Apuroop and Sepulchre, "A Riemannian geometry for low-rank matrix completion", arXiv
 * 1211.1550, 2012.
 */
export function quotientFactors<M = HostArray>(options: FactorOptions<M>): FactorManifold<NoInfer<M>> {
  const settings = factorOptions.read('quotientFactors', options);
  const { m, n, rank } = settings;
  const base = factorBase('quotientFactors', settings);
  const { la } = base;
  const dim = base.members * rank * (m + n - rank);
  const inner = (x: FactorPair<M>, u: FactorPair<M>, v: FactorPair<M>): NumberOf<M> => {
    // ⟨dA BBᵀ, dA'⟩ = ⟨dA B, dA' B⟩ needs no Gram: with Bᵀ = Q L, dA B = dA Lᵀ Qᵀ.
    const { columnFactor, rowFactor } = factorTriangles(la, x);
    const weigh = (w: FactorPair<M>): FactorPair<M> => ({
      A: la.matmul(w.A, rowFactor, { transposeB: true }),
      B: la.matmul(columnFactor, w.B),
    });
    return base.pairInner(weigh(u), weigh(v));
  };
  const add = (x: FactorPair<M>, u: FactorPair<M>, t: number): FactorPair<M> => {
    checkStep('quotientFactors.retract', t);
    base.checkPairShape('quotientFactors.retract', x);
    base.checkPairShape('quotientFactors.retract', u);
    return checkEnd('quotientFactors.retract', la, axpyTree(la, t, u, x));
  };
  return {
    ...base.common,
    name: `quotientFactors(${base.sizes})`,
    dim,
    typicalDist: Math.sqrt(dim),
    retractionOrder: 1,
    checkPoint: (x) =>
      la.tidy(async () => {
        await base.checkPair(x);
        factorTriangles(la, x);
      }),
    inner,
    norm: normOf(la, inner),
    project: (x, z) => horizontalPart(la, x, z),
    toTangent: (x, u) => horizontalPart(la, x, u),
    egradToRgrad: (x, egrad) => precondition(la, x, base.factorGradient('egradToRgrad', x, egrad)),
    coordinatesToRgrad(x, derivative) {
      base.checkPairShape('quotientFactors.coordinatesToRgrad', derivative);
      return precondition(la, x, derivative);
    },
    ehessToRhess: (x, egrad, ehess, u) => quotientHessian(base, x, egrad, ehess, u),
    retract: (x, u, t = 1) => add(x, u, t),
    retractTransport(x, u, t = 1) {
      const point = add(x, u, t);
      let triangles: Triangles<M> | undefined;
      const carry = (v: FactorPair<M>): FactorPair<M> => {
        triangles ??= factorTriangles(la, point);
        return horizontalPart(la, point, v, triangles);
      };
      return { point, vector: carry, covector: carry, secondMoment: (s) => s };
    },
    // Carried by way of the matrix ξ = dA B + A dB: x and y may be in different gauges.
    transport: (x, y, u) => horizontalLift(la, y, [u.A, x.B], 1, [x.A, u.B]),
    difference: (x, y) => horizontalLift(la, x, [y.A, y.B], -1, [x.A, x.B]),
    randomPoint: base.randomPair,
    randomTangent(x, random) {
      return unitTangent(this, x, base.randomPair(random));
    },
  };
}

/** Triangles R of A = QR and L of Bᵀ = QL. */
interface Triangles<M> {
  readonly columnFactor: M;
  readonly rowFactor: M;
}

/**
 * Returns the triangles R of A = QR and L of Bᵀ = QL, so that AᵀA = RᵀR and BBᵀ = LᵀL: solving with them does not
 * square the condition numbers.
 *
 * @throws NumericalError if a factor has lost rank.
 */
function factorTriangles<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>): Triangles<M> {
  const columnFactor = la.qr(A).R;
  const rowFactor = la.qr(la.transpose(B)).R;
  for (const [name, triangle] of [['A', columnFactor] as const, ['B', rowFactor] as const]) {
    if (la.peek(la.diag(triangle))?.some((entry) => entry === 0)) {
      throw new NumericalError(
        `quotientFactors: factor ${name} has lost rank, where its metric is not defined; start from factors of full rank, or use balancedFactors, which allows it`,
      );
    }
  }
  return { columnFactor, rowFactor };
}

/** Returns X (TᵀT)⁻¹ for an upper triangle T. */
function rightSolve<M>(la: LinearAlgebra<M>, x: M, triangle: M): M {
  const once = la.solveTriangular(triangle, x, { lower: false, side: 'right' });
  return la.solveTriangular(triangle, once, { lower: false, transpose: true, side: 'right' });
}

/** Returns (TᵀT)⁻¹ X for an upper triangle T. */
function leftSolve<M>(la: LinearAlgebra<M>, triangle: M, x: M): M {
  const once = la.solveTriangular(triangle, x, { lower: false, transpose: true });
  return la.solveTriangular(triangle, once, { lower: false });
}

/** Returns (g_A (BBᵀ)⁻¹, (AᵀA)⁻¹ g_B). */
function precondition<M>(
  la: LinearAlgebra<M>,
  x: FactorPair<M>,
  gradient: FactorPair<M>,
  triangles = factorTriangles(la, x),
): FactorPair<M> {
  const { columnFactor, rowFactor } = triangles;
  return { A: rightSolve(la, gradient.A, rowFactor), B: leftSolve(la, columnFactor, gradient.B) };
}

/** (dA + AΛ, dB − ΛB) with Λ = ½(dB Bᵀ(BBᵀ)⁻¹ − (AᵀA)⁻¹Aᵀ dA): orthogonal in this metric to the vertical (AK, −KB). */
function horizontalPart<M>(la: LinearAlgebra<M>, x: FactorPair<M>, u: FactorPair<M>, triangles = factorTriangles(la, x)): FactorPair<M> {
  const { columnFactor, rowFactor } = triangles;
  const fromB = rightSolve(la, la.matmul(u.B, x.B, { transposeB: true }), rowFactor);
  const fromA = leftSolve(la, columnFactor, la.matmul(x.A, u.A, { transposeA: true }));
  const vertical = la.scale(0.5, la.subtract(fromB, fromA));
  return { A: la.add(u.A, la.matmul(x.A, vertical)), B: la.subtract(u.B, la.matmul(vertical, x.B)) };
}

/**
 * Returns the Riemannian Hessian along a horizontal u: the horizontal part of the Levi-Civita derivative of v = grad f
 * on pairs, by Koszul's formula. With (h_A, h_B) the Hessian of g(AB) by the factors, S(b) = b Bᵀ + B bᵀ and T(a) =
 * Aᵀa + aᵀA, it is the horizontal part of
 *
 * ((h_A − ½ v_A S(u_B) + ½ u_A S(v_B) − A sym(u_B v_Bᵀ)) (BBᵀ)⁻¹, (AᵀA)⁻¹ (h_B − ½ T(u_A) v_B + ½ T(v_A) u_B −
 * sym(u_Aᵀv_A) B)).
 *
 * @see Mishra, Meyer, Bonnabel and Sepulchre, "Fixed-rank matrix factorizations and Riemannian low-rank optimization",
 * Comput. Stat. 29, 2014, section 3.
 */
function quotientHessian<M>(
  { la, factorGradient, factorHessian }: FactorBase<M>,
  x: FactorPair<M>,
  egrad: Ambient<M>,
  ehess: Ambient<M>,
  u: FactorPair<M>,
): FactorPair<M> {
  const triangles = factorTriangles(la, x);
  const v = precondition(la, x, factorGradient('ehessToRhess', x, egrad), triangles);
  const h = factorHessian(x, egrad, ehess, u);
  const S = (b: M): M => symmetricPart(la, la.matmul(b, x.B, { transposeB: true }));
  const T = (a: M): M => symmetricPart(la, la.matmul(x.A, a, { transposeA: true }));
  const rowPairing = symmetricPart(la, la.matmul(u.B, v.B, { transposeB: true }));
  const columnPairing = symmetricPart(la, la.matmul(u.A, v.A, { transposeA: true }));
  // S and T here are half of those above: ½(W + Wᵀ).
  const turnA = la.subtract(la.matmul(u.A, S(v.B)), la.add(la.matmul(v.A, S(u.B)), la.matmul(x.A, rowPairing)));
  const turnB = la.subtract(la.matmul(T(v.A), u.B), la.add(la.matmul(T(u.A), v.B), la.matmul(columnPairing, x.B)));
  const derivative = precondition(la, x, { A: la.add(h.A, turnA), B: la.add(h.B, turnB) }, triangles);
  return horizontalPart(la, x, derivative, triangles);
}

/**
 * The horizontal pair of P_X(W) for W = L₁R₁ + sign·L₂R₂: dA = (I − ½P_A) W Bᵀ(BBᵀ)⁻¹, dB = (AᵀA)⁻¹AᵀW (I − ½P_B).
 */
function horizontalLift<M>(
  la: LinearAlgebra<M>,
  x: FactorPair<M>,
  [left1, right1]: readonly [M, M],
  sign: 1 | -1,
  [left2, right2]: readonly [M, M],
): FactorPair<M> {
  const timesBt = (left: M, right: M): M => la.matmul(left, la.matmul(right, x.B, { transposeB: true }));
  const atTimes = (left: M, right: M): M => la.matmul(la.matmul(x.A, left, { transposeA: true }), right);
  const { columnFactor, rowFactor } = factorTriangles(la, x);
  const dA = rightSolve(la, la.axpy(sign, timesBt(left2, right2), timesBt(left1, right1)), rowFactor);
  const dB = leftSolve(la, columnFactor, la.axpy(sign, atTimes(left2, right2), atTimes(left1, right1)));
  const ownA = leftSolve(la, columnFactor, la.matmul(x.A, dA, { transposeA: true }));
  const ownB = rightSolve(la, la.matmul(dB, x.B, { transposeB: true }), rowFactor);
  return { A: la.axpy(-0.5, la.matmul(x.A, ownA), dA), B: la.axpy(-0.5, la.matmul(ownB, x.B), dB) };
}
