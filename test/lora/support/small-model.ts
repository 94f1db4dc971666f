/**
 * A language model of a few linear layers, for what training and adapters do whatever the architecture: logits of a
 * token depend on it and on the mean of those before it.
 */
import { add, grads, log, matMul, mul, neg, reshape, softmax, sum, type Tensor, tanh, tensor2d } from '@tensorflow/tfjs-core';

import { seededRandom } from '../../../src/core/random.js';
import type { TensorAlgebra } from '../../../src/linalg/tensor/index.js';
import { countTargets } from '../../../src/lora/training/count-targets.js';
import type { CausalLM, LinearModule, ModelOverlay, TokenBatch } from '../../../src/models/index.js';
import { registerAllGradients } from '../../tensor/wasm/all-gradients.js';

await registerAllGradients();

const [vocabulary, hidden, wide] = [11, 6, 8];

/** Blocks of two layers; the second of each block is stored [in, out], as GPT-2 does. */
const modules: readonly LinearModule[] = [0, 1].flatMap((block) => [
  { name: `layers.${block}.up`, inFeatures: hidden, outFeatures: wide, fanInFanOut: false, bias: true },
  { name: `layers.${block}.down`, inFeatures: wide, outFeatures: hidden, fanInFanOut: true, bias: false },
]);

/** Makes the model; the same seed gives the same weights. */
export function smallModel(algebra: TensorAlgebra, seed = 1): CausalLM {
  const random = seededRandom(seed);
  const weights = new Map<string, Tensor>();
  const make = (name: string, shape: readonly number[], size: number): void => {
    weights.set(name, algebra.keep(algebra.tidy(() => algebra.scale(size, algebra.randomNormal(shape, random)))));
  };
  make('embed.weight', [vocabulary, hidden], 0.7);
  make('head.weight', [vocabulary, hidden], 0.7);
  for (const { name, inFeatures, outFeatures, fanInFanOut, bias } of modules) {
    make(`${name}.weight`, fanInFanOut ? [inFeatures, outFeatures] : [outFeatures, inFeatures], 0.5);
    if (bias) make(`${name}.bias`, [outFeatures], 0.1);
  }
  const parameter = (name: string): Tensor => {
    const weight = weights.get(name);
    if (weight === undefined) throw new Error(`no parameter ${name}`);
    return weight;
  };

  /** Logits [tokens, vocabulary], the adapters' arrays and replacements handed in. */
  function forward(batch: TokenBatch, overlay: ModelOverlay | undefined): Tensor {
    const at = (name: string): Tensor => overlay?.replaced.get(name) ?? parameter(name);
    const tokens = batch.batch * batch.length;
    const own = oneHotRows(batch.inputIds);
    const past = tensor2d(pastMeans(batch), [tokens, tokens]);
    const embedded = matMul(own, at('embed.weight'));
    let x: Tensor = add(embedded, matMul(past, embedded));
    for (const [i, module] of modules.entries()) {
      const W = at(`${module.name}.weight`);
      const base = (input: Tensor = x): Tensor => matMul(input, W, false, !module.fanInFanOut);
      const adapter = overlay?.adapters.get(module.name);
      let y = adapter === undefined ? base() : adapter.forward({ module, x, base, weight: () => W, parameters: adapter.parameters });
      if (module.bias) y = add(y, at(`${module.name}.bias`));
      x = i % 2 === 0 ? tanh(y) : add(embedded, y);
    }
    return matMul(x, at('head.weight'), false, true);
  }

  function lossOf(batch: TokenBatch, overlay: ModelOverlay | undefined): Tensor {
    // Row t holds the token after t, or nothing where it does not count.
    const next = Array.from(batch.inputIds, (_, at) => ((at + 1) % batch.length === 0 ? -100 : (batch.labels?.[at + 1] ?? -100)));
    const picked = oneHotRows(next);
    return neg(sum(mul(picked, log(softmax(forward(batch, overlay))))));
  }

  const model: Partial<CausalLM> = {
    algebra,
    config: {
      modelType: 'small',
      vocabularySize: vocabulary,
      hiddenSize: hidden,
      intermediateSize: wide,
      layers: 2,
      heads: 1,
      keyValueHeads: 1,
      headSize: hidden,
      maxPositions: 32,
      normEpsilon: 0,
      tiedHead: false,
      endTokens: [],
    },
    linearModules: new Map(modules.map((module) => [module.name, module])),
    parameters: new Map([...weights].map(([name, { shape }]) => [name, { shape }])),
    parameter,
    holderOf: parameter,
    project(name, x) {
      const module = modules.find((one) => one.name === name);
      return matMul(x, parameter(`${name}.weight`), false, module?.fanInFanOut !== true);
    },
    replaceParameter(name, value) {
      parameter(name).dispose();
      weights.set(name, value);
    },
    logits: (batch, { overlay } = {}) => reshape(forward(batch, overlay), [batch.batch, batch.length, vocabulary]),
    async lossAndGradient(batch, overlay, { denominator = countTargets(batch) } = {}) {
      const slots = [
        ...[...overlay.adapters].flatMap(([name, { parameters }]) =>
          Object.keys(parameters).map((key) => ({ name, key, value: parameters[key] })),
        ),
        ...[...overlay.replaced].map(([name, value]) => ({ name, key: undefined, value })),
      ];
      const withArrays = (arrays: readonly Tensor[]): ModelOverlay => ({
        adapters: new Map(
          [...overlay.adapters].map(([name, adapter]) => {
            const own = slots.map((slot, i) => [slot, arrays[i]] as const).filter(([slot]) => slot.name === name && slot.key !== undefined);
            const parameters = Object.fromEntries(own.map(([slot, array]) => [slot.key, array]));
            return [name, { ...adapter, parameters }];
          }),
        ),
        replaced: new Map(slots.flatMap(({ name, key }, i) => (key === undefined ? [[name, arrays[i]] as const] : []))),
      });
      const cost = (...arrays: Tensor[]): Tensor => mul(lossOf(batch, withArrays(arrays)), 1 / denominator);
      const values = slots.map(({ value }) => value);
      const loss = (await cost(...values).data())[0];
      const derivatives = grads(cost)(values);
      const adapters = new Map<string, Record<string, Tensor>>();
      const replaced = new Map<string, Tensor>();
      for (const [i, { name, key }] of slots.entries()) {
        if (key === undefined) replaced.set(name, derivatives[i]);
        else adapters.set(name, { ...adapters.get(name), [key]: derivatives[i] });
      }
      return { loss, tokens: countTargets(batch), adapters, replaced };
    },
    dispose() {
      for (const weight of weights.values()) weight.dispose();
    },
  };
  return model as CausalLM;
}

