/** Frequencies of rotary position embeddings, from either style of config. */
import { DEFAULT_ROTARY_BASE } from '../../nn/rope.js';
import type { ConfigReader } from './config-reader.js';

/** Rotary position embedding of a model. */
export interface RotaryConfig {
  /** Frequencies ω_j, half as many as the entries of a head that are rotated. */
  readonly frequencies: readonly number[];
  /** Factor of the rotated entries of queries and keys (YaRN's and LongRoPE's attention factor). */
  readonly factor: number;
  /** Frequencies of passes that reach past a number of positions, for all of their tokens (LongRoPE). */
  readonly beyond?: { readonly positions: number; readonly frequencies: readonly number[] };
}

/** Values that the frequencies depend on besides the rotary parameters. */
export interface RotaryContext {
  readonly headSize: number;
  readonly maxPositions: number;
  /** Base if the file has none. Default: 10,000. */
  readonly base?: number;
  /** Names of the scalings that the architecture has. Default: all but LongRoPE, each by its own name. */
  readonly kinds?: Readonly<Record<string, RotaryKind>>;
  /** Whether a part of a head may be rotated. Default: false. */
  readonly partial?: boolean;
  /** Positions of the original context, above which LongRoPE changes; it needs them. */
  readonly originalPositions?: number;
}

/** A scaling of the frequencies. */
export type RotaryKind = 'default' | 'linear' | 'llama3' | 'yarn' | 'longrope';

const KINDS: Readonly<Record<string, RotaryKind>> = { default: 'default', linear: 'linear', llama3: 'llama3', yarn: 'yarn' };

/**
 * Reads `rope_theta` and `rope_scaling` of transformers 4, or `rope_parameters` of transformers 5.
 *
 * Scaling: none, linear (positions divided by a factor), `llama3` (Llama 3.1's, long wavelengths only), `yarn` (Peng et
 * al. 2023), and for Phi-3 `longrope` (Ding et al. 2024). `dynamic` changes with every length and is refused.
 *
 * @throws ConfigError naming the key that is not supported.
 */
export function readRotary(reader: ConfigReader, context: RotaryContext): RotaryConfig {
  const section = reader.section('rope_parameters') ?? reader.section('rope_scaling');
  refuseBoth(reader);
  return readRotarySection(reader, section, { ...context, base: reader.positive('rope_theta', context.base ?? DEFAULT_ROTARY_BASE) });
}

/** Both names occur, even side by side; only one may have a value. */
export function refuseBoth(reader: ConfigReader): void {
  if (reader.has('rope_parameters') && reader.has('rope_scaling')) reader.fail('rope_scaling', 'left out beside rope_parameters');
}

/**
 * Reads the rotary parameters of one section; without any, frequencies are plain.
 *
 * @param reader - of the model's config, in which `partial_rotary_factor` may stand.
 */
export function readRotarySection(reader: ConfigReader, section: ConfigReader | undefined, context: RotaryContext): RotaryConfig {
  const { headSize, base: outer = DEFAULT_ROTARY_BASE, kinds = KINDS } = context;
  const share = readShare(section ?? reader, readShare(reader, 1, context), context);
  const base = section?.positive('rope_theta', outer) ?? outer;
  const frequencies = plain(base, Math.trunc(share * headSize));
  if (frequencies.length === 0) reader.fail('partial_rotary_factor', 'large enough that a part of each head is rotated', share);
  if (section === undefined) return { frequencies, factor: 1 };
  const names = Object.keys(kinds);
  const kind = kinds[section.choice('rope_type', names, section.choice('type', names, 'default'))];
  const rotary = SCALED[kind](section, frequencies, base, context);
  section.finish();
  const all = [...rotary.frequencies, ...(rotary.beyond?.frequencies ?? []), rotary.factor];
  if (!all.every(Number.isFinite)) section.fail('factor', 'such, with the rest of the section, that all frequencies are finite');
  return rotary;
}

/** Reads the share of each head that is rotated. */
function readShare(reader: ConfigReader, fallback: number, { partial = false }: RotaryContext): number {
  if (!partial) reader.only('partial_rotary_factor', 1);
  const share = reader.positive('partial_rotary_factor', fallback);
  return share <= 1 ? share : reader.fail('partial_rotary_factor', 'at most 1', share);
}

