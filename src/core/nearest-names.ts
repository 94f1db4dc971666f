/** Which name was meant: the candidates closest to one that is not among them. */

/**
 * The candidates with the fewest insertions, deletions and replacements of characters from a name, closest first; a candidate that contains the name, or is contained in it,
 * comes before all that do not.
 *
 * @param name - what was written.
 * @param candidates - what is there.
 * @param count - how many at most.
 * @returns candidates that share at least half of the name; none if nothing is close. O(length²) each.
 */
export function nearestNames(name: string, candidates: Iterable<string>, count = 3): readonly string[] {
  const wanted = name.toLowerCase();
  const ranked: { readonly candidate: string; readonly inside: boolean; readonly distance: number }[] = [];
  for (const candidate of new Set(candidates)) {
    const found = candidate.toLowerCase();
    const inside = wanted !== '' && (found.includes(wanted) || (found !== '' && wanted.includes(found)));
    const distance = editDistance(wanted, found);
    if (inside || distance <= Math.max(1, wanted.length / 2)) ranked.push({ candidate, inside, distance });
  }
  return ranked
    .sort((a, b) => Number(b.inside) - Number(a.inside) || a.distance - b.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

/** Levenshtein's distance, by one row of its table at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[to.length];
}
