/**
 * Paired measurement: all contestants in turn, round after round, so that whatever slows the machine slows all of them.
 */

/** One side of a comparison. */
export interface Contestant {
  readonly name: string;
  /** Seconds for one call, the mean of `repeat` calls. */
  time(repeat: number): number | Promise<number>;
}

/** What a contestant took. */
export interface Timing {
  /** Median over the rounds, in seconds. */
  readonly median: number;
  /** All rounds, in seconds. */
  readonly rounds: readonly number[];
}

/**
 * A sample shorter than this is repeated within the round, for the clock and the messages between processes to matter
 * less.
 */
const SHORTEST_SAMPLE = 0.02;

/** Seconds for one call of a function of this process, the mean of `repeat` calls. */
export function timeHere(compute: () => unknown): (repeat: number) => number {
  return (repeat) => {
    const start = performance.now();
    for (let call = 0; call < repeat; call++) compute();
    return (performance.now() - start) / 1000 / repeat;
  };
}

/**
 * Times every contestant once a round, the order rotating. Before the first round each runs for a while, so that code
 * is compiled and memory is mapped.
 */
export async function measure(contestants: readonly Contestant[], rounds: number): Promise<Map<string, Timing>> {
  const repeats = new Map<string, number>();
  const samples = new Map<string, number[]>();
  for (const { name, time } of contestants) {
    let seconds = await time(1);
    for (let warmUp = 0; warmUp < 3; warmUp++) seconds = await time(Math.max(1, Math.ceil(SHORTEST_SAMPLE / seconds)));
    repeats.set(name, Math.max(1, Math.ceil(SHORTEST_SAMPLE / seconds)));
    samples.set(name, []);
  }
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const { name, time } = contestants[(round + turn) % contestants.length];
      samples.get(name)?.push(await time(repeats.get(name) ?? 1));
    }
  }
  return new Map([...samples].map(([name, taken]) => [name, { median: median(taken), rounds: taken }]));
}

/** How many times faster `ours` was: the median over the rounds of the ratio within a round. */
export function speedup(ours: Timing, theirs: Timing): number {
  return median(ours.rounds.map((seconds, round) => theirs.rounds[round] / seconds));
}

/** The middle value, or the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
