import { addN, memory, reshape, Tensor, tensor1d, zerosLike } from '@tensorflow/tfjs-core';
import { BackendError, ConfigError, ShapeError } from '../core/errors.js';
import { declareOptions, flag, number, option } from '../core/options.js';
import type { TensorAlgebra } from '../linalg/tensor/tensor-algebra.js';
import { widenedMatrix } from '../linalg/tensor/wasm/stored-matrix.js';
import type { StoredMatrix } from '../linalg/tensor/wasm/stored-rows.js';
import { activationBytes, keptActivationBytes } from './activation-bytes.js';
import type { Decoder } from './architectures/architecture.js';
import type {
  CausalLM,
  ForwardOptions,
  GenerateOptions,
  LossAndGradient,
  LossAndGradientOptions,
  ParameterInfo,
  TokenLoss,
} from './causal-lm.js';
import { checkOverlay } from './check-overlay.js';
import { checkTokenBatch } from './check-tokens.js';
import { generate } from './generate.js';
import { HEAD, headChoices, headLogits, headLosses, labelledRows } from './head-loss.js';
import type { FoundWeight } from './load-weights.js';
import { lossAndGradient } from './loss-and-gradient.js';
import type { LinearModule, ModelOverlay } from './model-overlay.js';
import { nonFiniteError } from './non-finite.js';
import { ParameterScope, projected } from './parameter-scope.js';
import type { RunOnBackend } from './run-on-backend.js';
import { sequenceOf } from './sequence.js';
import type { TokenBatch } from './token-batch.js';

const forwardOptions = declareOptions<ForwardOptions>()({ overlay: option({ optional: true }) });
const lossAndGradientOptions = declareOptions<LossAndGradientOptions>()({
  denominator: number({ optional: true, above: 0 }),
  recompute: flag({ optional: true }),
});

/** The library's models: an architecture's functions over weights on a backend. */
export class DecoderModel implements CausalLM {
  readonly algebra: TensorAlgebra;
  readonly linearModules: ReadonlyMap<string, LinearModule>;
  readonly embeddings: ReadonlyMap<string, LinearModule>;
  readonly #parameters: Map<string, ParameterInfo>;
  #ownHead = false;
  readonly #decoder: Decoder;
  readonly #weights: Map<string, Tensor | StoredMatrix>;
  readonly #run: RunOnBackend;
  /** Bytes of activations for which the memory did not suffice. */
  #tooMany = Number.POSITIVE_INFINITY;

  /**
   * @param weights - one for each parameter of the decoder; the model owns them.
   * @param found - where each was read from.
   */
  constructor(
    decoder: Decoder,
    weights: Map<string, Tensor | StoredMatrix>,
    found: ReadonlyMap<string, FoundWeight>,
    algebra: TensorAlgebra,
    run: RunOnBackend,
  ) {
    this.#decoder = decoder;
    this.#weights = weights;
    for (const weight of weights.values()) if (!isStored(weight)) algebra.keep(weight);
    this.#run = run;
    this.algebra = algebra;
    const { hiddenSize, vocabularySize } = decoder.config;
    const head = { name: HEAD, inFeatures: hiddenSize, outFeatures: vocabularySize, fanInFanOut: false, bias: false };
    this.linearModules = new Map([...decoder.modules, head].map((module) => [module.name, module]));
    const embeddings = decoder.embeddings.map((weight) => {
      const [inFeatures, outFeatures] = decoder.parameters.get(weight) ?? [];
      return { name: weight.replace(/\.weight$/, ''), inFeatures, outFeatures, fanInFanOut: true, bias: false, embedding: true };
    });
    this.embeddings = new Map(embeddings.map((module) => [module.name, module]));
    this.#parameters = new Map([...decoder.parameters].map(([name, shape]) => [name, { shape, ...originOf(found.get(name)) }]));
  }

  get config() {
    const { config } = this.#decoder;
    return this.#ownHead ? { ...config, tiedHead: false } : config;
  }

  get parameters(): ReadonlyMap<string, ParameterInfo> {
    return this.#parameters;
  }

