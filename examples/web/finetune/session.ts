/** What the worker does for its page: it opens a model, trains on it, answers with it, and keeps the run. */
import { ConfigError } from 'bures';
import { type Files, memoryFiles, readAll } from 'bures/io';
import { saveAdapter } from 'bures/lora';
import { type CausalLM, generateText, loadCausalLM, loadTokenizer, type Tokenizer } from 'bures/models';
import type { TensorAlgebra } from 'bures/tensor';
import { zipSync } from 'fflate';
import { beginRun, forgetRun, readRun, rowsPlace, sparedCopies } from './kept.js';
import { findModel, type ModelPlace } from './models.js';
import type {
  Answers,
  MethodName,
  ModelChoice,
  ModelSummary,
  Request,
  RowsFile,
  RunSettings,
  SavedRun,
  Speaker,
  Told,
} from './protocol.js';
import { readRows } from './rows.js';
import { newRun, openSideBySide, type SideBySide } from './side-by-side.js';

/** What a session works with. */
export interface SessionOptions {
  /** Opens the engine, on the processor or on the graphics card. */
  readonly engine: (onGpu: boolean) => Promise<TensorAlgebra>;
  /** The model beside the page. */
  readonly shipped: ModelPlace;
  /** The browser's own files. */
  readonly own: Files;
  readonly tell: (told: Told) => void;
  /**
   * Does a work while no other tab of the page trains.
   *
   * @throws ConfigError if one does. Default: there are no other tabs.
   */
  readonly alone?: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

/** An open model. */
interface Opened {
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
  readonly summary: ModelSummary;
}

/** Most tokens of an answer. */
const mostTokens = 120;

/** The worker's state. Requests may come at any time: what needs the model waits for the step that is going on. */
export class Session {
  readonly #options: SessionOptions;
  #opened: Opened | undefined;
  #race: SideBySide | undefined;
  #paused = false;
  #training = false;
  #turns: Promise<unknown> = Promise.resolve();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Answers a request. */
  async answer(request: Request): Promise<Answers[Request['kind']]> {
    switch (request.kind) {
      case 'open':
        return this.#turn(() => this.#open(request.model, request.onGpu));
      case 'saved':
        return this.#turn(() => readRun(this.#options.own));
      case 'train':
        return this.#alone(() => this.#train(() => this.#begin(request.rows, request.settings)));
      case 'resume':
        return this.#alone(() => this.#train(() => this.#resume()));
      case 'pause':
        this.#paused = true;
        return undefined;
      case 'ask':
        return this.#turn(() => this.#ask(request.prompt, request.speakers));
      case 'adapter':
        return this.#turn(() => this.#adapter(request.method));
      case 'forget':
        return this.#alone(() => this.#turn(async () => void (await forgetRun(this.#options.own))));
      case 'copies':
        return this.#turn(async () => (await this.#spared()).reduce((sum, { bytes }) => sum + bytes, 0));
      case 'discard':
        return this.#turn(async () => {
          for (const { path } of await this.#spared()) await this.#options.own.remove(path);
          return undefined;
        });
    }
  }

