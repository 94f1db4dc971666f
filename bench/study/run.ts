/** One run of the study: trains an adapter on streamed questions, and scores it. */
import { NumericalError } from '../../src/core/errors.js';
import { cosineDecay, warmUp } from '../../src/index.js';
import { createAdapter, type LoraAdapter, type LossSpectrum, lossSpectrum, trainer } from '../../src/lora/index.js';
import { type CausalLM, collateRows, meanLoss, type TokenBatch, type Tokenizer, type TokenRow } from '../../src/models/index.js';
import { STUDY_METHODS, type StudyMethod } from './methods.js';
import { type fixedSet, questionsOf, rowOf } from './questions.js';

/** Everything that determines a run's training. */
export interface RunSetting {
  readonly data: number;
  readonly model: string;
  readonly method: StudyMethod;
  /** β₁ of AdamW, or of the momentum of other rules. */
  readonly beta1: number;
  /** 0 for full fine-tuning. */
  readonly rank: number;
  /** s = α/r; 0 for methods that train the weights themselves. */
  readonly scale: number;
  /** The largest learning rate, after warm-up. */
  readonly rate: number;
  readonly steps: number;
  readonly batch: number;
  readonly seed: number;
}

/** A run to make. */
export interface RunOrder extends RunSetting {
  /** Whether the test set is scored: in runs that are reported, not in those that choose. */
  readonly scoresTest: boolean;
  /** Whether the spectrum of the loss is measured on the way. */
  readonly measuresSpectra: boolean;
}

/** What came of it. */
export interface RunOutcome {
  /** Diverged: a number that is not finite, or a loss that has risen by half over some steps. */
  readonly end: 'finished' | 'diverged';
  /** Loss in nats a token on the validation set; null if the run diverged. */
  readonly valid: number | null;
  /** The same on the test set; null where it was not scored as well. */
  readonly test: number | null;
  /** Validation loss after a quarter, a half and three quarters of the steps, in runs that score the test set. */
  readonly curve: readonly number[];
  /** The spectrum of the loss on 64 validation questions on the way, in runs that measure it. */
  readonly spectra?: readonly StepSpectra[];
  /** Seconds of the processor. */
  readonly seconds: number;
}

/** Spectra of the loss at the factors as trained and at the balanced ones. */
export interface StepSpectra {
  readonly step: number;
  readonly asTrained: LossSpectrum;
  readonly balanced: LossSpectrum;
}

/** A line of results.jsonl. */
export interface RunResult extends RunSetting, RunOutcome {}

/** What runs of one model share. */
export interface StudyContext {
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
  readonly valid: readonly TokenRow[];
  readonly test: readonly TokenRow[];
}

/** Tokenizes the fixed sets for a model. */
export function contextOf(
  model: CausalLM,
  tokenizer: Tokenizer,
  sets: Record<'valid' | 'test', ReturnType<typeof fixedSet>>,
): StudyContext {
  const rows = (pool: 'valid' | 'test') => sets[pool].map((question) => rowOf(question, tokenizer));
  return { model, tokenizer, valid: rows('valid'), test: rows('test') };
}

/** Part of the steps in which the rate grows. */
const WARM_UP = 0.04;
/** A run has diverged if its loss, averaged over about this many steps, is so many times the least it has been. */
const [AVERAGED, DIVERGED] = [10, 1.5];
const GA_BATCHES = 8;

export async function studyRun(setting: RunOrder, context: StudyContext): Promise<RunOutcome> {
  // Of the processor: a run that is paused, or that shares its core, takes longer, but costs no more.
  const begun = process.cpuUsage();
  const curve: number[] = [];
  const seconds = (): number => {
    const { user, system } = process.cpuUsage(begun);
    return Math.round((user + system) / 1000) / 1000;
  };
  const adapter = await startOf(setting, context);
  try {
    const score = async (rows: readonly TokenRow[]): Promise<number> =>
      adapter.model.algebra.tidy(async () =>
        round((await meanLoss(context.model, rows, { padId: 0, batchSize: 64, overlay: adapter.overlay() })).loss),
      );
    const { rate, steps, beta1, seed, scoresTest, measuresSpectra } = setting;
    const spectra: StepSpectra[] = [];
    const growing = Math.round(WARM_UP * steps);
    const next = batches('train', setting, context);
    const training = trainer(adapter, {
      nextBatch: next,
      steps,
      learningRate: warmUp(cosineDecay({ from: rate, steps: steps - growing }), growing),
      optimizer: { beta1, weightDecay: 0 },
      seed,
    });
    let [average, least] = [Number.NaN, Number.POSITIVE_INFINITY];
    try {
      for await (const { step, loss } of training) {
        average = step === 1 ? loss : average + (loss - average) / AVERAGED;
        least = Math.min(least, average);
        if (average > DIVERGED * least) return { end: 'diverged', valid: null, test: null, curve, seconds: seconds() };
        if (measuresSpectra && (4 * step) % steps < 4 && step >= Math.floor(steps / 4))
          spectra.push(await spectraAt(step, adapter, context));
        if (scoresTest && step < steps && (4 * step) % steps < 4 && step >= Math.floor(steps / 4)) curve.push(await score(context.valid));
      }
    } finally {
      training.dispose();
    }
    const valid = await score(context.valid);
    const test = scoresTest ? await score(context.test) : null;
    if (!Number.isFinite(valid)) return { end: 'diverged', valid: null, test: null, curve, seconds: seconds() };
    return { end: 'finished', valid, test, curve, ...(measuresSpectra ? { spectra } : {}), seconds: seconds() };
  } catch (error) {
    if (!(error instanceof NumericalError)) throw error;
    return { end: 'diverged', valid: null, test: null, curve, seconds: seconds() };
  } finally {
    adapter.dispose();
  }
}

/** Number of validation questions of which the loss's spectrum is measured, and of those computed at once. */
const [SPECTRUM_ROWS, SPECTRUM_BATCH] = [64, 16];

async function spectraAt(step: number, adapter: LoraAdapter, { valid }: StudyContext): Promise<StepSpectra> {
  const batches = Array.from({ length: SPECTRUM_ROWS / SPECTRUM_BATCH }, (_, i) =>
    collateRows(valid.slice(i * SPECTRUM_BATCH, (i + 1) * SPECTRUM_BATCH), { padId: 0 }),
  );
  return {
    step,
    asTrained: await lossSpectrum(adapter, batches),
    balanced: await lossSpectrum(adapter, batches, { balanced: true }),
  };
}

async function startOf(setting: RunSetting, context: StudyContext): Promise<LoraAdapter> {
  const { method: name, rank, scale, seed } = setting;
  const method = STUDY_METHODS[name]();
  const next = batches('train', { ...setting, seed: 1_000_000 + seed }, context);
  return createAdapter(
    context.model,
    {
      method,
      targetModules: 'all-linear',
      ...(rank === 0 ? {} : { rank }),
      ...(scale === 0 ? {} : { alpha: scale * rank }),
    },
    { seed, ...(method.start.gradientBatches === undefined ? {} : { batches: Array.from({ length: GA_BATCHES }, next) }) },
  );
}

/** Batches from a stream of its own for the seed; they must be asked for in order. */
function batches(pool: 'train', { seed, batch }: RunSetting, { tokenizer }: StudyContext): () => TokenBatch {
  const stream = questionsOf(pool, seed);
  return () =>
    collateRows(
      Array.from({ length: batch }, () => rowOf(stream.next().value, tokenizer)),
      { padId: 0 },
    );
}

const round = (value: number): number => Number(value.toPrecision(7));
