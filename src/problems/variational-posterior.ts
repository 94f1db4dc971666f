/** Gaussian posteriors of a variational completion. */

/**
 * Independent Gaussian posteriors of the k unknowns w of each row (or column), as means E[w] and second moments E[wwᵀ].
 * With biases the last unknown is the bias, and entry (i, j) is predicted by the product of the other unknowns of row i
 * and column j, plus both biases.
 */
export interface Posterior {
  /** Means, rows × k. */
  readonly means: Float64Array;
  /** Second moments, rows × k(k+1)/2, packed lower triangles; entry (p, q), q ≤ p, lies at p(p+1)/2 + q. */
  readonly moments: Float64Array;
  /** Length k(k+1)/2 of a packed triangle. */
  readonly packed: number;
}

/** Returns the place of entry (p, q), q ≤ p, in a packed lower triangle. */
export function packedIndex(p: number, q: number): number {
  return (p * (p + 1)) / 2 + q;
}

/** Returns a posterior of zeros for `count` rows of k unknowns. */
export function emptyPosterior(count: number, k: number): Posterior {
  const packed = (k * (k + 1)) / 2;
  return { means: new Float64Array(count * k), moments: new Float64Array(count * packed), packed };
}

/** Returns a copy of a posterior. */
export function copyPosterior({ means, moments, packed }: Posterior): Posterior {
  return { means: means.slice(), moments: moments.slice(), packed };
}

/**
 * Selects unknowns: unknown p of the result is unknown `kept[p]`, or zero with zero variance if that is −1.
 *
 * @param count - number of rows.
 * @param k - number of unknowns of each row of `from`.
 */
export function selectUnknowns(from: Posterior, count: number, k: number, kept: readonly number[]): Posterior {
  const selected = emptyPosterior(count, kept.length);
  for (let i = 0; i < count; i++) {
    for (let p = 0; p < kept.length; p++) {
      if (kept[p] < 0) continue;
      selected.means[i * kept.length + p] = from.means[i * k + kept[p]];
      for (let q = 0; q <= p; q++) {
        if (kept[q] < 0) continue;
        const place = packedIndex(Math.max(kept[p], kept[q]), Math.min(kept[p], kept[q]));
        selected.moments[i * selected.packed + packedIndex(p, q)] = from.moments[i * from.packed + place];
      }
    }
  }
  return selected;
}
