import type { Tensor } from '@tensorflow/tfjs-core';
import { ConfigError } from '../../core/errors.js';
import { declareOptions, option } from '../../core/options.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { CausalLM } from '../../models/causal-lm.js';
import type { ChosenTokens, ModelOverlay } from '../../models/model-overlay.js';
import type { LoraMethod } from '../methods/lora-method.js';
import type { TargetModule } from '../targets/target-modules.js';
import { type AdapterLayout, pairTargets } from './adapter-layout.js';
import {
  type AdapterPoint,
  arraysOf,
  disposeArrays,
  keepArrays,
  type ModuleArrays,
  type StackPairs,
  stackArrays,
  stackPair,
  takeApart,
} from './adapter-point.js';
import { restoreBase, weightName, weightOf, withReducedBase } from './base-weights.js';
import { type DropoutDraw, dropOut } from './dropout.js';
import type { ResolvedLoraConfig } from './lora-config.js';
import { adaptedRowNorms, doraModule, loraModule, rowSquares } from './module-adapters.js';

/** Options of {@link LoraAdapter.overlay}. */
export interface OverlayOptions {
  /** Arrays to use instead of the adapter's own, as a step of training tries them. Default: those. */
  readonly point?: AdapterPoint;
  /** The dropout masks, in training. Default: no dropout. */
  readonly dropout?: DropoutDraw;
}

const overlayOptions = declareOptions<OverlayOptions>()({ point: option({ optional: true }), dropout: option({ optional: true }) });

/** Parts from which an adapter is constructed. */
export interface AdapterOrigin {
  /** The model that it adapts. */
  readonly model: CausalLM;
  /** Its configuration. */
  readonly config: ResolvedLoraConfig;
  /** Layout of its arrays. */
  readonly layout: AdapterLayout;
  /** The trained arrays; the adapter takes ownership. */
  readonly point: AdapterPoint;
  /** The factors whose s·AB was subtracted from the base, if any; the adapter takes ownership. */
  readonly taken?: StackPairs;
  /** The method that trains it, if given. */
  readonly method?: LoraMethod;
  /** Weights in the place of the model's own, by parameter, not trained; the adapter takes ownership. Default: none. */
  readonly frozen?: ReadonlyMap<string, Tensor>;
}

/**
 * An adapter on a model. It owns its arrays until `dispose`; the model must live as long.
 *
 * Made by {@link createAdapter} and {@link loadAdapter}.
 */
export class LoraAdapter {
  /** The model that it adapts. */
  readonly model: CausalLM;
  /** Its configuration. */
  readonly config: ResolvedLoraConfig;
  /** Layout of its arrays. */
  readonly layout: AdapterLayout;
  /** The method that it was created for; `undefined` for an adapter loaded from a file without one. */
  readonly method: LoraMethod | undefined;
  /**
   * Weights of the base that the adapter brings in the place of the model's own, by parameter. They are not trained.
   */
  readonly frozen: ReadonlyMap<string, Tensor>;
  #point: AdapterPoint;
  #taken: StackPairs | undefined;
  readonly #rowSquares = new Map<string, { readonly holder: object; readonly squares: Tensor }>();
  #disposed = false;
  #merged = false;

  constructor({ model, config, layout, point, taken, method, frozen = new Map() }: AdapterOrigin) {
    this.model = model;
    this.config = config;
    this.layout = layout;
    this.#taken = taken;
    this.method = method;
    this.#point = point;
    this.frozen = frozen;
    keepArrays(model.algebra, [point, taken, ...frozen.values()]);
  }

  /** The current arrays. Do not dispose of them, nor keep them past {@link LoraAdapter.setPoint}. */
  get point(): AdapterPoint {
    this.#checkAlive('point');
    return this.#point;
  }

  /** The factors whose product the start subtracted from the base weights (OLoRA, PiSSA, LoRA-GA). */
  get taken(): StackPairs | undefined {
    return this.#taken;
  }

