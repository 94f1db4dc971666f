/** The runs of a sweep: which keys each of them has. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { ConfigError } from '../../core/errors.js';
import type { JsonObject } from '../../core/parse-json.js';
import { shownName } from '../../core/portable-name.js';
import { seededRandom } from '../../index.js';
import { mergeValues } from '../config/merge-values.js';
import type { SweepConfig } from './sweep-config.js';

/** One run. */
export interface Trial {
  /** Names its folder; the same for the same keys. */
  readonly name: string;
  /** The keys that were varied, by dotted path. */
  readonly varied: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** All keys of its configuration. */
  readonly values: JsonObject;
}

/** Runs of a sweep, at most: each has a folder, and all of them are shown in one table. */
const mostRuns = 10_000;

/**
 * All runs: draws × grid × seeds, in this order.
 *
 * @throws ConfigError, before any is built, if there are more than 10,000.
 */
export function planTrials({ base, grid, random, trials, drawSeed, seeds }: SweepConfig): readonly Trial[] {
  const drawn = Object.keys(random).length === 0 ? 1 : trials;
  const combined = Object.values(grid).reduce((product, values) => product * values.length, 1);
  const count = drawn * combined * seeds.length;
  if (count > mostRuns) {
    throw new ConfigError(
      `sweep: expected at most ${mostRuns} runs, got ${count}: ${drawn} draws (trials) × ${combined} combinations (grid) × ${seeds.length} seeds; divide the sweep, or draw from random instead of a grid`,
    );
  }
  const stream = seededRandom(drawSeed);
  const draws = Array.from({ length: drawn }, () =>
    Object.fromEntries(Object.entries(random).map(([key, from]) => [key, drawFrom(from, stream.uniform())])),
  );
  const combinations = Object.entries(grid).reduce<readonly Readonly<Record<string, unknown>>[]>(
    (all, [key, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))),
    [{}],
  );
  return draws.flatMap((draw) =>
    combinations.flatMap((combination) => seeds.map((seed) => trialOf(base, { ...draw, ...combination }, seed))),
  );
}

function drawFrom(from: SweepConfig['random'][string], part: number): unknown {
  if (Array.isArray(from)) return from[Math.floor(part * from.length)];
  const { min, max, log, integer } = from;
  // A whole number takes the part of the interval that lies nearer to it than to the others.
  const [low, high] = integer ? [Math.ceil(min) - 0.5, Math.floor(max) + 0.5] : [min, max];
  const drawn = log ? low * (high / low) ** part : low + (high - low) * part;
  return integer ? Math.min(Math.round(drawn), Math.floor(max)) : drawn;
}

function trialOf(base: JsonObject, varied: Readonly<Record<string, unknown>>, seed: number): Trial {
  const nested = (path: string, value: unknown): JsonObject =>
    path.split('.').reduceRight<unknown>((inner, key) => Object.fromEntries([[key, inner]]), value) as JsonObject;
  const values = Object.entries(varied).reduce(
    (merged, [path, value]) => mergeValues(merged, nested(path, value)),
    mergeValues(base, { seed }),
  );
  return { name: trialName(varied, seed), varied, seed, values };
}

/** Readable, and different for different keys even where shortening makes the readable part the same. */
function trialName(varied: Readonly<Record<string, unknown>>, seed: number): string {
  const parts = Object.entries(varied).map(([key, value]) => `${key.split('.').at(-1)}=${readable(value)}`);
  const joined = [...parts, `seed=${seed}`].join('_').replaceAll(/[^\w.=+-]/g, '-');
  const digest = createHash('sha256')
    .update(JSON.stringify([varied, seed]))
    .digest('hex')
    .slice(0, 8);
  return joined.length <= 100 ? `${joined}_${digest.slice(0, 4)}` : `${joined.slice(0, 100)}_${digest}`;
}

/** A value in a name, which a report shows: of a path on this machine only its last part. */
function readable(value: unknown): string {
  if (typeof value === 'string' && path.isAbsolute(value)) return shownName(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
