/**
 * Cross-entropy of next-token prediction. For logits z and label y of one token,
 *
 *     loss = log Σ_v exp z_v − z_y,        ∂loss/∂z = softmax(z) − onehot(y).
 *
 * TensorFlow.js differentiates a log-sum-exp through its maximum, by comparing all logits with it. Here the softmax is
 * computed once, by a single kernel of the backend, and serves both: its largest entry is 1/Σ exp(z_v − max z), so log
 * Σ exp z_v = max z − log(max softmax(z)), where nothing underflows.
 *
 * Label −100 marks a token that does not count, as in PyTorch's `CrossEntropyLoss`.
 */
import {
  add,
  cast,
  customGrad,
  div,
  equal,
  fill,
  gather,
  greaterEqual,
  less,
  log,
  logicalAnd,
  max,
  mul,
  notEqual,
  oneHot,
  range,
  reshape,
  softmax,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  tidy,
  util,
  where,
  zerosLike,
} from '@tensorflow/tfjs-core';
import { ShapeError } from '../core/errors.js';
import { runFusedKernel } from '../linalg/tensor/fused-kernel.js';
import { crossEntropyKernel } from './wasm/cross-entropy-kernel.js';

/** Options of {@link tokenCrossEntropy}. */
export interface TokenCrossEntropyOptions {
  /** Label of the tokens whose loss and gradient are zero. Default: −100. */
  readonly ignoredLabel?: number;
  /** Factor of each token's loss, of the labels' shape: a 0/1 mask, or weights. Constant to differentiation. */
  readonly weights?: Tensor;
}

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions extends TokenCrossEntropyOptions {
  /** Divisor of the sum of the losses. Default: the sum of the weights of the tokens that count. */
  readonly denominator?: number;
}

/** The label that is ignored by default. */
export const DEFAULT_IGNORED_LABEL = -100;

/**
 * Computes the loss of each token. Costs one softmax, two maxima and a gather over the logits; the gradient costs three
 * elementwise operations.
 *
 * @param logits - [..., vocabulary], float32.
 * @param labels - [...], int32. A label that is neither ignored nor in the vocabulary makes its loss NaN.
 * @returns [...]: weight · loss, zero where ignored. Differentiable by the logits.
 * @throws ShapeError if the shapes do not match, or there are 2³¹ logits or more.
 */
