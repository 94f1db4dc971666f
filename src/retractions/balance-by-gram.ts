import '../linalg/host/whole-engine.js';
import { NumericalError } from '../core/errors.js';
import { trace } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import {
  columnGrowth,
  everyEntry,
  type GaugeChange,
  type GaugeEstimate,
  type GramPair,
  gramsInRange,
  reciprocal,
  replaceGrams,
  roundingGrowth,
  trustedGauge,
} from './gauge-estimate.js';
import { significant } from './product-svd.js';

/**
 * Largest ε·‖D R⁻¹‖_F², D the norms of A's columns and R its Cholesky factor, for which the first gauge is close enough
 * for a second one to be exact: it bounds the relative error of the balanced Gram in every direction. ‖D R⁻¹‖_F² is at
 * most r κ(A)², where κ is for the best scaling of the columns: the limit is κ ≈ 1e3 in float32 and 2e7 in float64.
 */
const LARGEST_RELATIVE_ERROR = 0.1;

/**
 * Smallest eigenvalue of a Gram with unit diagonal, in units of r·ε, for which its Cholesky factorization is sure to
 * exist.
 */
const DEFINITE = 10;

/**
 * Finds the balancing gauge T = Σ^-½Uᵀ L_Aᵀ and its inverse, from the Cholesky factors AᵀA = L_A L_Aᵀ, BBᵀ = L_B L_Bᵀ
 * and the SVD L_Aᵀ L_B = UΣVᵀ. The result is hyper-balanced: both new Grams are Σ.
 *
 * With the Grams and the change of gauge it takes 4(m+n)r² flops and about 25r³, or 15r³ by {@link squaredSpectrum}; A
 * and B are read twice and written once, in about 40 launches, 4 of them of the size of the factors. If rounding grows
 * (see `balanceByGrams`), all of this is done twice.
 *
 * @see Yamamoto, Nakatsukasa, Yanagisawa and Fukaya, "Roundoff error analysis of the CholeskyQR2 algorithm", ETNA
 * 44, 2015.
 */
export function gramGauge<M>(la: LinearAlgebra<M>, grams: GramPair<M>, roundoff: number): GaugeEstimate<M> {
  const { S, T, inverseT, definite, used } = spectrumOf(la, grams, roundoff);
  const columns = columnGrowth(la, used, { T, inverseT });
  const relativeError = la.scale(la.epsilon, la.sumVector(la.multiply(columns, reciprocal(la, S))));
  const accurate = la.greater(la.full(la.shape(relativeError), LARGEST_RELATIVE_ERROR), relativeError);
  const norms = (gram: M): M => la.sqrt(trace(la, gram));
  const fullRank = everyEntry(la, significant(la, S, la.scale(la.epsilon, la.multiply(norms(used.A), norms(used.B)))));
  const trusted = la.multiply(definite, la.multiply(accurate, fullRank));
  return trustedGauge(la, { T, inverseT }, trusted, roundingGrowth(la, columns, la.sumVector(S)));
}

/** Smallest rank at which {@link squaredSpectrum} pays off; below it, signs are those of the engine's SVD. */
const SQUARED_RANK = 32;

/**
 * Computes the spectrum by squares if that is accurate and pays off, else by the SVD; then with the same signs, so that
 * a member does not depend on the others of its batch.
 */
function spectrumOf<M>(la: LinearAlgebra<M>, grams: GramPair<M>, roundoff: number): GramSpectrum<M> {
  if ((la.shape(grams.A).at(-1) as number) < SQUARED_RANK) return productSpectrum(la, grams);
  const spectrum = squaredSpectrum(la, grams, roundoff) ?? productSpectrum(la, grams);
  const diagonal = la.diag(spectrum.T);
  const ones = la.full(la.shape(diagonal), 1);
  // If the pair was nearly balanced, T is nearly the identity: its diagonal has the signs to keep.
  const signs = la.where(la.greater(la.full(la.shape(diagonal), 0), diagonal), la.scale(-1, ones), ones);
  return { ...spectrum, T: la.scaleRows(signs, spectrum.T), inverseT: la.scaleColumns(spectrum.inverseT, signs) };
}

/** A gauge with the singular values of AB, descending, and the Grams from which it was computed. */
type GramSpectrum<M> = GaugeChange<M> & Pick<CholeskyPair<M>, 'definite' | 'used'> & { readonly S: M };

