/** Ranks and values of α in adapter_config.json, for adapters whose modules may each have their own. */
import type { JsonObject } from '../../io/parse-json.js';

/** Rank and scale of a module's pair. */
export interface PairScale {
  readonly rank: number;
  /** The scale s in ΔW = s·AB. */
  readonly scale: number;
}

/**
 * Returns the keys that give every module its rank and its scale: the most frequent values as `r` and `lora_alpha`, the
 * others as patterns, which PEFT and this library match against names.
 *
 * @param pairs - the modules, at least one.
 * @param rootRank - true if the scale is α/√r instead of α/r (`use_rslora`).
 */
export function ranksConfig(pairs: ReadonlyMap<string, PairScale>, rootRank: boolean): JsonObject {
  const alphaOf = ({ rank, scale }: PairScale): number => tidy(scale * (rootRank ? Math.sqrt(rank) : rank));
  const ranks = new Map([...pairs].map(([module, pair]) => [module, pair.rank]));
  const alphas = new Map([...pairs].map(([module, pair]) => [module, alphaOf(pair)]));
  const [r, alpha] = [mostFrequent(ranks.values()), mostFrequent(alphas.values())];
  return { r, lora_alpha: alpha, rank_pattern: patterns(ranks, r), alpha_pattern: patterns(alphas, alpha) };
}

/** Takes the rounding of α/r·r away, so that 16 does not become 16.000000000000004. */
function tidy(alpha: number): number {
  const short = Number(alpha.toPrecision(15));
  return Math.abs(short - alpha) <= 4 * Number.EPSILON * Math.abs(alpha) ? short : alpha;
}

function mostFrequent(values: Iterable<number>): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0];
}

/**
 * Returns patterns for the modules whose value is not the standard one: the last part of the name where all modules
 * with that part share a value, else the whole name. No pattern matches a module that it is not meant for, so that
 * their order does not matter.
 */
function patterns(values: ReadonlyMap<string, number>, standard: number): JsonObject {
  const groups = new Map<string, Set<number>>();
  for (const [module, value] of values) {
    const part = lastPart(module);
    groups.set(part, (groups.get(part) ?? new Set()).add(value));
  }
  const entries = new Map<string, number>();
  for (const [module, value] of values) {
    if (value === standard) continue;
    const part = lastPart(module);
    entries.set(groups.get(part)?.size === 1 ? literal(part) : `^${literal(module)}`, value);
  }
  return Object.fromEntries(entries);
}

function lastPart(module: string): string {
  return module.slice(module.lastIndexOf('.') + 1);
}

/** Escapes what a regular expression of Python would not take literally. */
function literal(name: string): string {
  return name.replaceAll(/[.*+?^$|()[\]{}\\]/g, '\\$&');
}
