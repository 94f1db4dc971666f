/** The balancing gauge by Cholesky factors of the Grams and one r×r SVD. */
import { NumericalError } from '../core/errors.js';
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
 * Largest ε·‖D R⁻¹‖_F², D the norms of A's columns and R its Cholesky factor, for which the first gauge is near enough for a second to be
 * exact:
 * it bounds the relative error of the balanced Gram in every direction. ‖D R⁻¹‖_F² is at most r κ(A)², with the best scaling of the
 * columns in κ:
 * the limit is κ ≈ 1e3 in float32 and 2e7 in float64.
 */
const LARGEST_RELATIVE_ERROR = 0.1;

/** Smallest eigenvalue of a Gram with unit diagonal, in units of r·ε, for which its Cholesky factorization is sure to exist. */
const DEFINITE = 10;

/**
 * T = Σ^-½Uᵀ L_Aᵀ and its inverse, from AᵀA = L_A L_Aᵀ, BBᵀ = L_B L_Bᵀ and the SVD L_Aᵀ L_B = UΣVᵀ. Hyper-balanced: both new Grams are Σ.
 *
 * With the Grams and the change of gauge around it: 4(m+n)r² flops and about 25r³, 15r³ by {@link squaredSpectrum}; A and B are read twice
 * and written once; some 40 launches, of which 4 are of the size of the factors. Where rounding grows (see `balanceByGrams`) the whole is
 * done twice.
 *
 * @see Yamamoto, Nakatsukasa, Yanagisawa and Fukaya, "Roundoff error analysis of the CholeskyQR2 algorithm", ETNA 44, 2015.
 */
export function gramGauge<M>(la: LinearAlgebra<M>, grams: GramPair<M>, roundoff: number): GaugeEstimate<M> {
  const { S, T, inverseT, definite, used } = spectrumOf(la, grams, roundoff);
  const columns = columnGrowth(la, used, { T, inverseT });
  const relativeError = la.scale(la.epsilon, la.sumVector(la.multiply(columns, reciprocal(la, S))));
  const accurate = la.greater(la.full(la.shape(relativeError), LARGEST_RELATIVE_ERROR), relativeError);
  const norms = (gram: M): M => la.sqrt(la.trace(gram));
  const fullRank = everyEntry(la, significant(la, S, la.scale(la.epsilon, la.multiply(norms(used.A), norms(used.B)))));
  const trusted = la.multiply(definite, la.multiply(accurate, fullRank));
  return trustedGauge(la, { T, inverseT }, trusted, roundingGrowth(la, columns, la.sumVector(S)));
}

/** From this rank on an SVD takes long enough for {@link squaredSpectrum} to pay; below, signs are those of the engine's SVD. */
const SQUARED_RANK = 32;

/** By squares where that serves and pays, else by the SVD; then with the same signs, so that a member does not depend on the others of its batch. */
function spectrumOf<M>(la: LinearAlgebra<M>, grams: GramPair<M>, roundoff: number): GramSpectrum<M> {
  if ((la.shape(grams.A).at(-1) as number) < SQUARED_RANK) return productSpectrum(la, grams);
  const spectrum = squaredSpectrum(la, grams, roundoff) ?? productSpectrum(la, grams);
  const diagonal = la.diag(spectrum.T);
  const ones = la.full(la.shape(diagonal), 1);
  // T is nearly the identity where the pair was nearly balanced: its diagonal is the sign to keep.
  const signs = la.where(la.greater(la.full(la.shape(diagonal), 0), diagonal), la.scale(-1, ones), ones);
  return { ...spectrum, T: la.scaleRows(signs, spectrum.T), inverseT: la.scaleColumns(spectrum.inverseT, signs) };
}

/** A gauge with the singular values of AB, descending, and the Grams that it was computed from. */
type GramSpectrum<M> = GaugeChange<M> & Pick<CholeskyPair<M>, 'definite' | 'used'> & { readonly S: M };

/** Through the SVD of L_Aᵀ L_B: T⁻¹ = L_B V Σ^-½. */
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
 * Through the eigenvectors of L_Aᵀ BBᵀ L_A = UΣ²Uᵀ, T⁻¹ = L_A^-ᵀ U Σ^½: one Cholesky factorization instead of two, and an eigendecomposition
 * at half an SVD's cost. Its values are squares, so it serves only where the blocks' arithmetic is finer than the data they come from by more
 * than the square of σ₁/σ_r, and where it can be read whether that is so.
 */
function squaredSpectrum<M>(la: LinearAlgebra<M>, grams: GramPair<M>, roundoff: number): GramSpectrum<M> | undefined {
  if (roundoff >= la.epsilon || !la.peek(gramsInRange(la, grams))?.every((flag) => flag === 1)) return undefined;
  try {
    const left = la.cholesky(grams.A);
    const squared = la.matmul(left, la.matmul(grams.B, left), { transposeA: true });
    // Ascending, and so descending of the negative.
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

/** Whether σ_r² of every member is known to the data's ε, though its error is r·roundoff·σ₁². */
function resolvedBySquares<M>(la: LinearAlgebra<M>, S: M, roundoff: number): boolean {
  const rank = la.shape(S).at(-1) as number;
  const singular = la.peek(S) ?? [];
  const smallestRatio = Math.sqrt((rank * roundoff) / la.epsilon);
  for (let first = 0; first < singular.length; first += rank) {
    // Written so that NaN, of a negative eigenvalue, is not resolved.
    if (!(singular[first + rank - 1] >= smallestRatio * singular[first])) return false;
  }
  return true;
}

interface CholeskyPair<M> {
  readonly left: M;
  readonly right: M;
  /** 1 for the members of which `left` and `right` are the factors, 0 for those for which they are identities. */
  readonly definite: M;
  /** The Grams that were factored. */
  readonly used: GramPair<M>;
}

/**
 * Cholesky factors of both Grams. Eigenvalues would tell for each member whether they exist, at several times their cost: so where the
 * engine
 * can read, and with it can say that a factorization failed, they are asked for only then.
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
 * 1 for members that are positive definite beyond rounding after scaling to a unit diagonal, on which Cholesky's success does not depend.
 */
function surelyDefinite<M>(la: LinearAlgebra<M>, gram: M): M {
  const scaling = la.sqrt(reciprocal(la, la.diag(gram)));
  const { values } = la.eigh(la.scaleRows(scaling, la.scaleColumns(gram, scaling)));
  const rank = la.shape(values).at(-1) as number;
  return everyEntry(la, la.greater(values, DEFINITE * rank * la.epsilon));
}
