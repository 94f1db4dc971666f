/** Sweeps of a variational completion as a solver, which also adapts the rank from sweep to sweep. */

import { ConfigError } from '../core/errors.js';
import { unlessInterrupted } from '../core/event-loop.js';
import { declareOptions, flag, number } from '../core/options.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { Memory, SolverFor, SolverState } from '../solvers/solver.js';
import { transformPosterior } from './variational-alignment.js';
import { learnVariances, sweepOptions, sweepParts, type VariationalState } from './variational-completion.js';
import { firstComponents, withComponents } from './variational-components.js';
import type { TwoWayEntries } from './variational-entries.js';
import { isOfOtherEntries, type SweptState } from './variational-model.js';
import { copyPosterior } from './variational-posterior.js';

/** Options of {@link variationalSweeps}. */
export interface VariationalSweepsOptions {
  /** Ridge on every component, used instead of the variances, which are then kept. Default: none. */
  readonly ridge?: number;
  /** If true, the variances are learned from each sweep. */
  readonly learn: boolean;
  /** If true, keeps components that die out and adds none. */
  readonly keepRank: boolean;
  /** Largest rank. Default: the rank of the start. */
  readonly most?: number;
  /** Seed of the added components. Default: 0. */
  readonly seed?: number;
}

const variationalSweepsOptions = declareOptions<VariationalSweepsOptions>()({
  ...sweepOptions.options,
  learn: flag({}),
  keepRank: flag({}),
  most: number({ optional: true, min: 0, integer: true }),
  seed: number({ default: 0 }),
});

/**
 * `settling`: sweeps before a component is dropped or added. `restless`: fraction by which unsettled noise still falls
 * in a sweep. `dying`: fraction of its variance that a dying component loses in a sweep.
 */
const [settling, restless, dying] = [4, 0.02, 0.1];

/** Numbers that the solver carries from sweep to sweep. */
interface RankMemory {
  /** Largest rank. */
  readonly most: number;
  /** 1 while components may still be added, then 0. */
  readonly searching: number;
  /** Sweep after which components were last added. */
  readonly changed: number;
  /** Number of components that the next sweep keeps, and number that it adds. */
  readonly kept: number;
  readonly added: number;
  /** 1 if a component is dying out, whether or not it has been dropped, else 0. */
  readonly fading: number;
}

/**
 * Solver, for `iterate`, of {@link variationalCompletion}: variational Bayes by coordinate ascent. An iteration takes
 * the variances learned by the previous sweep, updates the posterior of every row with the columns fixed, and then that
 * of every column with the rows fixed. With a ridge it is alternating least squares.
 *
 * Components that die out are dropped, at most half of them after one sweep, since the others take over part of what
 * they explained. If none dies out, the rank is doubled, up to `most`. The rank grows gradually because sweeps at a
 * rank that the entries do not support take longest.
 *
 * A step takes 2·nnz·k(k+5) + (m + n)k³ flops for k unknowns and can be interrupted every few milliseconds; the cost
 * comes from sums that the step has formed. A step writes to one array of the state it is given, from the second step
 * on: the second moments of the rows, the largest array, which the next sweep computes before it reads them.
 */
export function variationalSweeps(data: TwoWayEntries, options: VariationalSweepsOptions): SolverFor<SweptState, HostArray> {
  const { ridge, learn, keepRank, most, seed } = variationalSweepsOptions.read('variationalSweeps', options);
  const searching = learn && !keepRank ? 1 : 0;
  const firstRanks = ({ rank }: SweptState): RankMemory => ({ most: most ?? rank, searching, changed: 0, kept: rank, added: 0, fading: 0 });
  return {
    name: 'variationalSweeps',
    init({ manifold }, { found: _found, ...x }) {
      if (isOfOtherEntries(manifold, data))
        throw new ConfigError(
          'variationalSweeps: expected the problem of its own entries, got one of others; pass variationalCompletion(data) with the same data',
        );
      return { x, iteration: 0, memory: {} };
    },
    async step(_problem, state, interrupted) {
      const before = ranksOf(state) ?? firstRanks(state.x);
      const next = beginning(state.x, data, before, seed);
      const sums = await unlessInterrupted(sweepParts(next, data, ridge === undefined ? {} : { ridge }), interrupted);
      if (sums === undefined) return state;
      const iteration = state.iteration + 1;
      const { squares } = sums.columns;
      if (!learn) return { x: { ...next, found: { squares } }, iteration, memory: state.memory };
      const { state: shown, alignment } = learnVariances(next, data, sums);
      const learned = { mean: shown.mean, variances: shown.variances, alignment };
      const numbers = ranksAfter(before, next, shown, iteration, keepRank);
      return { x: { ...next, found: { squares, learned } }, iteration, memory: { ranks: { tangents: {}, numbers: { ...numbers } } } };
    },
  };
}

/** Returns true if the next sweep has the components of this one and none of them is dying out. */
export function hasSettledRank(state: SolverState<SweptState, HostArray>): boolean {
  const { fading = 0, added = 0 } = ranksOf(state) ?? {};
  return fading === 0 && added === 0;
}

/** Returns the remembered numbers; undefined before the first sweep that learns. */
function ranksOf({ memory }: SolverState<SweptState, HostArray>): RankMemory | undefined {
  return (memory.ranks as (Memory<HostArray> & { readonly numbers: RankMemory }) | undefined)?.numbers;
}

/**
 * Returns the state from which a sweep begins: the columns in the coordinates of its variances, the components of its
 * rank, and arrays to write to.
 */
function beginning({ found, ...x }: SweptState, data: TwoWayEntries, { kept, added }: RankMemory, seed: number): VariationalState {
  // The rows are still in the coordinates of the old variances, so these are kept.
  if (added > 0) return withComponents(x, data, { most: added, exactly: true, seed });
  const columns = copyPosterior(x.columns);
  if (found?.learned !== undefined) transformPosterior(columns, data.byColumn, found.learned.alignment);
  const carried = { ...x, columns, ...(found?.learned && { mean: found.learned.mean, variances: found.learned.variances }) };
  if (kept < x.rank) return firstComponents(carried, kept);
  const { means, moments, packed } = x.rows;
  const spare = found === undefined ? new Float64Array(moments.length) : moments;
  return { ...carried, rows: { means: new Float64Array(means.length), moments: spare, packed } };
}

/** Chooses the components to continue with after a sweep. */
function ranksAfter(
  before: RankMemory,
  { rank, variances }: VariationalState,
  learned: VariationalState,
  iteration: number,
  keepRank: boolean,
): RankMemory {
  const { most, searching } = before;
  const changed = before.added > 0 ? iteration - 1 : before.changed;
  const alive = keepRank ? rank : aliveComponents(rank, variances.columns, learned.variances.columns);
  // While the noise falls, components hidden by it may still emerge.
  const resting = iteration - changed >= settling && learned.variances.noise >= (1 - restless) * variances.noise;
  const fading = alive < rank ? 1 : 0;
  if (searching === 1 && resting && alive === rank && rank < most) {
    return { most, searching, changed, kept: rank, added: Math.min(rank, most - rank), fading };
  }
  const kept = resting ? Math.max(alive, Math.ceil(rank / 2)) : rank;
  return { most, searching: kept === rank ? searching : 0, changed, kept, added: 0, fading };
}

/** Counts the living components: each sweep removes much of the variance of one that the entries do not support. */
function aliveComponents(all: number, before: Float64Array, after: Float64Array): number {
  let rank = all;
  while (rank > 0 && after[rank - 1] < (1 - dying) * before[rank - 1]) rank--;
  return rank;
}
