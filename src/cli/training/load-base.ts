import { type BackendRequest, tensorAlgebra } from '../../linalg/tensor/index.js';
import { type CausalLM, loadCausalLM, type WeightPlace } from '../../models/index.js';

/** Where a base model computes, and where its weights are kept. */
export interface BaseKeys {
  readonly backend: BackendRequest;
  readonly weights?: WeightPlace | undefined;
}

/**
 * Opens the backend and loads a base model on it. Weights that are to be kept beside the heap make `'auto'` mean wasm.
 */
export async function loadBase(folder: string, { backend, weights }: BaseKeys): Promise<CausalLM> {
  const algebra = await tensorAlgebra({ backend: backend === 'auto' && weights === 'keep' ? 'wasm' : backend });
  return loadCausalLM(folder, { algebra, ...(weights === undefined ? {} : { weights }) });
}
