/** The steps of a run: each is recorded, and followed by evaluations, samples and checkpoints when these are due. */
import { remove } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { type LoraTrainer, trainer as makeTrainer, measureAdapter, type SavedAdapter, type TrainingStep } from '../../lora/index.js';
import type { Crew } from '../processes/crew.js';
import { checkSameAdapter } from '../processes/same-everywhere.js';
import type { Progress } from '../progress.js';
import { writeBest } from '../run/best-folder.js';
import { type Checkpoint, type RunProgress, removeOldCheckpoints, writeCheckpoint } from '../run/checkpoint.js';
import type { Recorder } from '../run/recorder.js';
import { bestFolder, checkpointFolder, runFiles } from '../run/run-layout.js';
import type { RunLock } from '../run/run-lock.js';
import type { Terminal } from '../terminal.js';
import { cardOf } from './card-of.js';
import { completeText } from './complete-text.js';
import { padIdOf, type Session } from './session.js';
import { sharedLoss } from './shared-loss.js';
import { optimizerOf, scheduleOf } from './training-plan.js';

/** The reason why a run ended. */
export type RunEnd = 'finished' | 'early' | 'interrupted' | 'diverged';

/** Outcome of a run. */
export interface RunOutcome {
  readonly run: string;
  readonly end: RunEnd;
  readonly step: number;
  readonly steps: number;
  /** Training loss of the last step; absent if no step was taken. */
  readonly loss?: number;
  /** The best validation loss and its step; absent without evaluations. */
  readonly best?: { readonly step: number; readonly loss: number };
  readonly seconds: number;
  readonly tokens: number;
  /**
   * Relative part of the weights' change that the adapter saved last leaves out; absent unless the weights themselves
   * are trained.
   */
  readonly truncation?: number;
}

/** Options of a run, as `trainRun` takes them. */
export interface TrainRunOptions {
  /** Name of the command, for errors. */
  readonly command: string;
  /** Folder of the run. */
  readonly run: string;
  /** Checkpoint to continue from. Default: none, the run begins. */
  readonly from?: Checkpoint;
  /** Number of times changed inputs have been accepted. */
  readonly changes: number;
  /** What changed then, for the model card. */
  readonly changed: readonly string[];
  /** Lock of the run, which this process holds. */
  readonly lock: RunLock;
  readonly terminal: Terminal;
  /** The processes that train; only the first one writes. */
  readonly crew: Crew;
  /** Finishes the step, saves and ends when aborted. */
  readonly signal: AbortSignal;
}

/** Describes the part of the weights' change that the adapter saved with them leaves out. */
export function truncationText(error: number): string {
  return `the weights are saved whole; the adapter beside them leaves out ${(100 * error).toPrecision(3)} % of their change`;
}

/** State of a run while it trains. */
export class RunLoop {
  readonly #session: Session;
  readonly #options: TrainRunOptions;
  readonly #recorder: Recorder;
  readonly #progress: Progress;
  readonly #trainer: LoraTrainer;
  /** Decaying sums of seconds, tokens and steps, without evaluations, for the rates. */
  #rate = { seconds: 0, tokens: 0, steps: 0 };
  #at: RunProgress;
  /** The last evaluation of this process. */
  #validated: { readonly step: number; readonly loss: number } | undefined;
  /** Truncation error of the adapter saved last. */
  #truncation: number | undefined;
  /** Step of which it was reported. */
  #notedAt: number | undefined;

