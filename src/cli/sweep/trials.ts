/** Plans the runs of a sweep with their keys. */

import { createHash } from 'node:crypto';
import { counted } from '../../core/counted.js';
import { ConfigError } from '../../core/errors.js';
import { seededRandom } from '../../index.js';
import { path } from '../../io/files/path.node.js';
import { shownName } from '../../io/files/portable-name.js';
import type { JsonObject } from '../../io/parse-json.js';
import { mergeValues, nestedValue } from '../config/validate.js';
import type { SweepConfig } from './sweep-config.js';

/** A run of a sweep. */
export interface Trial {
  /** Name of its folder; equal keys give equal names. */
  readonly name: string;
  /** The keys that vary, by dotted path. */
  readonly varied: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** All keys of its configuration. */
  readonly values: JsonObject;
}

/** Maximum number of runs of a sweep: each has a folder, and one table shows them all. */
const mostRuns = 10_000;

/**
 * Lists all runs: draws × grid × seeds, in this order.
 *
 * @throws ConfigError if there are more than 10,000, before any is built.
 */
export function planTrials({ base, grid, random, trials, drawSeed, seeds }: Omit<SweepConfig, 'plan'>): readonly Trial[] {
  const drawn = Object.keys(random).length === 0 ? 1 : trials;
  const combined = Object.values(grid).reduce((product, values) => product * values.length, 1);
  const count = drawn * combined * seeds.length;
  if (count > mostRuns) {
    throw new ConfigError(
      `sweep: expected at most ${mostRuns} runs, got ${count}: ${counted(drawn, 'draw')} (trials) × ${counted(combined, 'combination')} (grid) × ${counted(seeds.length, 'seed')}; divide the sweep, or draw from random instead of a grid`,
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
  // Each integer gets the part of the interval that is nearest to it.
  const [low, high] = integer ? [Math.ceil(min) - 0.5, Math.floor(max) + 0.5] : [min, max];
  const drawn = log ? low * (high / low) ** part : low + (high - low) * part;
  return integer ? Math.min(Math.round(drawn), Math.floor(max)) : drawn;
}

function trialOf(base: JsonObject, varied: Readonly<Record<string, unknown>>, seed: number): Trial {
  const values = Object.entries(varied).reduce(
    (merged, [path, value]) => mergeValues(merged, nestedValue(path.split('.'), value)),
    mergeValues(base, { seed }),
  );
  return { name: trialName(varied, seed), varied, seed, values };
}

/** Makes a readable name, which differs for different keys even if shortening makes the readable parts equal. */
function trialName(varied: Readonly<Record<string, unknown>>, seed: number): string {
  const parts = Object.entries(varied).map(([key, value]) => `${key.split('.').at(-1)}=${readable(value)}`);
  const joined = [...parts, `seed=${seed}`].join('_').replaceAll(/[^\w.=+-]/g, '-');
  const digest = createHash('sha256')
    .update(JSON.stringify([varied, seed]))
    .digest('hex')
    .slice(0, 8);
  return joined.length <= 100 ? `${joined}_${digest.slice(0, 4)}` : `${joined.slice(0, 100)}_${digest}`;
}

/** Formats a value for a name, which a report shows: a local path is reduced to its last part. */
function readable(value: unknown): string {
  if (typeof value === 'string' && path.isAbsolute(value)) return shownName(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