/** Computes the gauge through the SVD of L_Aᵀ L_B: T⁻¹ = L_B V Σ^-½. */
function productSpectrum<M>(la: LinearAlgebra<M>, grams: GramPair<M>): GramSpectrum<M> {
  const { left, right, definite, used } = choleskyPair(la, grams);
  const { U, S, V } = la.svd(la.matmul(left, right, { transposeA: true }));
  const inverseRoot = la.sqrt(reciprocal(la, S));
  return {
    S,
    T: la.scaleRows(inverseRoot, la.matmul(U, left, { transposeA: true, transposeB: true })),
    inverseT: la.matmul(right, la.scaleColumns(V, inverseRoot)),
    definite,
    used,
  };
}

/**
 * Computes the gauge through the eigenvectors of L_Aᵀ BBᵀ L_A = UΣ²Uᵀ, T⁻¹ = L_A^-ᵀ U Σ^½: one Cholesky factorization
 * instead of two, and an eigendecomposition at half the cost of an SVD. Its values are squares, so the blocks'
 * arithmetic must be finer than the data by more than the square of σ₁/σ_r, and the engine must be able to read whether
 * it is.
 */
function squaredSpectrum<M>(la: LinearAlgebra<M>, grams: GramPair<M>, roundoff: number): GramSpectrum<M> | undefined {
  if (roundoff >= la.epsilon || !la.peek(gramsInRange(la, grams))?.every((flag) => flag === 1)) return undefined;
  try {
    const left = la.cholesky(grams.A);
    const squared = la.matmul(left, la.matmul(grams.B, left), { transposeA: true });
    // Eigenvalues ascend, so those of the negative descend in size.
    const { values, vectors } = la.eigh(la.scale(-1, squared));
    const S = la.sqrt(la.scale(-1, values));
    if (!resolvedBySquares(la, S, roundoff)) return undefined;
    const root = la.sqrt(S);
    return {
      S,
      T: la.scaleRows(reciprocal(la, root), la.matmul(vectors, left, { transposeA: true, transposeB: true })),
      inverseT: la.solveTriangular(left, la.scaleColumns(vectors, root), { transpose: true }),
      definite: la.full(la.shape(values).slice(0, -1), 1),
      used: grams,
    };
  } catch (error) {
    // Some member is not definite to rounding.
    if (!(error instanceof NumericalError)) throw error;
    return undefined;
  }
}

/** Returns true if σ_r² of every member is accurate to the data's ε, although its error is r·roundoff·σ₁². */
function resolvedBySquares<M>(la: LinearAlgebra<M>, S: M, roundoff: number): boolean {
  const rank = la.shape(S).at(-1) as number;
  const singular = la.peek(S) ?? [];
  const smallestRatio = Math.sqrt((rank * roundoff) / la.epsilon);
  for (let first = 0; first < singular.length; first += rank) {
    // Written so that NaN, from a negative eigenvalue, counts as unresolved.
    if (!(singular[first + rank - 1] >= smallestRatio * singular[first])) return false;
  }
  return true;
}

interface CholeskyPair<M> {
  readonly left: M;
  readonly right: M;
  /** 1 for members whose factors are `left` and `right`, 0 for members for which these are identities. */
  readonly definite: M;
  /** Grams that were factored. */
  readonly used: GramPair<M>;
}

/**
 * Computes Cholesky factors of both Grams. Eigenvalues would tell for each member whether the factors exist, at several
 * times the cost: an engine that can be read, and so reports a failed factorization, computes them only then.
 */
function choleskyPair<M>(la: LinearAlgebra<M>, grams: GramPair<M>): CholeskyPair<M> {
  const inRange = gramsInRange(la, grams);
  const readable = replaceGrams(la, grams, inRange);
  if (la.peek(inRange) !== undefined) {
    try {
      return { left: la.cholesky(readable.A), right: la.cholesky(readable.B), definite: inRange, used: readable };
    } catch (error) {
      // Some member is not definite to rounding, and the batch does not say which.
      if (!(error instanceof NumericalError)) throw error;
    }
  }
  const definite = la.multiply(inRange, la.multiply(surelyDefinite(la, readable.A), surelyDefinite(la, readable.B)));
  const used = replaceGrams(la, readable, definite);
  return { left: la.cholesky(used.A), right: la.cholesky(used.B), definite, used };
}

/**
 * Returns 1 for members that are positive definite beyond rounding after scaling to a unit diagonal, on which
 * Cholesky's success does not depend.
 */
function surelyDefinite<M>(la: LinearAlgebra<M>, gram: M): M {
  const scaling = la.sqrt(reciprocal(la, la.diag(gram)));
  const { values } = la.eigh(la.scaleRows(scaling, la.scaleColumns(gram, scaling)));
  const rank = la.shape(values).at(-1) as number;
  return everyEntry(la, la.greater(values, DEFINITE * rank * la.epsilon));
}