/** One row a token: 1 at its place, nothing where it is negative. */
function oneHotRows(tokens: ArrayLike<number>): Tensor {
  const values = new Float32Array(tokens.length * vocabulary);
  for (let i = 0; i < tokens.length; i++) if (tokens[i] >= 0) values[i * vocabulary + tokens[i]] = 1;
  return tensor2d(values, [tokens.length, vocabulary]);
}

/** Row t of each text averages over the tokens before t. */
function pastMeans({ batch, length }: TokenBatch): Float32Array {
  const tokens = batch * length;
  const weights = new Float32Array(tokens * tokens);
  for (let row = 0; row < batch; row++) {
    for (let t = 1; t < length; t++) {
      for (let s = 0; s < t; s++) weights[(row * length + t) * tokens + row * length + s] = 1 / t;
    }
  }
  return weights;
}

/** A batch of the model's tokens; the first labels of each row are masked, as those of a prompt are. */
export function smallBatch(seed: number, batch = 3, length = 5, masked = 1): TokenBatch {
  const random = seededRandom(seed);
  const inputIds = Int32Array.from({ length: batch * length }, () => Math.floor(vocabulary * random.uniform()));
  return { batch, length, inputIds, labels: inputIds.map((token, i) => (i % length < masked ? -100 : token)) };
}
