/** Samples of prompts during a training. */
import { type CausalLM, type GenerateTextOptions, generateText, type Tokenizer } from '../../models/index.js';

/** Returns the likeliest continuation of a prompt, without its end token. */
export async function completeText(
  model: CausalLM,
  tokenizer: Tokenizer,
  prompt: string,
  options: Pick<GenerateTextOptions, 'maxNewTokens' | 'overlay'>,
): Promise<string> {
  let text = '';
  for await (const piece of generateText(model, tokenizer, prompt, options)) text += piece;
  return text;
}
