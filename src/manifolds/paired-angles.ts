/**
 * Returns √Σθ_i² of angles between 0 and π/2, each from its sine if it is small and from its cosine otherwise, so that
 * none loses digits.
 *
 * @param cosines - descending, in runs of `run`, one run per batch member.
 * @param sines - likewise, scaled by the same factor as the cosines.
 */
export function pairedAngles(cosines: Float64Array, sines: Float64Array, run: number): number {
  let sum = 0;
  for (let index = 0; index < cosines.length; index++) {
    // Along descending cosines the angles grow, along descending sines they fall: the partner is at the mirrored place
    // of its member.
    const mirrored = index - (index % run) + (run - 1 - (index % run));
    const angle = Math.atan2(sines[mirrored] as number, cosines[index] as number);
    sum += angle * angle;
  }
  return Math.sqrt(sum);
}
