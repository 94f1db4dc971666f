/** Frequencies of rotary position embeddings, from either style of config. */
import { DEFAULT_ROTARY_BASE } from '../../nn/rope.js';
import type { ConfigReader } from './config-reader.js';

/** Rotary position embedding of a model. */
export interface RotaryConfig {
  /** Frequencies ω_j, headSize/2 of them. */
  readonly frequencies: readonly number[];
  /** Factor of queries and keys (YaRN's attention factor). */
  readonly factor: number;
}

/** Values that the frequencies depend on besides the rotary parameters. */
export interface RotaryContext {
  readonly headSize: number;
  readonly maxPositions: number;
}

const KINDS = ['default', 'linear', 'llama3', 'yarn'] as const;

/**
 * Reads `rope_theta` and `rope_scaling` of transformers 4, or `rope_parameters` of transformers 5.
 *
 * Scaling: none, linear (positions divided by a factor), `llama3` (Llama 3.1's, long wavelengths only) and `yarn` (Peng
 * et al. 2023). Others, `dynamic` and `longrope` among them, change with the length of the sequence and are refused.
 *
 * @throws ConfigError naming the key that is not supported.
 */
export function readRotary(reader: ConfigReader, context: RotaryContext): RotaryConfig {
  const section = reader.section('rope_parameters') ?? reader.section('rope_scaling');
  // Both names occur, even side by side; the newer one is read first.
  if (reader.has('rope_parameters') && reader.has('rope_scaling')) reader.fail('rope_scaling', 'left out beside rope_parameters');
  reader.only('partial_rotary_factor', 1);
  const outer = reader.positive('rope_theta', DEFAULT_ROTARY_BASE);
  if (section === undefined) return { frequencies: plain(outer, context.headSize), factor: 1 };
  section.only('partial_rotary_factor', 1);
  const base = section.positive('rope_theta', outer);
  const kind = section.choice('rope_type', KINDS, section.choice('type', KINDS, 'default'));
  const rotary = SCALED[kind](section, plain(base, context.headSize), base, context);
  section.finish();
  if (!Number.isFinite(rotary.factor) || !rotary.frequencies.every(Number.isFinite)) {
    section.fail('factor', 'such, with the rest of the section, that all frequencies are finite');
  }
  return rotary;
}

/** ω_j = base^(−2j/headSize). */
function plain(base: number, headSize: number): number[] {
  return Array.from({ length: headSize / 2 }, (_, j) => base ** ((-2 * j) / headSize));
}

type Scaling = (section: ConfigReader, frequencies: readonly number[], base: number, context: RotaryContext) => RotaryConfig;

const SCALED: Readonly<Record<(typeof KINDS)[number], Scaling>> = {
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
};

/** 0.1 m ln(factor) + 1 (Peng et al. 2023, section 3.4), or as the config says. */
function attentionFactor(section: ConfigReader, factor: number): number {
  const logarithmic = (weight: number): number => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  const both = section.has('mscale') && section.has('mscale_all_dim');
  const derived = both ? logarithmic(section.positive('mscale')) / logarithmic(section.positive('mscale_all_dim')) : logarithmic(1);
  return section.positive('attention_factor', derived);
}