  #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    // The tab's own training is refused below, in words that fit.
    return this.#training ? work() : (this.#options.alone?.(work) ?? work());
  }

  /** Copies of models that neither this session nor the run that is kept uses. */
  async #spared(): ReturnType<typeof sparedCopies> {
    const { own } = this.#options;
    const run = await readRun(own);
    const again = [this.#opened?.summary.again, typeof run === 'object' ? run.model.again : undefined];
    return sparedCopies(
      own,
      again.flatMap((choice) => (choice?.kind === 'kept' ? [choice.folder] : [])),
    );
  }

  /** One thing after another: a page's engine cannot take turns within a computation, only between two. */
  #turn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turns.then(work);
    this.#turns = result.catch(() => undefined);
    return result;
  }

  async #open(choice: ModelChoice, onGpu: boolean): Promise<ModelSummary> {
    if (this.#training) throw new ConfigError('open: a training is under way; pause it first');
    const { engine, shipped, own, tell } = this.#options;
    const doing = (text: string): void => tell({ kind: 'doing', text });
    const place = await findModel(choice, { shipped, own, tell: doing });
    doing('Starting the engine');
    const algebra = await engine(onGpu);
    this.#race?.dispose();
    this.#race = undefined;
    this.#opened?.model.dispose();
    this.#opened = undefined;
    doing(`Loading ${place.name}`);
    const tokenizer = await loadTokenizer(place.folder, { files: place.files });
    const model = await loadCausalLM(place.folder, { algebra, files: place.files });
    const parameters = [...model.parameters.values()].reduce((sum, { shape }) => sum + shape.reduce((size, n) => size * n, 1), 0);
    const { taken, device } = algebra.report;
    const summary: ModelSummary = {
      name: place.name,
      again: place.again,
      parameters,
      layers: model.config.layers,
      hasChatTemplate: tokenizer.hasChatTemplate,
      device: `${taken}, ${device}`,
    };
    this.#opened = { model, tokenizer, summary };
    return summary;
  }

  #model(caller: string): Opened {
    if (this.#opened === undefined) throw new ConfigError(`${caller}: no model is open; open one first`);
    return this.#opened;
  }

  async #begin(rows: RowsFile, settings: RunSettings): Promise<SideBySide> {
    const { model, tokenizer, summary } = this.#model('train');
    const divided = await readRows(rows, tokenizer, settings.maxLength);
    const { own, tell } = this.#options;
    if (divided.leftOut > 0) {
      const text = `Of the rows, ${divided.leftOut} are left out: empty, or their answer begins beyond ${settings.maxLength} tokens.`;
      tell({ kind: 'notice', text });
    }
    const count = { name: rows.name, training: divided.training.length, validation: divided.validation.length };
    const run = newRun(summary, count, settings);
    const race = await openSideBySide({ model, padId: padOf(tokenizer), rows: divided, run, own, tell });
    // An earlier run gives way only when this one has begun; a page that is closed before its first steps are kept
    // begins again with them.
    await beginRun(own, run, rows);
    return race;
  }

  async #resume(): Promise<SideBySide> {
    const { own, tell } = this.#options;
    const run = await readRun(own);
    if (run === undefined) throw new ConfigError('resume: no run is kept in this browser; begin one');
    if (run === 'damaged') throw new ConfigError('resume: the run that is kept cannot be read; forget it, and begin anew');
    const { model, tokenizer } = this.#model('resume');
    const bytes = await readAll(own, rowsPlace(own, run));
    const rows = await readRows({ name: run.rows.name, bytes }, tokenizer, run.settings.maxLength);
    return openSideBySide({ model, padId: padOf(tokenizer), rows, run, own, tell });
  }

  async #train(open: () => Promise<SideBySide>): Promise<SavedRun> {
    if (this.#training) throw new ConfigError('train: a training is under way already; pause it first');
    [this.#training, this.#paused] = [true, false];
    try {
      const race = await this.#turn(async () => {
        this.#race?.dispose();
        this.#race = undefined;
        this.#race = await open();
        return this.#race;
      });
      this.#options.tell({ kind: 'begun', run: race.run });
      // Between two steps others have their turn.
      while (!this.#paused && (await this.#turn(() => race.step())));
      await this.#turn(() => race.keep());
      return race.run;
    } finally {
      this.#training = false;
    }
  }

  async #ask(prompt: string, speakers: readonly Speaker[]): Promise<undefined> {
    const { model, tokenizer } = this.#model('ask');
    const asChat = tokenizer.hasChatTemplate;
    const text = asChat ? tokenizer.applyChatTemplate([{ role: 'user', content: prompt }], { addGenerationPrompt: true }) : prompt;
    const how = { maxNewTokens: mostTokens, addSpecialTokens: !asChat, endOfTurn: asChat };
    for (const speaker of speakers) {
      const adapter = speaker === 'base' ? undefined : this.#race?.adapter(speaker);
      if (speaker !== 'base' && adapter === undefined) continue;
      await model.algebra.tidy(async () => {
        const overlay = adapter === undefined ? {} : { overlay: adapter.overlay() };
        for await (const piece of generateText(model, tokenizer, text, { ...how, ...overlay }))
          this.#options.tell({ kind: 'piece', speaker, text: piece });
      });
    }
    return undefined;
  }

  async #adapter(method: MethodName): Promise<Answers['adapter']> {
    const race = this.#race;
    if (race === undefined) throw new ConfigError('adapter: nothing has been trained yet; train first');
    const { step, model, rows } = race.run;
    const files = memoryFiles();
    const card = { method, steps: step, data: [rows.name], trainingRows: rows.training };
    await saveAdapter(race.adapter(method), '', { files, baseModel: model.name, card });
    const contents: Record<string, Uint8Array> = {};
    for (const name of await files.list('')) contents[name] = await readAll(files, name);
    return { name: `${model.name.replace(/@.*$/, '').split('/').at(-1)}-${method}-${step}.zip`, bytes: zipSync(contents, { level: 0 }) };
  }
}

const padOf = (tokenizer: Tokenizer): number => (tokenizer.specials.pad ?? tokenizer.specials.eos)?.id ?? 0;