  untieHead(): () => void {
    const { embedding, config } = this.#decoder;
    if (!config.tiedHead || this.#ownHead) return () => undefined;
    const weight = this.#weights.get(embedding);
    const info = this.#parameters.get(embedding);
    if (weight === undefined || info === undefined) throw new ConfigError('untieHead: the model was disposed of; load it again');
    const name = `${HEAD}.weight`;
    this.#weights.set(name, isStored(weight) ? weight : this.algebra.keep(this.#run(() => weight.clone())));
    this.#parameters.set(name, { shape: info.shape });
    this.#ownHead = true;
    return () => {
      if (!this.#ownHead) return;
      this.#ownHead = false;
      const own = this.#weights.get(name);
      if (own !== undefined && !isStored(own)) own.dispose();
      this.#weights.delete(name);
      this.#parameters.delete(name);
    };
  }

  parameter(name: string): Tensor {
    const weight = this.#weights.get(name);
    if (weight === undefined) {
      const reason = this.parameters.has(name) ? 'the model was disposed of' : `there is no parameter '${name}'`;
      throw new ConfigError(`parameter: expected a parameter of the model, but ${reason}; see the keys of model.parameters`);
    }
    return isStored(weight) ? this.#run(() => widenedMatrix(weight)) : weight;
  }

  holderOf(name: string): object {
    return this.storedMatrix(name) ?? this.parameter(name);
  }

  project(module: string, x: Tensor): Tensor {
    const layer = this.linearModules.get(module) ?? this.embeddings.get(module);
    if (layer === undefined)
      throw new ConfigError(`project: expected a linear layer of the model, got '${module}'; name one of linearModules`);
    return this.#run(() => projected(this, this.weightName(module), x, layer.fanInFanOut));
  }

  storedMatrix(name: string): StoredMatrix | undefined {
    const weight = this.#weights.get(name);
    return weight !== undefined && isStored(weight) ? weight : undefined;
  }

  weightName(module: string): string {
    return module === HEAD && this.config.tiedHead ? this.#decoder.embedding : `${module}.weight`;
  }

  replaceParameter(name: string, value: Tensor): void {
    const before = this.storedMatrix(name) ?? this.parameter(name);
    if (value === before) return;
    if (value.shape.join() !== before.shape.join() || value.dtype !== 'float32') {
      const given = `${value.dtype} [${value.shape.join(', ')}]`;
      throw new ShapeError(`replaceParameter: expected float32 [${before.shape.join(', ')}] for '${name}', got ${given}; check the name`);
    }
    if (isStored(before)) {
      // In float32, whatever the format was: what a start takes out of a weight must be in it again to the last bit.
      this.#weights.set(name, { shape: before.shape, dtype: 'F32', bytes: new Uint8Array(value.dataSync<'float32'>().slice().buffer) });
      value.dispose();
      return;
    }
    this.#weights.set(name, this.algebra.keep(value));
    before.dispose();
  }

  logits(batch: TokenBatch, options: ForwardOptions = {}): Tensor {
    const scope = this.#open('logits', batch, forwardOptions.read('logits', options).overlay);
    const { vocabularySize } = this.config;
    return this.#run(() =>
      reshape(headLogits(this.#decoder, scope, this.#hidden(scope, batch)), [batch.batch, batch.length, vocabularySize]),
    );
  }

  async likeliest(batch: TokenBatch, options: ForwardOptions = {}): Promise<Int32Array> {
    const scope = this.#open('likeliest', batch, forwardOptions.read('likeliest', options).overlay);
    const labelled = labelledRows('likeliest', batch);
    const choices = this.#run(() => headChoices(this.#decoder, scope, this.#hidden(scope, batch), labelled));
    const tokens = await choices.data<'int32'>().finally(() => choices.dispose());
    return Int32Array.from(tokens);
  }

  async loss(batch: TokenBatch, options: ForwardOptions = {}): Promise<TokenLoss> {
    const scope = this.#open('loss', batch, forwardOptions.read('loss', options).overlay);
    const labelled = labelledRows('loss', batch);
    const sum = this.#run(() => addN(headLosses(this.#decoder, scope, this.#hidden(scope, batch), labelled)));
    return { sum: await readScalar(sum), tokens: labelled.rows.length };
  }

  async lossAndGradient(batch: TokenBatch, overlay: ModelOverlay, options: LossAndGradientOptions = {}): Promise<LossAndGradient> {
    const caller = 'lossAndGradient';
    const settings = lossAndGradientOptions.read(caller, options);
    const scope = this.#open(caller, batch, overlay);
    const labelled = labelledRows(caller, batch);
    const tokens = labelled.rows.length;
    const { denominator = tokens } = settings;
    const trained = [...arraysOf(overlay)];
    const compute = (recompute: boolean) =>
      this.#run(() => {
        const { losses, gradients } = lossAndGradient({ decoder: this.#decoder, scope, batch, labelled, denominator, recompute });
        // In an array, since TensorFlow.js's scopes do not look into maps.
        return { sum: addN([...losses]), derivatives: trained.map((array) => gradients.take(array) ?? zerosLike(array)) };
      });
    const { sum, derivatives } = settings.recompute === undefined ? this.#inRoom(batch, compute) : compute(settings.recompute);
    const byArray = new Map(trained.map((array, index) => [array, derivatives[index]]));
    const take = (array: Tensor): Tensor => byArray.get(array) as Tensor;
    try {
      return {
        loss: (await readScalar(sum)) / denominator,
        tokens,
        adapters: mapValues(overlay.adapters, ({ parameters }) => mapRecord(parameters, take)),
        replaced: mapValues(overlay.replaced, take),
      };
    } catch (error) {
      for (const derivative of derivatives) derivative.dispose();
      throw error;
    }
  }

  /**
   * Computes with the activations kept if there is room for them, else with blocks computed again: the same numbers.
   * What there is room for is an estimate: if it fails, blocks are computed again from then on.
   */
  #inRoom<Result>(batch: TokenBatch, compute: (recompute: boolean) => Result): Result {
    const bytes = activationBytes(this.config, batch);
    const room = keptActivationBytes(this.algebra.report, this.#weights.values(), memory().numBytes);
    if (bytes >= this.#tooMany || bytes > room) return compute(true);
    try {
      return compute(false);
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      this.#tooMany = bytes;
      return compute(true);
    }
  }

  generate(promptIds: readonly number[] | Int32Array, options: GenerateOptions = {}): AsyncGenerator<number, void, undefined> {
    checkOverlay('generate', this, options.overlay);
    const explain = (problem: string) => nonFiniteError(problem, this, 'check the adapter: its training may have diverged');
    const scope = new ParameterScope(this, options.overlay);
    return generate({ decoder: this.#decoder, scope, run: this.#run, explain }, promptIds, options);
  }

  dispose(): void {
    for (const weight of this.#weights.values()) if (!isStored(weight)) weight.dispose();
    this.#weights.clear();
  }

  /** Checks the arguments before anything is computed. */
  #open(caller: string, batch: TokenBatch, overlay: ModelOverlay | undefined): ParameterScope {
    checkTokenBatch(caller, batch, this.config);
    checkOverlay(caller, this, overlay);
    return new ParameterScope(this, overlay);
  }

  /**
   * Computes the hidden states before the last normalization, [batch · length, hidden]; block by block, each freeing
   * its temporaries.
   */
  #hidden(scope: ParameterScope, batch: TokenBatch): Tensor {
    const sequence = sequenceOf(batch);
    const context = this.#decoder.prepare(sequence);
    let x = this.#decoder.embed(scope, tensor1d(batch.inputIds, 'int32'), sequence);
    for (let layer = 0; layer < this.config.layers; layer++) {
      const input = x;
      x = this.#run(() => this.#decoder.block(scope, layer, input, context));
      input.dispose();
    }
    return x;
  }
}

const isStored = (weight: Tensor | StoredMatrix): weight is StoredMatrix => !(weight instanceof Tensor);

function originOf(found: FoundWeight | undefined): Partial<ParameterInfo> {
  if (found === undefined) return {};
  const { entry, stored } = found;
  const origin = { file: entry.file, tensor: entry.name };
  return stored === undefined ? origin : { ...origin, quantized: { format: stored.format, dtype: stored.dtype, parts: stored.parts } };
}

async function readScalar(scalar: Tensor): Promise<number> {
  try {
    return (await scalar.data<'float32'>())[0];
  } finally {
    scalar.dispose();
  }
}

/** Returns the arrays of an overlay, each once. */
function arraysOf({ adapters, replaced }: ModelOverlay): Set<Tensor> {
  return new Set([...[...adapters.values()].flatMap(({ parameters }) => Object.values(parameters)), ...replaced.values()]);
}

function mapValues<From, To>(map: ReadonlyMap<string, From>, change: (value: From) => To): Map<string, To> {
  return new Map([...map].map(([name, value]) => [name, change(value)]));
}

function mapRecord(record: Readonly<Record<string, Tensor>>, change: (value: Tensor) => Tensor): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