/**
 * Returns the frequencies of a pass: those of long texts for all its tokens if it reaches past the original context.
 */
export function frequenciesFor({ frequencies, beyond }: RotaryConfig, positions: Int32Array): readonly number[] {
  return beyond !== undefined && positions.some((position) => position >= beyond.positions) ? beyond.frequencies : frequencies;
}

/** ω_j = base^(−2j/size), ⌈size/2⌉ of them. */
function plain(base: number, size: number): number[] {
  return Array.from({ length: Math.ceil(size / 2) }, (_, j) => base ** ((-2 * j) / size));
}

type Scaling = (section: ConfigReader, frequencies: readonly number[], base: number, context: RotaryContext) => RotaryConfig;

const SCALED: Readonly<Record<RotaryKind, Scaling>> = {
  default: (_, frequencies) => ({ frequencies, factor: 1 }),
  linear(section, frequencies) {
    const factor = section.positive('factor');
    return { frequencies: frequencies.map((omega) => omega / factor), factor: 1 };
  },
  llama3(section, frequencies) {
    const factor = section.positive('factor');
    const [low, high] = [section.positive('low_freq_factor'), section.positive('high_freq_factor')];
    const original = section.integer('original_max_position_embeddings');
    const scaled = frequencies.map((omega) => {
      // Number of times that the original context holds this wavelength.
      const turns = (original * omega) / (2 * Math.PI);
      if (turns < low) return omega / factor;
      if (turns > high) return omega;
      const share = (turns - low) / (high - low);
      return ((1 - share) * omega) / factor + share * omega;
    });
    return { frequencies: scaled, factor: 1 };
  },
  yarn(section, frequencies, base, { headSize, maxPositions }) {
    const original = section.integer('original_max_position_embeddings', maxPositions);
    const factor = section.positive('factor', maxPositions / original);
    const truncate = section.flag('truncate', true);
    const dimensionAt = (turns: number): number => (headSize * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(base));
    const [first, last] = [dimensionAt(section.positive('beta_fast', 32)), dimensionAt(section.positive('beta_slow', 1))];
    const low = Math.max(truncate ? Math.floor(first) : first, 0);
    const high = Math.min(truncate ? Math.ceil(last) : last, headSize - 1);
    const width = low === high ? 0.001 : high - low;
    const scaled = frequencies.map((omega, j) => {
      const interpolated = Math.min(Math.max((j - low) / width, 0), 1);
      return (interpolated * omega) / factor + (1 - interpolated) * omega;
    });
    return { frequencies: scaled, factor: attentionFactor(section, factor) };
  },
  longrope,
};

/**
 * LongRoPE (Ding et al. 2024): each frequency divided by a factor of its own, of which there is one for texts within
 * the original context and one for longer ones. The attention factor is √(1 + ln factor / ln original).
 */
function longrope(section: ConfigReader, frequencies: readonly number[], _: number, context: RotaryContext): RotaryConfig {
  const { maxPositions, originalPositions = maxPositions } = context;
  // The model's own key is the one that counts.
  section.ignore('original_max_position_embeddings');
  const divided = (key: string): number[] => {
    const factors = section.numbers(key);
    const fits = factors?.length === frequencies.length && factors.every((factor) => factor > 0);
    if (fits) return frequencies.map((omega, j) => omega / factors[j]);
    return section.fail(key, `a list of ${frequencies.length} positive numbers, one for each frequency`, factors);
  };
  const factor = section.positive('factor', maxPositions / originalPositions);
  const derived = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalPositions));
  return {
    frequencies: divided('short_factor'),
    factor: section.positive('attention_factor', derived),
    beyond: { positions: originalPositions, frequencies: divided('long_factor') },
  };
}

/** 0.1 m ln(factor) + 1 (Peng et al. 2023, section 3.4), or as the config says. */
function attentionFactor(section: ConfigReader, factor: number): number {
  const logarithmic = (weight: number): number => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  const both = section.has('mscale') && section.has('mscale_all_dim');
  const derived = both ? logarithmic(section.positive('mscale')) / logarithmic(section.positive('mscale_all_dim')) : logarithmic(1);
  return section.positive('attention_factor', derived);
}
