/** What `bench:methods` runs: which methods, at which settings, in which stage. */
import path from 'node:path';

/** A method as it competes. */
export interface Contestant {
  readonly name: string;
  /** Its keys of a fine-tuning configuration. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** What is chosen for a method: learning rate, and s = α/r. */
export interface Setting {
  readonly learningRate: number;
  readonly scale: number;
}

/** A method at one setting, with a run for each seed: a sweep of its own. */
export interface Trial {
  readonly contestant: Contestant;
  readonly setting: Setting;
  readonly rank: number;
  readonly steps: number;
  readonly seeds: readonly number[];
}

const balora = (moments: string, gauge: string): Contestant => ({
  name: `BaLoRA ${moments}, ${gauge}`,
  values: { method: 'balora', methodOptions: { moments, gauge } },
});

/** Compared in both stages. */
export const CONTESTANTS: readonly Contestant[] = [
  { name: 'LoRA', values: { method: 'lora' } },
  balora('keep', 'svd'),
  balora('transport', 'svd'),
  { name: 'scaled', values: { method: 'scaled' } },
];

/** The other gauge, at the settings that were best with the first, at the first rank. */
export const GAUGES: readonly Contestant[] = [balora('keep', 'nearest'), balora('transport', 'nearest')];

const LEARNING_RATES = [3e-4, 1e-3, 3e-3, 1e-2];
const SCALES = [2, 16, 128];
const SEEDS = [0, 1, 2];
const GRID_STEPS = 100;
const FINAL_STEPS = 300;
const SETTINGS = 2;

/** Stage 1: the grid, rank 16, one seed. */
export function gridTrials(): readonly Trial[] {
  return CONTESTANTS.flatMap((contestant) =>
    LEARNING_RATES.flatMap((learningRate) =>
      SCALES.map((scale) => ({ contestant, setting: { learningRate, scale }, rank: 16, seeds: [0], steps: GRID_STEPS })),
    ),
  );
}

/** Stage 2: settings of each contestant on three seeds, the same for all. */
export function finalTrials(
  contestants: readonly { readonly contestant: Contestant; readonly settings: readonly Setting[] }[],
  rank: number,
): readonly Trial[] {
  return contestants.flatMap(({ contestant, settings }) =>
    settings.map((setting) => ({ contestant, setting, rank, seeds: SEEDS, steps: FINAL_STEPS })),
  );
}

/** How much there is to do. */
export function planSize(ranks: number): { readonly runs: number; readonly steps: number } {
  const grid = CONTESTANTS.length * LEARNING_RATES.length * SCALES.length;
  const final = SEEDS.length * SETTINGS * (ranks * CONTESTANTS.length + GAUGES.length);
  return { runs: grid + final, steps: grid * GRID_STEPS + final * FINAL_STEPS };
}

/** The settings of the least loss, best first. */
export function bestSettings(scores: readonly (readonly [Trial, { readonly loss: number }])[], contestant: Contestant): readonly Setting[] {
  return scores
    .filter(([trial]) => trial.contestant === contestant)
    .sort(([, a], [, b]) => a.loss - b.loss)
    .slice(0, SETTINGS)
    .map(([{ setting }]) => setting);
}

/** The name of a trial's folder. */
export function trialName({ contestant, setting, rank, steps }: Trial): string {
  const { learningRate, scale } = setting;
  return `${contestant.name.replaceAll(/[ ,]+/g, '-')}_rank=${rank}_rate=${learningRate}_s=${scale}_steps=${steps}`;
}

/**
 * The keys of a trial's sweep. Everything that is not named here is the command's default: AdamW, a cosine to zero,
 * clipping at 1, all linear layers.
 */
export function sweepKeys({ contestant, setting, rank, steps, seeds }: Trial, data: string, model: string, out: string): object {
  const { learningRate, scale } = setting;
  const base = {
    ...contestant.values,
    model: path.resolve(model),
    data: path.resolve(data),
    rank,
    alpha: scale * rank,
    learningRate,
    steps,
    batchSize: 32,
    order: 'shuffled',
    evalEvery: steps,
    saveEvery: steps,
    keepCheckpoints: 1,
    backend: 'wasm',
    tensorboard: false,
  };
  return { base, seeds, out };
}
