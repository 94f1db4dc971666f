/** Samples of prompts during a training. */
import type { CausalLM, ModelOverlay, Tokenizer } from '../../models/index.js';

/** Options of {@link completeText}. */
export interface SampleOptions {
  readonly maxNewTokens: number;
  readonly overlay?: ModelOverlay;
}

/** Returns the likeliest continuation of a prompt, without its end token. */
export async function completeText(model: CausalLM, tokenizer: Tokenizer, prompt: string, options: SampleOptions): Promise<string> {
  const ids: number[] = [];
  for await (const id of model.generate(tokenizer.encode(prompt), { ...options, stopTokens: tokenizer.endIds })) ids.push(id);
  return tokenizer.decode(ids.filter((id) => !tokenizer.endIds.includes(id)));
}
