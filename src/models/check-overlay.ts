import { ConfigError, ShapeError } from '../core/errors.js';
import type { CausalLM } from './causal-lm.js';
import type { ModelOverlay } from './model-overlay.js';

/**
 * Requires the model to have every module and parameter of an overlay.
 *
 * @throws ConfigError for a module or parameter that the model lacks, as with an adapter for another model; ShapeError
 * for a replacement of another shape.
 */
export function checkOverlay(
  caller: string,
  model: Pick<CausalLM, 'linearModules' | 'embeddings' | 'parameters' | 'config'>,
  overlay: ModelOverlay | undefined,
): void {
  if (overlay === undefined) return;
  for (const name of overlay.adapters.keys()) {
    if (model.linearModules.has(name) || model.embeddings?.has(name)) continue;
    throw new ConfigError(
      `${caller}: expected adapters at linear layers of this ${model.config.modelType} model, got one at '${name}'; load the base the adapter was made for`,
    );
  }
  const { vocabularySize, hiddenSize } = model.config;
  for (const [name, value] of overlay.replaced) {
    const shape = name === 'lm_head.weight' ? [vocabularySize, hiddenSize] : model.parameters.get(name)?.shape;
    if (shape === undefined) {
      throw new ConfigError(
        `${caller}: expected replacements of this ${model.config.modelType} model's parameters, got '${name}'; see model.parameters`,
      );
    }
    if (shape.join() !== value.shape.join()) {
      const given = `[${value.shape.join(', ')}]`;
      throw new ShapeError(`${caller}: expected [${shape.join(', ')}] in place of '${name}', got ${given}; load the base it was made for`);
    }
  }
}