  constructor(session: Session, options: TrainRunOptions, recorder: Recorder, progress: Progress) {
    const { config, adapter, method, steps, nextBatch } = session;
    const { clip, seed, recompute } = config;
    const { communicator } = options.crew;
    this.#session = session;
    this.#options = options;
    this.#recorder = recorder;
    this.#progress = progress;
    const { changes } = options;
    this.#at = options.from?.progress ?? { seconds: 0, tokens: 0, evaluationsSinceBest: 0, ...(changes === 0 ? {} : { changes }) };
    this.#trainer = makeTrainer(adapter, {
      method,
      nextBatch,
      steps,
      learningRate: scheduleOf(config, steps),
      optimizer: optimizerOf(config),
      seed,
      ...(clip === null ? {} : { clip }),
      ...(recompute === undefined ? {} : { recompute }),
      ...(options.from === undefined ? {} : { state: options.from.state }),
      ...(communicator === undefined ? {} : { communicator }),
    });
  }

  async train(): Promise<RunOutcome> {
    const { steps, config } = this.#session;
    const { from, signal, crew } = this.#options;
    if (from !== undefined) {
      // The run was killed after its last checkpoint, or had ended.
      const end = this.#endAfter(from.state.step);
      if (end !== undefined) return this.#outcome(end, from.state.step);
    }
    await crew.lead(() => this.#forgetOutcome());
    if (from === undefined) await this.#evaluate(0);
    let started = performance.now();
    for await (const step of this.#trainer) {
      await this.#record(step, (performance.now() - started) / 1000);
      if (step.step % config.evalEvery === 0 || step.step === steps) await this.#evaluate(step.step);
      const end = this.#endAfter(step.step) ?? ((await crew.any(signal.aborted)) ? 'interrupted' : undefined);
      if (crew.leads && (step.step % config.saveEvery === 0 || end !== undefined)) await this.#save();
      if (end !== undefined) return this.#outcome(end, step.step);
      started = performance.now();
    }
    throw new Error(`the trainer ended before step ${steps}`);
  }

  /** Removes the outcome of a run that had ended and was given more steps. */
  async #forgetOutcome(): Promise<void> {
    await this.#options.lock.check();
    await remove(path.join(this.#options.run, runFiles.outcome));
  }

  /** Returns how the run ends by itself after a step; `undefined` if it continues. */
  #endAfter(step: number): 'finished' | 'early' | undefined {
    const { steps, config } = this.#session;
    if (step >= steps) return 'finished';
    return config.patience !== undefined && this.#at.evaluationsSinceBest >= config.patience ? 'early' : undefined;
  }

  #outcome(end: RunEnd, step: number): RunOutcome {
    const { best, seconds, tokens, loss } = this.#at;
    return {
      run: this.#options.run,
      end,
      step,
      steps: this.#session.steps,
      ...(loss === undefined ? {} : { loss }),
      ...(best === undefined ? {} : { best }),
      seconds,
      tokens,
      ...(this.#truncation === undefined ? {} : { truncation: this.#truncation }),
    };
  }

  /** Records and reports the part of trained weights that a saved adapter leaves out. */
  #noteTruncation(step: number, { truncation }: SavedAdapter): void {
    if (truncation === undefined) return;
    this.#truncation = truncation.error;
    // The best adapter and the checkpoint of a step are the same.
    if (this.#notedAt === step) return;
    this.#notedAt = step;
    this.#progress.say(`step ${step}: ${truncationText(truncation.error)}`);
  }

  dispose(): void {
    this.#trainer.dispose();
  }

  async #record({ step, loss, learningRate, gradientNorm, tokens, inactive }: TrainingStep, seconds: number): Promise<void> {
    const { steps } = this.#session;
    this.#at = { ...this.#at, seconds: this.#at.seconds + seconds, tokens: this.#at.tokens + tokens, loss };
    const memory = process.memoryUsage.rss();
    await this.#recorder.metric({ kind: 'train', step, loss, learningRate, gradientNorm, tokens, seconds: this.#at.seconds, memory });
    if (inactive !== undefined) this.#progress.say(`no gradient reaches ${inactive.join(', ')}; check targetModules`);
    // A decaying average follows the current speed of the machine.
    const rate = this.#rate;
    this.#rate = { seconds: 0.9 * rate.seconds + seconds, tokens: 0.9 * rate.tokens + tokens, steps: 0.9 * rate.steps + 1 };
    const secondsLeft = ((steps - step) * this.#rate.seconds) / this.#rate.steps;
    this.#progress.update({
      step,
      steps,
      loss,
      learningRate,
      tokensPerSecond: this.#rate.tokens / this.#rate.seconds,
      memory,
      secondsLeft,
    });
  }

  async #evaluate(step: number): Promise<void> {
    const { model, adapter, tokenizer, data, config } = this.#session;
    const { command, crew } = this.#options;
    await checkSameAdapter(command, adapter, step, crew);
    await model.algebra.tidy(async () => {
      const overlay = adapter.overlay();
      const options = { batchSize: config.batchSize, padId: padIdOf(tokenizer), overlay };
      if (data.valid.length > 0) await this.#validate(step, await sharedLoss(model, data.valid, options, crew));
      if (!crew.leads) return;
      for (const prompt of config.samplePrompts) {
        const completion = await completeText(model, tokenizer, prompt, { maxNewTokens: config.sampleTokens, overlay });
        await this.#recorder.sample({ step, prompt, completion });
        this.#progress.say(`  ${JSON.stringify(prompt)} → ${JSON.stringify(completion)}`);
      }
    });
    if (!crew.leads) return;
    const layers = (await measureAdapter(adapter)).map(
      ({ module, balanceGap, conditionNumber, balancedConditionNumber, effectiveRank, singularValues }) => ({
        module,
        balanceGap,
        conditionNumber,
        balancedConditionNumber,
        effectiveRank,
        singularValues,
      }),
    );
    await this.#recorder.metric({ kind: 'layers', step, layers });
  }

  async #validate(step: number, { loss, perplexity }: { readonly loss: number; readonly perplexity: number }): Promise<void> {
    const { best, evaluationsSinceBest } = this.#at;
    const better = Number.isFinite(loss) && (best === undefined || loss < best.loss - this.#session.config.minImprovement);
    this.#at = better
      ? { ...this.#at, best: { step, loss }, evaluationsSinceBest: 0 }
      : { ...this.#at, evaluationsSinceBest: evaluationsSinceBest + 1 };
    await this.#recorder.metric({ kind: 'eval', step, loss, perplexity, seconds: this.#at.seconds, best: better });
    this.#validated = { step, loss };
    this.#progress.say(
      `step ${step}: validation loss ${loss.toFixed(4)}, perplexity ${perplexity.toFixed(3)}${better ? ', the best so far' : ''}`,
    );
    const { run, changes, lock, crew } = this.#options;
    if (!better || !crew.leads) return;
    const record = { step, loss, ...(changes === 0 ? {} : { changes }) };
    const write = () => writeBest(run, this.#session.adapter, this.#named(step, loss), record);
    this.#noteTruncation(step, await lock.write(bestFolder(run), write));
  }

  /** Returns the base model and the model card of the adapter that is saved at a step. */
  #named(step: number, validationLoss = this.#validated?.step === step ? this.#validated.loss : undefined) {
    return {
      baseModel: this.#session.config.model,
      card: cardOf(this.#session, { step, trainingLoss: this.#at.loss, validationLoss, changes: this.#options.changed }),
    };
  }

  async #save(): Promise<void> {
    const { adapter, config } = this.#session;
    const { run, lock } = this.#options;
    const state = await this.#trainer.state();
    const write = () => writeCheckpoint(run, adapter, this.#named(state.step), { state, progress: this.#at });
    this.#noteTruncation(state.step, await lock.write(checkpointFolder(run, state.step), write));
    await removeOldCheckpoints(run, config.keepCheckpoints);
  }
}
