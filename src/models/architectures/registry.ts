/** The architectures that the library knows. A new one is a file beside this one and a line here. */
import type { Architecture } from './architecture.js';
import { gpt2 } from './gpt2.js';
import { llama } from './llama.js';
import { mistral } from './mistral.js';
import { qwen2 } from './qwen2.js';

/** Their `modelType` names them in config.json. */
export const ARCHITECTURES: readonly Architecture[] = [qwen2, llama, mistral, gpt2];
