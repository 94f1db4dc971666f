/** Which name was meant: the candidates closest to one that is not among them. */

/** Names that are compared: what files hold may be of any length and number. */
const [longestName, mostCandidates] = [200, 10_000];

/**
 * The candidates with the fewest insertions, deletions and replacements of characters from a name, closest first; a candidate that contains the name, or is contained in it,
 * comes before all that do not.
 *
 * @param name - what was written.
 * @param candidates - what is there.
 * @param count - how many at most.
 * @returns candidates that share at least half of the name; none if nothing is close. At most 10,000 candidates are compared, O(length²) each, and names of more than 200 characters with none.
 */
export function nearestNames(name: string, candidates: Iterable<string>, count = 3): readonly string[] {
  if (name.length > longestName) return [];
  const wanted = name.toLowerCase();
  const ranked: { readonly candidate: string; readonly inside: boolean; readonly distance: number }[] = [];
  const farthest = Math.max(1, wanted.length / 2);
  const compared = new Set<string>();
  for (const candidate of candidates) {
    compared.add(candidate);
    if (compared.size === mostCandidates) break;
  }
  for (const candidate of compared) {
    if (candidate.length > longestName) continue;
    const found = candidate.toLowerCase();
    const inside = wanted !== '' && (found.includes(wanted) || (found !== '' && wanted.includes(found)));
    // No shorter distance than the difference of the lengths.
    if (!inside && Math.abs(wanted.length - found.length) > farthest) continue;
    const distance = editDistance(wanted, found);
    if (inside || distance <= farthest) ranked.push({ candidate, inside, distance });
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
