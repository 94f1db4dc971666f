/** Training steps of several processes in turns, for `bench:train`. */
import type { LineProcess } from './line-process.js';
import type { TrainAnswer } from './train-worker.js';

/** What a contestant took. */
export interface TrainScore {
  /** Seconds of a step, by round. */
  readonly seconds: number[];
  /** The loss before each step. */
  readonly losses: number[];
  /** Of the process until the last round, in bytes. */
  peakMemory: number;
}

/** Steps that do not count. */
export const WARM_UPS = 2;

/**
 * Loads a contestant and lets it warm up.
 *
 * @param runs - number of steps that do not count.
 * @returns false if its model does not fit, which is told: the others can go on.
 */
export async function warmedUp(
  entrant: LineProcess,
  tokens: readonly number[],
  runs: number,
  print: (line: string) => void,
): Promise<boolean> {
  try {
    const { description } = (await entrant.ask({ do: 'about' })) as { description: string };
    await entrant.ask({ do: 'begin', tokens });
    for (let run = 0; run < runs; run++) await entrant.ask({ do: 'run' });
    print(`- ${entrant.name}: ${description}`);
    return true;
  } catch (error) {
    print(`- ${entrant.name}: not measured: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

/** A step of every contestant each round, the order rotating, so that whatever slows the machine slows all of them. */
export async function race(entrants: readonly LineProcess[], rounds: number): Promise<Map<string, TrainScore>> {
  const scores = new Map(entrants.map(({ name }) => [name, { seconds: [], losses: [], peakMemory: 0 } as TrainScore]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < entrants.length; turn++) {
      const entrant = entrants[(round + turn) % entrants.length];
      const { seconds, loss, peakMemory } = (await entrant.ask({ do: 'run' })) as TrainAnswer;
      const score = scores.get(entrant.name);
      score?.seconds.push(seconds);
      score?.losses.push(loss);
      if (score !== undefined) score.peakMemory = peakMemory;
    }
  }
  return scores;
}
