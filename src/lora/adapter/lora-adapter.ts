/** An adapter on a model: its trained arrays, what it lays over the model, and the part of the base that its start took away. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { ConfigError } from '../../core/errors.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { CausalLM } from '../../models/causal-lm.js';
import type { ModelOverlay } from '../../models/model-overlay.js';
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
import { restoreBase, weightOf, withReducedBase } from './base-weights.js';
import { type DropoutDraw, dropOut } from './dropout.js';
import type { ResolvedLoraConfig } from './lora-config.js';
import { adaptedRowNorms, doraModule, loraModule, rowSquares } from './module-adapters.js';

/** What {@link LoraAdapter.overlay} may be told. */
export interface OverlayOptions {
  /** Other arrays than the adapter's own, as a step of training tries them. */
  readonly point?: AdapterPoint;
  /** In training: which draws of dropout. Without it nothing is dropped. */
  readonly dropout?: DropoutDraw;
}

/** The parts of an adapter that the functions which make one know. */
export interface AdapterOrigin {
  /** The model it lies on. */
  readonly model: CausalLM;
  /** What it is. */
  readonly config: ResolvedLoraConfig;
  /** Which arrays it has. */
  readonly layout: AdapterLayout;
  /** The arrays, owned by the adapter from then on. */
  readonly point: AdapterPoint;
  /** The factors by whose s·AB the base was reduced, where it was: owned by the adapter from then on. */
  readonly taken?: StackPairs;
  /** The method that trains it, where it was told. */
  readonly method?: LoraMethod;
}

/**
 * An adapter on a model. It owns its arrays until `dispose`; the model must live as long.
 *
 * Made by {@link createAdapter} and {@link loadAdapter}.
 */
export class LoraAdapter {
  /** The model it lies on. */
  readonly model: CausalLM;
  /** What it is. */
  readonly config: ResolvedLoraConfig;
  /** Which arrays it has. */
  readonly layout: AdapterLayout;
  /** The method that it was made for; `undefined` for an adapter from a file that was loaded without one. */
  readonly method: LoraMethod | undefined;
  #point: AdapterPoint;
  #taken: StackPairs | undefined;
  readonly #rowSquares = new Map<string, { readonly weight: Tensor; readonly squares: Tensor }>();
  #disposed = false;
  #merged = false;

  constructor({ model, config, layout, point, taken, method }: AdapterOrigin) {
    this.model = model;
    this.config = config;
    this.layout = layout;
    this.#taken = taken;
    this.method = method;
    this.#point = point;
    keepArrays(model.algebra, [point, taken]);
  }

  /** The arrays as they are now: not to be disposed of, and not to be held on to past {@link LoraAdapter.setPoint}. */
  get point(): AdapterPoint {
    this.#checkAlive('point');
    return this.#point;
  }

  /** The factors whose product the base weights were reduced by at the start (OLoRA, PiSSA, LoRA-GA). */
  get taken(): StackPairs | undefined {
    return this.#taken;
  }

  /** Reduces the base by other factors than the start's, as a saved training began: the start's are given back, to rounding. */
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
   * The factors of a stack, A [k, m, r] and B [k, r, n], whatever the coordinates of the geometry. Where these are not the
   * factors themselves, the arrays belong to the scope this is called in.
   *
   * @param key - the stack, as {@link AdapterLayout.stacks} names it.
   */
  pair(key: string): FactorPair<Tensor> {
    return stackPair(this.model.algebra, this.layout, stackArrays(this.point, key));
  }

  /** Takes over other arrays of the same structure, and frees its own. */
  setPoint(point: AdapterPoint): void {
    this.#checkAlive('setPoint');
    if (point === this.#point) return;
    disposeArrays(this.model.algebra, this.#point);
    this.#point = point;
    keepArrays(this.model.algebra, point);
  }

  /**
   * What the adapter lays over its model: for `logits`, `loss`, `generate` and `lossAndGradient`. Its arrays are copies, which belong to the scope it is made in (`tidy`).
   */
  overlay({ point = this.point, dropout }: OverlayOptions = {}): ModelOverlay {
    this.#checkAlive('overlay');
    const { modules, parameters } = takeApart(this.model.algebra, this.layout, point);
    const adapters = pairTargets(this.layout).map((target, stream) => {
      const rate = this.config.dropout;
      const drop = dropout === undefined || rate === 0 ? undefined : (x: Tensor) => dropOut(x, rate, dropout, stream);
      const arrays = arraysOf(modules, target);
      const { magnitude } = arrays;
      if (magnitude === undefined) return [target.module.name, loraModule(arrays, target.scale, drop)] as const;
      return [target.module.name, doraModule({ ...arrays, magnitude }, target.scale, this.rowNorms(target, arrays), drop)] as const;
    });
    return { adapters: new Map(adapters), replaced: parameters };
  }

  /** ‖W + sAB‖ of each row of a module's weight: [m]. */
  rowNorms(target: TargetModule, arrays: ModuleArrays): Tensor {
    const weight = weightOf(this.model, target);
    const known = this.#rowSquares.get(target.module.name);
    // They change with the weight, when the adapter is merged.
    const squares = known?.weight === weight ? known.squares : this.model.algebra.keep(rowSquares(target.module, weight));
    if (known !== undefined && squares !== known.squares) known.squares.dispose();
    this.#rowSquares.set(target.module.name, { weight, squares });
    return adaptedRowNorms(target.module, weight, squares, arrays, target.scale);
  }

  /** Whether the weights hold the adapter already. */
  get merged(): boolean {
    return this.#merged;
  }

  /** Says that the weights hold the adapter already, or no more: {@link mergeAdapter} does. While they do it cannot be laid over them. */
  setMerged(merged: boolean): void {
    this.#merged = merged;
  }

  /** Frees the adapter's arrays, and, unless it is merged, gives the base weights back what the start took. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#taken !== undefined && !this.#merged) restoreBase(this.model, this.layout, this.#taken);
    for (const { squares } of this.#rowSquares.values()) squares.dispose();
    disposeArrays(this.model.algebra, [this.#point, this.#taken]);
  }

  #checkAlive(member: string): void {
    if (this.#disposed) throw new ConfigError(`LoraAdapter.${member}: the adapter has been disposed of; create or load it again`);
    if (this.#merged && member === 'overlay')
      throw new ConfigError('LoraAdapter.overlay: the adapter is merged into the weights; unmerge it first');
  }
}
