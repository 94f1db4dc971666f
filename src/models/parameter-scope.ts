/** The weights as a forward pass sees them: the model's own, under the overlay. */
import { add, customGrad, gather, matMul, type Tensor, type Tensor1D } from '@tensorflow/tfjs-core';
import { ConfigError } from '../core/errors.js';
import { everyColumn, multiplyInto } from '../linalg/tensor/wasm/heap-product.js';
import { multiplyStored, storedRows } from '../linalg/tensor/wasm/stored-matrix.js';
import type { StoredMatrix } from '../linalg/tensor/wasm/stored-rows.js';
import { adaptedLinear, type FrozenLayer } from '../nn/adapted-linear.js';
import type { ChosenTokens, LinearModule, ModelOverlay } from './model-overlay.js';

/** An empty overlay. */
const EMPTY_OVERLAY: ModelOverlay = { adapters: new Map(), replaced: new Map() };

/** Holder of the model's own weights. */
export interface ParameterSource {
  /** Returns the weight of this name, widened if it is kept outside. @throws ConfigError if there is none. */
  parameter(name: string): Tensor;
  /** Returns the weight of this name if it is kept outside the heap. */
  storedMatrix(name: string): StoredMatrix | undefined;
  /** The linear layers by name. */
  readonly linearModules: ReadonlyMap<string, LinearModule>;
  /** Returns the name of a linear layer's weight: the embedding's for a tied head, which has none of its own. */
  weightName(module: string): string;
}

/** Gives weights to a forward pass, and remembers which arrays of the overlay it used. */
export class ParameterScope {
  readonly #source: ParameterSource;
  readonly #overlay: ModelOverlay;
  #used = new Set<Tensor>();

  constructor(source: ParameterSource, overlay: ModelOverlay = EMPTY_OVERLAY) {
    this.#source = source;
    this.#overlay = overlay;
  }

