/** The functions by which LoRA and DoRA replace x Wᵀ. */
import {
  add,
  cast,
  div,
  equal,
  gather,
  matMul,
  maximum,
  mul,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tidy,
  transpose,
} from '@tensorflow/tfjs-core';
import type { CausalLM } from '../../models/causal-lm.js';
import type { AdapterCall, ChosenTokens, EmbeddingCall, LinearModule, ModuleAdapter } from '../../models/model-overlay.js';
import type { ModuleArrays } from './adapter-point.js';

/** Dropout of an adapter's inputs in training; `undefined` for none. */
export type InputDropout = ((x: Tensor, tokens?: ChosenTokens) => Tensor) | undefined;

/**
 * LoRA: y = x Wᵀ + s·(x̃ Bᵀ) Aᵀ, x̃ being x after dropout. It costs 2·tokens·r·(m+n) flops more than the base.
 *
 * @see Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022, equation 3.
 */
export function loraModule(arrays: ModuleArrays, scale: number, dropout: InputDropout): ModuleAdapter {
  return {
    parameters: { A: arrays.A, B: arrays.B },
    forward: (call) => add(call.base(), lowRank(call, dropout?.(call.x, call.tokens) ?? call.x, scale)),
    // As in PEFT, without dropout: there is no x whose entries could be dropped.
    embed: (call) => add(call.rows, lookedUp(call, scale)),
    ...(dropout === undefined ? { lowRank: { A: arrays.A, B: arrays.B, scale } } : {}),
  };
}

/**
 * DoRA: y = c ⊙ (x Wᵀ + s·(x Bᵀ) Aᵀ) with c = magnitude/‖W + sAB‖ by rows; the gradient takes the norm as a constant.
 * With dropout the base product keeps x: y = x Wᵀ + (c − 1) ⊙ x̃ Wᵀ + c ⊙ s·(x̃ Bᵀ) Aᵀ.
 *
 * @param norms - the row norms [m], from {@link adaptedRowNorms}.
 * @see Liu et al., "DoRA: weight-decomposed low-rank adaptation", ICML 2024, equation 5 and section 4.3.
 */
export function doraModule(
  arrays: ModuleArrays & { readonly magnitude: Tensor },
  scale: number,
  norms: Tensor,
  dropout: InputDropout,
): ModuleAdapter {
  return {
    parameters: { A: arrays.A, B: arrays.B, magnitude: arrays.magnitude },
    forward(call) {
      const factor = rowFactors(call.parameters.magnitude, norms);
      if (dropout === undefined) return mul(add(call.base(), lowRank(call, call.x, scale)), factor);
      const seen = dropout(call.x, call.tokens);
      const change = add(mul(call.base(seen), sub(factor, 1)), mul(lowRank(call, seen, scale), factor));
      return add(call.base(), change);
    },
    embed: (call) => mul(add(call.rows, lookedUp(call, scale)), rowFactors(call.parameters.magnitude, norms)),
  };
}

/** Returns magnitude/‖row‖, and 1 for rows of zeros, whose product is zero whatever the factor. */
export function rowFactors(magnitude: Tensor, norms: Tensor): Tensor {
  const zero = cast(equal(norms, 0), 'float32');
  return div(add(mul(magnitude, sub(1, zero)), zero), add(norms, zero));
}

/** Computes s·(x Bᵀ) Aᵀ where x are rows of the identity: those of Bᵀ are looked up. */
function lookedUp({ tokens, parameters: { A, B } }: EmbeddingCall, scale: number): Tensor {
  return matMul(mul(gather(transpose(B), tokens), scale), A, false, true);
}

function lowRank({ parameters: { A, B } }: AdapterCall, x: Tensor, scale: number): Tensor {
  // The narrow product is scaled rather than the wide one.
  return matMul(mul(matMul(x, B, false, true), scale), A, false, true);
}

/**
 * Computes ‖W + sAB‖ of each row without forming the sum: the square is w·w + 2s(WBᵀ)·a + s²(a BBᵀ)·a for rows w of W
 * and a of A.
 *
 * @param squares - the row sums of W², from {@link rowSquares}: the same at every step.
 * @returns [m]. 2·m·n·r flops.
 */
export function adaptedRowNorms(model: CausalLM, module: string, squares: Tensor, { A, B }: ModuleArrays, scale: number): Tensor {
  return tidy(() => {
    const cross = transpose(model.project(module, B));
    const quadratic = matMul(A, matMul(B, B, false, true));
    const change = sum(mul(A, add(mul(cross, 2 * scale), mul(quadratic, scale ** 2))), 1);
    return sqrt(maximum(add(squares, change), 0));
  });
}

/** Returns Σ w² of each row of W: [m]. */
export function rowSquares(module: LinearModule, weight: Tensor): Tensor {
  return tidy(() => sum(square(weight), module.fanInFanOut ? 0 : 1));
}
