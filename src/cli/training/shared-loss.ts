/** The validation loss, of which each process computes the part of some rows. */
import { type Communicator, shareOf } from '../../distributed/index.js';
import { type CausalLM, type MeanLoss, type MeanLossOptions, meanLoss, type TokenRow } from '../../models/index.js';
import type { Crew } from '../processes/crew.js';

/** Computes the mean loss over rows that all processes have; all get the same number. */
export async function sharedLoss(
  model: CausalLM,
  rows: readonly TokenRow[],
  options: MeanLossOptions,
  { communicator, all }: Crew,
): Promise<Pick<MeanLoss, 'loss' | 'perplexity'>> {
  if (communicator === undefined) return meanLoss(model, rows, options);
  const { from, to } = shareOf(communicator, rows.length);
  const own = await all(() => meanLoss(model, rows.slice(from, to), options));
  return summed(communicator, own);
}

async function summed(communicator: Communicator, { loss, tokens }: MeanLoss): Promise<Pick<MeanLoss, 'loss' | 'perplexity'>> {
  // The loss of no tokens is not a number.
  const sums = Float64Array.of(tokens === 0 ? 0 : loss * tokens, tokens);
  await communicator.sum(sums);
  const mean = sums[0] / sums[1];
  return { loss: mean, perplexity: Math.exp(mean) };
}