  /** Returns the arrays of the overlay that were used since this was last called. */
  takeUsed(): Tensor[] {
    const used = [...this.#used];
    this.#used = new Set();
    return used;
  }

  /** Returns true if the overlay replaces a parameter, which then is differentiated. */
  trains(name: string): boolean {
    return this.#overlay.replaced.has(name);
  }

  /** Returns a parameter, or its replacement in the overlay. */
  get(name: string): Tensor {
    const replaced = this.#overlay.replaced.get(name);
    if (replaced === undefined) return this.#source.parameter(name);
    this.#used.add(replaced);
    return replaced;
  }

  /**
   * Returns rows of an embedding's weight [count, width], or of its replacement, by their indices, int32; adapted if it
   * has an adapter.
   */
  rows(name: string, indices: Tensor1D): Tensor {
    const stored = this.trains(name) ? undefined : this.#source.storedMatrix(name);
    const rows = stored === undefined ? gather(this.get(name), indices) : storedRows(stored, indices.dataSync());
    const module = name.replace(/\.weight$/, '');
    const adapter = this.#overlay.adapters.get(module);
    if (adapter === undefined) return rows;
    const { embed } = adapter;
    if (embed === undefined)
      throw new ConfigError(`rows: expected an adapter for embeddings at '${module}', got one without embed; see ModuleAdapter`);
    return this.#adapted(adapter.parameters, () => embed({ rows, tokens: indices, parameters: adapter.parameters }));
  }

  /**
   * Computes x Wᵀ + b of a linear layer, adapted if it has an adapter.
   *
   * @param x - [tokens, in].
   * @param tokens - the tokens that x holds. Default: all of the batch.
   * @returns [tokens, out], differentiable by x and the overlay's arrays.
   */
  linear(name: string, x: Tensor, tokens?: ChosenTokens): Tensor {
    return this.linears([name], x, tokens)[0];
  }

  /**
   * Computes several linear layers of one input: those with plain low-rank adapters together, where that is quicker.
   */
  linears(names: readonly string[], x: Tensor, tokens?: ChosenTokens): Tensor[] {
    const together = names.flatMap((name) => {
      const own = this.#overlay.adapters.get(name)?.lowRank;
      return own === undefined || this.trains(`${name}.weight`) ? [] : [{ name, own }];
    });
    const fused =
      together.length === 0
        ? undefined
        : adaptedLinear(
            x,
            together.map(({ name, own }) => ({ ...own, layer: this.#frozen(name) })),
          );
    if (fused !== undefined) for (const { own } of together) for (const factor of [own.A, own.B]) this.#used.add(factor);
    return names.map((name) => {
      const product = fused?.[together.findIndex((one) => one.name === name)] ?? this.#product(name, x, tokens);
      return this.#moduleOf(name).bias ? add(product, this.get(`${name}.bias`)) : product;
    });
  }

  #moduleOf(name: string): LinearModule {
    const module = this.#source.linearModules.get(name);
    if (module !== undefined) return module;
    throw new ConfigError(`linear: expected a linear layer of the model, got '${name}'; name one of linearModules`);
  }

  /** Returns a layer whose weight is the model's own. */
  #frozen(name: string): FrozenLayer {
    const { fanInFanOut } = this.#moduleOf(name);
    const weightName = this.#source.weightName(name);
    return {
      forward: (x) => frozenProduct(this.#source, weightName, x, fanInFanOut),
      backward: (y, target) => frozenProduct(this.#source, weightName, y, !fanInFanOut, target),
    };
  }

  /** Computes x Wᵀ without the bias, by the adapter's own function. */
  #product(name: string, x: Tensor, tokens: ChosenTokens | undefined): Tensor {
    const module = this.#moduleOf(name);
    const own = `${name}.weight`;
    const trained = this.trains(own);
    // A tied head keeps the model's own embedding even if the overlay replaces that.
    const weightName = trained ? own : this.#source.weightName(name);
    const weight = (): Tensor => (trained ? this.get(own) : this.#source.parameter(weightName));
    const base = (input = x): Tensor =>
      trained ? differentiable(input, weight(), module.fanInFanOut) : projected(this.#source, weightName, input, module.fanInFanOut);
    const adapter = this.#overlay.adapters.get(name);
    if (adapter === undefined) return base();
    const call = { module, x, base, weight, parameters: adapter.parameters, ...(tokens === undefined ? {} : { tokens }) };
    return this.#adapted(adapter.parameters, () => adapter.forward(call));
  }

  #adapted(parameters: Readonly<Record<string, Tensor>>, forward: () => Tensor): Tensor {
    for (const parameter of Object.values(parameters)) this.#used.add(parameter);
    return forward();
  }
}

/** Computes x Wᵀ, or x W if the weight is stored as [in, out]; differentiable by both. */
function differentiable(x: Tensor, weight: Tensor, fanInFanOut: boolean): Tensor {
  return matMul(x, weight, false, !fanInFanOut);
}

/**
 * Computes x Wᵀ of a frozen weight, or x W if it is stored as [in, out]; differentiable by x alone, for which nothing
 * has to be kept.
 */
export function projected(
  source: Pick<ParameterSource, 'parameter' | 'storedMatrix'>,
  name: string,
  x: Tensor,
  fanInFanOut: boolean,
): Tensor {
  const multiply = customGrad((input) => ({
    value: frozenProduct(source, name, input as Tensor, fanInFanOut),
    gradFunc: (dy: Tensor) => frozenProduct(source, name, dy, !fanInFanOut),
  }));
  return multiply(x);
}

/**
 * Computes x Wᵀ of a frozen weight, or x W if `transposed`; with a target, which BLAS needs, adds it there in place.
 */
function frozenProduct(
  source: Pick<ParameterSource, 'parameter' | 'storedMatrix'>,
  name: string,
  x: Tensor,
  transposed: boolean,
  target?: Tensor,
): Tensor {
  const stored = source.storedMatrix(name);
  if (stored !== undefined) return multiplyStored(x, stored, transposed, target);
  const weight = source.parameter(name);
  if (target === undefined) return matMul(x, weight, false, !transposed);
  multiplyInto(everyColumn(target), everyColumn(x), everyColumn(weight), { transposeB: !transposed, adds: true });
  return target;
}
