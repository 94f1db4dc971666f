/**
 * Rotary position embedding (Su et al. 2021, eq. 34), in the layout of GPT-NeoX, Llama and Qwen2, which pairs entry j
 * of a head with entry j + d/2. At position t with frequencies ω_j,
 *
 *     y_j = x_j cos tω_j − x_{j+d/2} sin tω_j,      y_{j+d/2} = x_{j+d/2} cos tω_j + x_j sin tω_j.
 *
 * The gradient is the rotation by the opposite angle. With P the exchange of the two halves, y = C ∘ x + S ∘ P x and ∂x
 * = C ∘ ȳ − S ∘ P ȳ: one function with a sign serves both, and keeps nothing of x for the way back.
 */
import { add, concat, customGrad, mul, reshape, slice, sub, type Tensor, tensor2d, tidy } from '@tensorflow/tfjs-core';
import { ConfigError, ShapeError } from '../core/errors.js';
import { runHeapKernel } from '../linalg/tensor/fused-kernel.js';
import { ropeKernel } from './wasm/rope-kernel.js';

/** Tables of cosines and sines for a range of positions. */
export interface RotaryTables {
  /** C, [tokens, headSize]: cos tω_j, for both halves. */
  readonly cos: Tensor;
  /** S, [tokens, headSize]: −sin tω_j in the first half, sin tω_j in the second. */
  readonly sin: Tensor;
}

/** Options of {@link rotaryTables}. */
export interface RotaryTableOptions {
  /** The position of each token; or the number of positions, counted from 0. */
  readonly tokens: number | Int32Array;
  /** Length of a head; even. */
  readonly headSize: number;
  /** Base of the frequencies ω_j = base^(−2j/headSize). Default: 10,000. */
  readonly base?: number;
  /** The frequencies ω_j themselves, headSize/2 of them, for models that scale them. They replace `base`. */
  readonly frequencies?: readonly number[];
  /** Factor of cosines and sines, and so of what is rotated (YaRN's attention factor). Default: 1. */
  readonly factor?: number;
}

/** The base of the original paper and of Llama 2. */
export const DEFAULT_ROTARY_BASE = 10_000;

/**
 * Computes the tables of {@link rope} in float64: at position 10⁵ a float32 angle has three digits.
 *
 * @returns two new tensors, which the caller disposes.
 * @throws ConfigError if the head's size is odd or the number of frequencies is not half of it.
 */
export function rotaryTables(options: RotaryTableOptions): RotaryTables {
  const { headSize, base = DEFAULT_ROTARY_BASE, factor = 1 } = options;
  const [tokens, positions] = typeof options.tokens === 'number' ? [options.tokens] : [options.tokens.length, options.tokens];
  const half = headSize / 2;
  if (!Number.isInteger(half) || half < 1) {
    throw new ConfigError(`rotaryTables: expected an even headSize, got ${headSize}; take the length of one head, not of all`);
  }
  const frequencies = options.frequencies ?? Array.from({ length: half }, (_, j) => base ** (-j / half));
  if (frequencies.length !== half) {
    throw new ConfigError(`rotaryTables: expected ${half} frequencies, got ${frequencies.length}; give headSize/2 of them`);
  }
  const cosines = new Float32Array(tokens * headSize);
  const sines = new Float32Array(tokens * headSize);
  for (let token = 0; token < tokens; token++) {
    for (let j = 0; j < half; j++) {
      const angle = (positions?.[token] ?? token) * frequencies[j];
      const first = token * headSize + j;
      cosines[first] = factor * Math.cos(angle);
      cosines[first + half] = cosines[first];
      sines[first + half] = factor * Math.sin(angle);
      sines[first] = -sines[first + half];
    }
  }
  return { cos: tensor2d(cosines, [tokens, headSize]), sin: tensor2d(sines, [tokens, headSize]) };
}

/** Options of {@link rope}. */
export interface RopeOptions {
  /**
   * Number of heads side by side in a row of x [..., tokens, heads · headSize], as a projection returns it. Default: 1.
   */
  readonly heads?: number;
  /**
   * Length of a head, where the tables are narrower than that: entries past theirs are not rotated. Default: the
   * tables' width.
   */
  readonly headSize?: number;
}

/**
 * Rotates the heads of queries or keys by their positions.
 *
 * @param x - [..., tokens, headSize], or [..., tokens, heads · headSize] with the option `heads`; float32.
 * @param tables - for all tokens, or for a part of them that is then repeated, as for texts of one length stacked in x.
 * Constant to differentiation.
 * @returns an array of x's shape, differentiable by x. Takes six passes each way, one on wasm.
 * @throws ShapeError if the tables are of another size.
 */
export function rope(x: Tensor, tables: RotaryTables, options: RopeOptions = {}): Tensor {
  const { heads = 1, headSize = tables.cos.shape.slice(-1)[0] } = options;
  if (headSize > tables.cos.shape.slice(-1)[0]) return partlyRotated(x, tables, heads, headSize);
  const [tokens, width] = x.shape.slice(-2);
  const fits = ({ shape }: Tensor): boolean => tokens % shape[0] === 0 && shape.slice(-1)[0] * heads === width;
  if (x.rank < 2 || !fits(tables.cos) || !fits(tables.sin)) {
    const given = `[${x.shape.join(', ')}] and [${tables.cos.shape.join(', ')}]`;
    throw new ShapeError(
      `rope: expected x [..., tokens, ${heads === 1 ? '' : `${heads} · `}headSize] and tables [tokens, headSize], got ${given}; make tables for x`,
    );
  }
  const rotate = customGrad((values) => ({
    value: rotated(values as Tensor, tables, heads, 1),
    gradFunc: (dy: Tensor) => tidy(() => rotated(dy, tables, heads, -1)),
  }));
  return rotate(x);
}

/** Rotates the first entries of each head, as many as the tables have, and joins the others to them again. */
function partlyRotated(x: Tensor, tables: RotaryTables, heads: number, headSize: number): Tensor {
  const width = tables.cos.shape.slice(-1)[0];
  const leading = x.shape.slice(0, -1);
  if (x.shape.slice(-1)[0] !== heads * headSize) {
    throw new ShapeError(
      `rope: expected x [..., tokens, ${heads} · ${headSize}], got [${x.shape.join(', ')}]; give the length of one head`,
    );
  }
  const byHead = reshape(x, [-1, headSize]);
  const turned = rope(reshape(slice(byHead, [0, 0], [-1, width]), [...leading, heads * width]), tables, { heads });
  return reshape(concat([reshape(turned, [-1, width]), slice(byHead, [0, width], [-1, headSize - width])], 1), x.shape);
}

function rotated(x: Tensor, { cos, sin }: RotaryTables, heads: number, sign: 1 | -1): Tensor {
  const fused = runHeapKernel(ropeKernel, { x, cos, sin }, { sign, heads });
  if (fused !== undefined) return fused[0];
  const [tokens, headSize] = cos.shape;
  const half = headSize / 2;
  const flat = reshape(x, [-1, tokens, heads, headSize]);
  const [cosines, sines] = [reshape(cos, [tokens, 1, headSize]), reshape(sin, [tokens, 1, headSize])];
  const first = slice(flat, [0, 0, 0, 0], [-1, -1, -1, half]);
  const second = slice(flat, [0, 0, 0, half], [-1, -1, -1, half]);
  return reshape((sign === 1 ? add : sub)(mul(flat, cosines), mul(concat([second, first], 3), sines)), x.shape);
}