export function tokenCrossEntropy(logits: Tensor, labels: Tensor, options: TokenCrossEntropyOptions = {}): Tensor {
  const { ignoredLabel = DEFAULT_IGNORED_LABEL, weights } = options;
  checkShapes(logits, labels, weights);
  const vocabulary = logits.shape[logits.rank - 1];
  const tokens = labels.size;
  const losses = customGrad((input, save) => {
    const flat = reshape(input as Tensor, [tokens, vocabulary]);
    const { indices, factors } = selectLabels(labels, weights, vocabulary, ignoredLabel);
    const probabilities = softmax(flat);
    const logSumExp = sub(max(flat, 1), log(max(probabilities, 1)));
    const starts = range(0, tokens * vocabulary, vocabulary, 'int32');
    const chosen = gather(reshape(flat, [-1]), add(starts, indices) as Tensor1D);
    // A product alone is not enough: an ignored token may have an infinite loss.
    const value = where(equal(factors, 0), zerosLike(factors), mul(sub(logSumExp, chosen), factors));
    (save as (tensors: Tensor[]) => void)([probabilities, indices, factors]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor =>
      tidy(() => {
        const scale = reshape(mul(reshape(dy, [tokens]), saved[2]), [tokens, 1]);
        return reshape(mul(sub(saved[0], oneHot(saved[1] as Tensor1D, vocabulary)), scale), logits.shape);
      });
    return { value: reshape(value, labels.shape), gradFunc };
  });
  return losses(logits);
}

/**
 * Computes the mean loss over the tokens that count: Σ weight · loss / Σ weight, or Σ weight · loss / denominator.
 *
 * Gradient accumulation over micro-batches passes the number of tokens of the whole step as denominator; a mean of
 * means would give more weight to tokens of short micro-batches.
 *
 * @param logits - [..., vocabulary], float32.
 * @param labels - [...], int32.
 * @returns a scalar, which is 0, not NaN, if no token counts. Differentiable by the logits.
 * @throws ShapeError as {@link tokenCrossEntropy}.
 */
export function crossEntropy(logits: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor {
  return tidy(() => {
    const total = sum(tokenCrossEntropy(logits, labels, options));
    if (options.denominator !== undefined) return div(total, options.denominator);
    const counted = cast(notEqual(labels, options.ignoredLabel ?? DEFAULT_IGNORED_LABEL), 'float32');
    const denominator = sum(options.weights === undefined ? counted : mul(counted, options.weights));
    // If the weights sum to zero, so does the loss; any denominator but zero will do.
    return div(total, where(equal(denominator, 0), 1, denominator));
  });
}

/** Result of {@link crossEntropyWithGradient}. */
export interface CrossEntropyWithGradient {
  /** Sum of the losses, a scalar. */
  readonly loss: Tensor;
  /** factor · ∂(Σ losses)/∂logits, of the logits' shape. */
  readonly gradient: Tensor;
}

/**
 * Computes the sum of the losses and its gradient, for heads computed in chunks. The result is not differentiable.
 *
 * @param logits - [tokens, vocabulary], float32.
 * @param labels - [tokens], int32, all in the vocabulary.
 * @param factor - multiplies the gradient.
 * @returns two new tensors.
 */
export function crossEntropyWithGradient(logits: Tensor, labels: Tensor1D, factor: number): CrossEntropyWithGradient {
  const fused = runFusedKernel(crossEntropyKernel, { logits, labels }, { factor });
  if (fused !== undefined) return { loss: fused[0], gradient: fused[1] };
  const [tokens, vocabulary] = logits.shape;
  return tidy(() => {
    const probabilities = softmax(logits);
    const logSumExp = sub(max(logits, 1), log(max(probabilities, 1)));
    const chosen = gather(reshape(logits, [-1]), add(range(0, tokens * vocabulary, vocabulary, 'int32'), labels) as Tensor1D);
    return { loss: sum(sub(logSumExp, chosen)), gradient: mul(sub(probabilities, oneHot(labels, vocabulary)), factor) };
  });
}

/** Returns an index inside the vocabulary for each token, and the factor of its loss. */
function selectLabels(
  labels: Tensor,
  weights: Tensor | undefined,
  vocabulary: number,
  ignoredLabel: number,
): { indices: Tensor; factors: Tensor } {
  const flat = reshape(labels, [labels.size]);
  const inside = logicalAnd(greaterEqual(flat, 0), less(flat, vocabulary));
  const indices = where(inside, flat, zerosLike(flat));
  const factors = weights === undefined ? fill([labels.size], 1) : reshape(weights, [labels.size]);
  // Reading labels back to throw would stall a device; a loss of NaN shows up where the loss is read.
  const valid = where(inside, factors, fill([labels.size], Number.NaN));
  return { indices, factors: where(equal(flat, ignoredLabel), zerosLike(factors), valid) };
}

function checkShapes(logits: Tensor, labels: Tensor, weights: Tensor | undefined): void {
  if (!util.arraysEqual(logits.shape.slice(0, -1), labels.shape) || logits.rank === 0) {
    const given = `logits [${logits.shape.join(', ')}] and labels [${labels.shape.join(', ')}]`;
    throw new ShapeError(`crossEntropy: expected logits [..., vocabulary] and labels [...], got ${given}; drop or add an axis`);
  }
  if (weights !== undefined && !util.arraysEqual(weights.shape, labels.shape)) {
    const given = `[${weights.shape.join(', ')}] and [${labels.shape.join(', ')}]`;
    throw new ShapeError(`crossEntropy: expected weights of the labels' shape, got ${given}; reshape or broadcast the weights`);
  }
  if (logits.size >= 2 ** 31) {
    throw new ShapeError(`crossEntropy: expected fewer than 2³¹ logits, got ${logits.size}; split the tokens and add the sums`);
  }
}
