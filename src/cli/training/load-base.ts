import { type BackendRequest, tensorAlgebra } from '../../linalg/tensor/index.js';
import { type CausalLM, loadCausalLM, type Quantization, type StepSize, type WeightPlace } from '../../models/index.js';
import type { Terminal } from '../terminal.js';

/** Where a base model computes, and how its weights are kept. */
export interface BaseKeys {
  readonly backend: BackendRequest;
  readonly weights?: WeightPlace | undefined;
  readonly quantize?: Quantization | undefined;
}

/**
 * Opens the backend and loads a base model on it. Weights that are to be kept beside the heap, or quantized, make
 * `'auto'` mean wasm.
 *
 * @param terminal - receives what is to be said of the model's config.
 * @param trainingStep - a step for which there shall be room beside the weights, if the model is to be trained.
 */
export async function loadBase(
  folder: string,
  { backend, weights, quantize }: BaseKeys,
  { notice }: Pick<Terminal, 'notice'>,
  trainingStep?: StepSize,
): Promise<CausalLM> {
  const needsWasm = weights === 'keep' || (quantize !== undefined && weights === undefined);
  const algebra = await tensorAlgebra({ backend: backend === 'auto' && needsWasm ? 'wasm' : backend });
  return loadCausalLM(folder, {
    algebra,
    onNotice: notice,
    ...(weights === undefined ? {} : { weights }),
    ...(quantize === undefined ? {} : { quantize }),
    ...(trainingStep === undefined ? {} : { trainingStep }),
  });
}