  /**
   * Reduces the base by the given factors instead of the start's, to restore a saved training run. The start's product
   * is added back, to rounding.
   */
  retake(taken: StackPairs): void {
    this.#checkAlive('retake');
    const { algebra } = this.model;
    if (this.#taken !== undefined) {
      restoreBase(this.model, this.layout, this.#taken);
      disposeArrays(algebra, this.#taken);
      this.#taken = undefined;
    }
    withReducedBase(this.model, this.layout, taken, () => {
      this.#taken = taken;
      keepArrays(algebra, taken);
    });
  }

  /**
   * Returns the factors of a stack, A [k, m, r] and B [k, r, n], whatever the coordinates of the geometry. If these are
   * not the factors themselves, the arrays belong to the current scope.
   *
   * @param key - the stack, as {@link AdapterLayout.stacks} names it.
   */
  pair(key: string): FactorPair<Tensor> {
    return stackPair(this.model.algebra, this.layout, stackArrays(this.point, key));
  }

  /** Replaces the arrays by others of the same structure, takes ownership of them, and frees the old ones. */
  setPoint(point: AdapterPoint): void {
    this.#checkAlive('setPoint');
    if (point === this.#point) return;
    disposeArrays(this.model.algebra, this.#point);
    this.#point = point;
    keepArrays(this.model.algebra, point);
  }

  /**
   * Returns the overlay for the model's `logits`, `loss`, `generate` and `lossAndGradient`. Its arrays are copies,
   * which belong to the current scope (`tidy`).
   */
  overlay(options: OverlayOptions = {}): ModelOverlay {
    const { point = this.point, dropout } = overlayOptions.read('overlay', options);
    this.#checkAlive('overlay');
    const { modules, parameters } = takeApart(this.model.algebra, this.layout, point);
    const adapters = pairTargets(this.layout).map((target, stream) => {
      const rate = this.config.dropout;
      const drop =
        dropout === undefined || rate === 0 ? undefined : (x: Tensor, tokens?: ChosenTokens) => dropOut(x, rate, dropout, stream, tokens);
      const arrays = arraysOf(modules, target);
      const { magnitude } = arrays;
      if (magnitude === undefined) return [target.module.name, loraModule(arrays, target.scale, drop)] as const;
      return [target.module.name, doraModule({ ...arrays, magnitude }, target.scale, this.rowNorms(target, arrays), drop)] as const;
    });
    return { adapters: new Map(adapters), replaced: new Map([...this.frozen, ...parameters]) };
  }

  /** Returns ‖W + sAB‖ of each row of a module's weight: [m]. */
  rowNorms(target: TargetModule, arrays: ModuleArrays): Tensor {
    const { model } = this;
    const { name } = target.module;
    const holder = model.holderOf(weightName(model, name));
    const known = this.#rowSquares.get(name);
    // The squares change with the weight, when the adapter is merged.
    const squares =
      known?.holder === holder
        ? known.squares
        : model.algebra.keep(model.algebra.tidy(() => rowSquares(target.module, weightOf(model, target))));
    if (known !== undefined && squares !== known.squares) known.squares.dispose();
    this.#rowSquares.set(name, { holder, squares });
    return adaptedRowNorms(model, name, squares, arrays, target.scale);
  }

  /** True if the adapter is merged into the weights. */
  get merged(): boolean {
    return this.#merged;
  }

  /**
   * Marks the adapter as merged into the weights, or not; {@link mergeAdapter} calls this. A merged adapter makes no
   * overlay.
   */
  setMerged(merged: boolean): void {
    this.#merged = merged;
  }

  /** Frees the adapter's arrays and, unless it is merged, restores the base weights that the start reduced. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#taken !== undefined && !this.#merged) restoreBase(this.model, this.layout, this.#taken);
    for (const { squares } of this.#rowSquares.values()) squares.dispose();
    disposeArrays(this.model.algebra, [this.#point, this.#taken, ...this.frozen.values()]);
  }

  #checkAlive(member: string): void {
    if (this.#disposed) throw new ConfigError(`LoraAdapter.${member}: the adapter has been disposed of; create or load it again`);
    if (this.#merged && member === 'overlay')
      throw new ConfigError('LoraAdapter.overlay: the adapter is merged into the weights; unmerge it first');
  }
}
