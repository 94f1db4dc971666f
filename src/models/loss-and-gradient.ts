/**
 * The derivative of the loss: forward block by block, then a vector–Jacobian product of each block from last to first.
 */
import { type Tensor, tensor1d, tidy } from '@tensorflow/tfjs-core';
import { type Recording, record } from '../nn/record.js';
import type { Decoder } from './architectures/architecture.js';
import { GradientSum } from './gradient-sum.js';
import { headGradient, type LabelledRows } from './head-loss.js';
import type { ParameterScope } from './parameter-scope.js';
import { sequenceOf } from './sequence.js';
import type { TokenBatch } from './token-batch.js';

/** Arguments of {@link lossAndGradient}. */
export interface BackwardTask {
  readonly decoder: Decoder;
  readonly scope: ParameterScope;
  readonly batch: TokenBatch;
  readonly labelled: LabelledRows;
  readonly denominator: number;
  /** True if blocks are computed again on the backward pass. */
  readonly recompute: boolean;
}

/** A stage of the forward pass: the embedding, or a block. */
interface Stage {
  /** Its input; `undefined` for the embedding, whose input is tokens. */
  readonly input: Tensor | undefined;
  /** Computes it (again). */
  readonly compute: () => Tensor;
  /** Record of its operations; without it the stage is computed again. */
  readonly recording: Recording | undefined;
  /** The overlay's arrays that it used. */
  readonly used: readonly Tensor[];
}

/** The losses as scalars and the derivatives, all new tensors. */
export interface BackwardResult {
  readonly losses: readonly Tensor[];
  readonly gradients: GradientSum;
}

/** Computes losses and derivatives. Must run in a `tidy`, which then owns them: what it does not return is freed. */
export function lossAndGradient(task: BackwardTask): BackwardResult {
  const { decoder, scope, labelled, denominator } = task;
  const gradients = new GradientSum();
  const stages: Stage[] = [];
  try {
    const hidden = forward(task, stages);
    const head = headGradient(decoder, scope, hidden, labelled, denominator, gradients);
    hidden.dispose();
    backward(stages, head.hidden, gradients);
    return { losses: head.losses, gradients };
  } finally {
    for (const { recording } of stages) recording?.dispose();
  }
}

function forward({ decoder, scope, batch, recompute }: BackwardTask, stages: Stage[]): Tensor {
  const sequence = sequenceOf(batch);
  const context = decoder.prepare(sequence);
  const tokens = tensor1d(batch.inputIds, 'int32');
  const { layers } = decoder.config;
  const run = (input: Tensor | undefined, compute: () => Tensor, recorded: boolean): Tensor => {
    const recording = recorded ? record(compute) : undefined;
    const value = recording?.value ?? tidy(compute);
    stages.push({ input, compute, recording, used: scope.takeUsed() });
    return value;
  };
  let x = run(undefined, () => decoder.embed(scope, tokens, sequence), true);
  for (let layer = 0; layer < layers; layer++) {
    const input = x;
    // The last block is the first of the backward pass, and would be computed twice in a row.
    x = run(input, () => decoder.block(scope, layer, input, context), !recompute || layer === layers - 1);
  }
  return x;
}

/** Runs backward to the lowest stage below which nothing is trained. */
function backward(stages: Stage[], upstream: Tensor, gradients: GradientSum): void {
  const lowest = stages.findIndex(({ used }) => used.length > 0);
  let dy = upstream;
  for (let index = stages.length - 1; index >= Math.max(lowest, 0) && lowest >= 0; index--) {
    const { input, compute, recording = record(compute), used } = stages[index];
    const inputs = input === undefined || index === lowest ? [] : [input];
    const results = recording.pullback(dy, [...inputs, ...used]);
    gradients.add(used, results.slice(inputs.length));
    if (recording !== stages[index].recording) recording.value.dispose();
    dy.dispose();
    input?.dispose();
    const [next] = results;
    if (inputs.length === 0 || next === undefined) return;
    dy = next;
  }
}
