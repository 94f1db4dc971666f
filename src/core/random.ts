/**
 * Seeded, splittable random numbers: xoroshiro128+ from pure-rand, with normal draws on top. Every random point,
 * tangent and experiment takes such a stream, so that a seed reproduces a run.
 */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import { ConfigError } from './errors.js';
import { describeValue } from './options.js';

/** A stream of random numbers. Each draw advances it. */
export interface Random {
  /** Draws from the uniform distribution on [0, 1), with 53 random bits. */
  uniform(): number;
  /** Draws from the standard normal distribution. */
  normal(): number;
  /** Returns an independent stream, 2⁶⁴ draws further on. This stream jumps too, so that two calls give two streams. */
  split(): Random;
  /** Returns the whole state as numbers that JSON keeps exactly; {@link restoreRandom} continues from it. */
  state(): readonly number[];
}

/**
 * Requires a stream of random numbers.
 *
 * @throws ConfigError otherwise.
 */
export function checkRandom(caller: string, random: unknown): asserts random is Random {
  if (typeof (random as Partial<Random> | undefined)?.normal !== 'function') {
    throw new ConfigError(`${caller}: expected a stream of random numbers, got ${describeValue(random)}; pass, say, seededRandom(0)`);
  }
}

/**
 * Creates a stream that is always the same for the same seed.
 *
 * @param seed - an integer of magnitude at most 2⁵³ − 1.
 * @throws ConfigError if the seed is not a safe integer.
 * @see Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47(4), 2021 (xoroshiro128+).
 */
export function seededRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed)) {
    throw new ConfigError(`seededRandom: seed must be an integer, got ${describeValue(seed)}; pass, say, seededRandom(0)`);
  }
  // pure-rand's own seeding takes 32 bits and gives neighboring seeds nearly equal states, whose first draws are
  // correlated. Hashing all 53 bits into the four words of state decorrelates them.
  const low = seed | 0;
  const high = Math.floor(seed / 2 ** 32) | 0;
  return wrap(
    xoroshiro128plusFromState([1, 2, 3, 4].map((word) => hashWord(hashWord(low + word * GOLDEN_RATIO) ^ (high + word)))),
    undefined,
  );
}

/** 2³² divided by the golden ratio: the increment of SplitMix32. */
const GOLDEN_RATIO = 0x9e3779b9;

/** MurmurHash3's 32-bit finalizer: a bijection in which every input bit flips half the output bits. */
export function hashWord(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * Continues a stream from the result of {@link Random.state}.
 *
 * @throws ConfigError if the value is not such a state.
 */
export function restoreRandom(state: readonly number[]): Random {
  if (!Array.isArray(state) || state.length !== 6 || !state.every(Number.isFinite)) {
    throw new ConfigError(
      `restoreRandom: expected the six numbers that state() returns, got ${describeValue(state)}; pass what a generator's state() gave`,
    );
  }
  return wrap(xoroshiro128plusFromState(state.slice(0, 4)), state[4] === 1 ? state[5] : undefined);
}

function wrap(generator: ReturnType<typeof xoroshiro128plusFromState>, spareNormal: number | undefined): Random {
  let spare = spareNormal;
  const uniform = (): number => uniformFloat64(generator);
  return {
    uniform,
    normal() {
      if (spare !== undefined) {
        const draw = spare;
        spare = undefined;
        return draw;
      }
      // Marsaglia's polar method accepts π/4 of the pairs and yields two normals each time.
      for (;;) {
        const u = 2 * uniform() - 1;
        const v = 2 * uniform() - 1;
        const s = u * u + v * v;
        if (s >= 1 || s === 0) continue;
        const factor = Math.sqrt((-2 * Math.log(s)) / s);
        spare = v * factor;
        return u * factor;
      }
    },
    split() {
      const child = generator.clone();
      generator.jump();
      spare = undefined;
      return wrap(child, undefined);
    },
    state: () => [...generator.getState(), spare === undefined ? 0 : 1, spare ?? 0],
  };
}
