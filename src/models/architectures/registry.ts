import type { Architecture } from './architecture.js';
import { gpt2 } from './gpt2.js';
import { llama } from './llama.js';
import { mistral } from './mistral.js';
import { qwen2 } from './qwen2.js';

/**
 * The architectures that the library knows, by their `modelType` in config.json. To add one, write a file beside this
 * one and add a line here.
 */
export const ARCHITECTURES: readonly Architecture[] = [qwen2, llama, mistral, gpt2];
