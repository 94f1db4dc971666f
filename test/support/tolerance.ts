/**
 * The one tolerance of the suite: c · ε · scale.
 *
 * @param engine - its ε is the spacing of numbers at one.
 * @param c - how many rounding errors a computation of this length may add up to; grows with the dimensions and the
 * condition number.
 * @param scale - the size of the numbers compared, or of those from which they came.
 */
export function tolerance(engine: { readonly epsilon: number }, c: number, scale = 1): number {
  return c * engine.epsilon * scale;
}
