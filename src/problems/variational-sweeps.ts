/** The sweeps of a variational completion as a solver of the engine, with the ranks that it goes through. */
import { unlessInterrupted } from '../core/event-loop.js';
import { checkKeys, checkNumber } from '../core/options.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { Memory, SolverFor, SolverState } from '../solvers/solver.js';
import { transformPosterior } from './variational-alignment.js';
import { learnVariances, sweepParts, type VariationalState } from './variational-completion.js';
import { firstComponents, withComponents } from './variational-components.js';
import type { TwoWayEntries } from './variational-entries.js';
import type { SweptState } from './variational-model.js';
import { copyPosterior } from './variational-posterior.js';

/** How {@link variationalSweeps} sweeps. */
export interface VariationalSweepsOptions {
  /** A ridge on every component in place of the variances, which are then kept. */
  readonly ridge?: number;
  /** Whether variances are learned from each sweep. */
  readonly learn: boolean;
  /** Whether to keep components that die out, and to add none. */
  readonly keepRank: boolean;
  /** The largest rank. Default: that of the start. */
  readonly most?: number;
  /** Seed of the components that are added. Default: 0. */
  readonly seed?: number;
}

/** Sweeps before a component is given up or added, the share by which the noise still falls in a sweep where it is not settled, and the share of its variance that a dying component loses in one. */
const [settling, restless, dying] = [4, 0.02, 0.1];

/** The numbers that the solver remembers. */
interface RankMemory {
  /** The largest rank. */
  readonly most: number;
  /** 1 as long as components may still be added. */
  readonly searching: number;
  /** The sweep after which components were added last. */
  readonly changed: number;
  /** How many of the components the next sweep begins with, and how many it adds. */
  readonly kept: number;
  readonly added: number;
  /** 1 where a component dies out, whether or not it is given up already. */
  readonly fading: number;
}

/**
 * Variational Bayes for {@link variationalCompletion}, by coordinate ascent: a solver, for `iterate`. An iteration takes over the variances that the sweep before has shown, updates the
 * posterior of every row beside the columns, and then that of every column beside the rows. With a ridge it is alternating least squares.
 *
 * Components that die out are given up, at most half of them after one sweep, since the others take over a part of what they held.
 * Where none does, as many again are added, up to `most`: sweeps at a rank that the entries do not show are what takes longest.
 *
 * A step is 2·nnz·k(k+5) flops and (m + n)k³ for k unknowns, and can be interrupted every few milliseconds; its evaluation is what it has summed up on the way. Of a state that it is given it
 * writes only to the second moments of the rows, from the second step on: the next sweep computes them before it reads them, and they are the largest array of all.
 */
export function variationalSweeps(data: TwoWayEntries, options: VariationalSweepsOptions): SolverFor<SweptState, HostArray> {
  checkKeys('variationalSweeps', options, ['ridge', 'learn', 'keepRank', 'most', 'seed']);
  const { ridge, learn, keepRank, most, seed = 0 } = options;
  if (ridge !== undefined) checkNumber('variationalSweeps', 'ridge', ridge, { min: 0 });
  if (most !== undefined) checkNumber('variationalSweeps', 'most', most, { min: 0 });
  const searching = learn && !keepRank ? 1 : 0;
  const firstRanks = ({ rank }: SweptState): RankMemory => ({ most: most ?? rank, searching, changed: 0, kept: rank, added: 0, fading: 0 });
  return {
    name: 'variationalSweeps',
    init: (_problem, { found: _found, ...x }) => ({ x, iteration: 0, memory: {} }),
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

/** Whether the next sweep has the components of this one, and none of them dies out. */
export function hasSettledRank(state: SolverState<SweptState, HostArray>): boolean {
  const { fading = 0, added = 0 } = ranksOf(state) ?? {};
  return fading === 0 && added === 0;
}

/** Absent before the first sweep that learns. */
function ranksOf({ memory }: SolverState<SweptState, HostArray>): RankMemory | undefined {
  return (memory.ranks as (Memory<HostArray> & { readonly numbers: RankMemory }) | undefined)?.numbers;
}

/** Where a sweep begins: the columns in the coordinates of its variances, the components of its rank, and arrays to write to. */
function beginning({ found, ...x }: SweptState, data: TwoWayEntries, { kept, added }: RankMemory, seed: number): VariationalState {
  // The rows are still in the coordinates of the old variances, and so stay these.
  if (added > 0) return withComponents(x, data, { most: added, exactly: true, seed });
  const columns = copyPosterior(x.columns);
  if (found?.learned !== undefined) transformPosterior(columns, data.byColumn, found.learned.alignment);
  const carried = { ...x, columns, ...(found?.learned && { mean: found.learned.mean, variances: found.learned.variances }) };
  if (kept < x.rank) return firstComponents(carried, kept);
  const { means, moments, packed } = x.rows;
  const spare = found === undefined ? new Float64Array(moments.length) : moments;
  return { ...carried, rows: { means: new Float64Array(means.length), moments: spare, packed } };
}

/** With which components to go on after a sweep. */
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
  // While the noise falls, components that it hides are still to come up.
  const resting = iteration - changed >= settling && learned.variances.noise >= (1 - restless) * variances.noise;
  const fading = alive < rank ? 1 : 0;
  if (searching === 1 && resting && alive === rank && rank < most) {
    return { most, searching, changed, kept: rank, added: Math.min(rank, most - rank), fading };
  }
  const kept = resting ? Math.max(alive, Math.ceil(rank / 2)) : rank;
  return { most, searching: kept === rank ? searching : 0, changed, kept, added: 0, fading };
}

/** Components that do not die: each sweep takes a large part of the variance of one that the entries do not show. */
function aliveComponents(all: number, before: Float64Array, after: Float64Array): number {
  let rank = all;
  while (rank > 0 && after[rank - 1] < (1 - dying) * before[rank - 1]) rank--;
  return rank;
}
