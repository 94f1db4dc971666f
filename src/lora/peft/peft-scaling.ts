import { type AdapterScaling, scalingOf } from '../targets/target-modules.js';
import { readPeftConfig } from './read-config.js';

/**
 * Returns rank and scale of an adapter's modules from its adapter_config.json alone, with PEFT's rules for
 * `rank_pattern` and `alpha_pattern`, for programs that read adapters without their model.
 *
 * @param file - the file's path, for messages.
 * @param content - the parsed contents of the file.
 * @returns a function from the name of a module (`'model.layers.0.self_attn.q_proj'`) to its rank, α and scale.
 * @throws FormatError or ConfigError, naming the key, as `loadAdapter` does.
 */
export function peftScaling(file: string, content: unknown): (module: string) => AdapterScaling {
  return scalingOf('peftScaling', readPeftConfig('peftScaling', file, content));
}
