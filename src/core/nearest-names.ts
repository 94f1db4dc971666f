/** Limits on the names that are compared: a file may hold any number of names, of any length. */
const [longestName, mostCandidates] = [200, 10_000];

/**
 * Suggests the names that may have been meant: the candidates with the fewest insertions, deletions and replacements of
 * characters, closest first. Candidates that contain the name, or are contained in it, come before all others.
 *
 * @param name - the name as written.
 * @param candidates - the names that exist.
 * @param count - maximum number of results.
 * @returns candidates that share at least half of the name; empty if none is close. It compares at most 10,000
 * candidates, at O(length²) each, and skips names of more than 200 characters.
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
    // The edit distance is at least the difference of the lengths.
    if (!inside && Math.abs(wanted.length - found.length) > farthest) continue;
    const distance = editDistance(wanted, found);
    if (inside || distance <= farthest) ranked.push({ candidate, inside, distance });
  }
  return ranked
    .sort((a, b) => Number(b.inside) - Number(a.inside) || a.distance - b.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

/** Computes the Levenshtein distance, one row of its table at a time. */
export function editDistance(from: string, to: string): number {
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
