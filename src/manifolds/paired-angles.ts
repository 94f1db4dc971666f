/** Angles from their sines and cosines. */

/**
 * √Σθ_i² of angles between 0 and π/2, each from the sine where it is small and from the cosine elsewhere, so that none loses digits.
 *
 * @param cosines - descending, in runs of `run`, one run a batch member.
 * @param sines - likewise; times the same factor as the cosines.
 */
export function pairedAngles(cosines: Float64Array, sines: Float64Array, run: number): number {
  let sum = 0;
  for (let index = 0; index < cosines.length; index++) {
    // Cosines descend with the angle's growth and sines with its decline: the partner stands at the mirrored place of its member.
    const mirrored = index - (index % run) + (run - 1 - (index % run));
    const angle = Math.atan2(sines[mirrored] as number, cosines[index] as number);
    sum += angle * angle;
  }
  return Math.sqrt(sum);
}
