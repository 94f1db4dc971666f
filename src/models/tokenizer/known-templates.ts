/** Chat templates of well-known forms, for models that come without one. */
import { ConfigError } from '../../core/errors.js';
import { nearestNames } from '../../core/nearest-names.js';
import { describeValue } from '../../core/options.js';

const ask = (text: string): string => `{% if add_generation_prompt %}{{ '${text}' }}{% endif %}`;
const turns = (turn: string): string => `{% for message in messages %}{{ ${turn} }}{% endfor %}`;

/**
 * Chat templates by name: `chatml` (Qwen and many others), `llama3`, `gemma` and `zephyr`. Each is the source of a
 * Jinja program. A model learns one best whose special tokens its vocabulary has.
 */
export const chatTemplates = {
  /** `<|im_start|>role`, the message, `<|im_end|>`. */
  chatml: turns("'<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n'") + ask('<|im_start|>assistant\\n'),
  /** Llama 3: `<|start_header_id|>role<|end_header_id|>`, the message, `<|eot_id|>`. */
  llama3:
    '{{ bos_token }}' +
    turns("'<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + message.content | trim + '<|eot_id|>'") +
    ask('<|start_header_id|>assistant<|end_header_id|>\\n\\n'),
  /**
   * Gemma: `<start_of_turn>role`, the message, `<end_of_turn>`. It has no turns of the system: an instruction begins
   * the turn that follows it.
   */
  gemma:
    "{{ bos_token }}{% set state = namespace(lead='') %}{% for message in messages %}{% if message.role == 'system' %}{% set state.lead = message.content + '\\n\\n' %}{% else %}" +
    "{{ '<start_of_turn>' + ('model' if message.role == 'assistant' else message.role) + '\\n' + state.lead + message.content | trim + '<end_of_turn>\\n' }}{% set state.lead = '' %}{% endif %}{% endfor %}" +
    ask('<start_of_turn>model\\n'),
  /** Zephyr: `<|role|>`, the message, the end token. */
  zephyr: turns("'<|' + message.role + '|>\\n' + message.content + eos_token + '\\n'") + ask('<|assistant|>\\n'),
} as const;

/** Returns true for a text that can be a template: one that writes or does anything. */
function isTemplateSource(text: string): boolean {
  return /\{[{%]/.test(text);
}

/**
 * Returns the source of a template that is given by its name or its source.
 *
 * @throws ConfigError for a text that is neither.
 */
export function templateSource(caller: string, option: string, given: unknown): string {
  if (typeof given === 'string' && Object.hasOwn(chatTemplates, given)) return chatTemplates[given as keyof typeof chatTemplates];
  if (typeof given === 'string' && isTemplateSource(given)) return given;
  const names = Object.keys(chatTemplates);
  const [nearest] = typeof given === 'string' ? nearestNames(given, names, 1) : [];
  throw new ConfigError(
    `${caller}: ${option} must be the source of a Jinja template or one of ${names.join(', ')}, got ${describeValue(given)}; ${nearest === undefined ? 'pass the text of the template itself' : `did you mean '${nearest}'?`}`,
  );
}
