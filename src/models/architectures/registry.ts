import type { Architecture } from './architecture.js';
import { gemma3, gemma3Text } from './gemma3.js';
import { gpt2 } from './gpt2.js';
import { llama } from './llama.js';
import { mistral } from './mistral.js';
import { olmo2 } from './olmo2.js';
import { phi3 } from './phi3.js';
import { qwen2 } from './qwen2.js';
import { qwen3 } from './qwen3.js';
import { smollm3 } from './smollm3.js';

/**
 * The architectures that the library knows, by their `modelType` in config.json. To add one, write a file beside this
 * one and add a line here.
 */
export const ARCHITECTURES: readonly Architecture[] = [qwen2, qwen3, llama, mistral, gemma3Text, gemma3, phi3, smollm3, olmo2, gpt2];
