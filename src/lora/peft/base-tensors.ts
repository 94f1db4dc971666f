/**
 * Weights of the base that PEFT writes beside an adapter: those of embeddings and head, where they are adapted
 * (`base_layer`) or resized, or where it is asked to (`save_embedding_layers`).
 */
import { abs, add, max, mul, sub, type Tensor } from '@tensorflow/tfjs-core';
import { FormatError } from '../../core/errors.js';
import type { StoredDtype } from '../../io/safetensors/dtypes.js';
import type { TensorStore } from '../../io/safetensors/tensor-store.js';
import type { CausalLM } from '../../models/causal-lm.js';
import { HEAD_WEIGHT, storedName } from '../adapter/adapter-layout.js';
import { bareName } from './foreign-names.js';

/**
 * Finds the parameters of the base among the tensors of an adapter.
 *
 * @param stored - names of tensors that the adapter itself has no place for.
 * @returns the stored names, by parameter; names that are no parameters are left out.
 */
export function baseTensors(model: CausalLM, stored: readonly string[]): ReadonlyMap<string, string> {
  const names = [...model.parameters.keys(), ...(model.config.tiedHead ? [HEAD_WEIGHT] : [])];
  const byBareName = new Map(names.map((name) => [bareName(name), name]));
  const whole = new Set([HEAD_WEIGHT, ...[...(model.embeddings?.keys() ?? [])].map((module) => `${module}.weight`)]);
  const found = new Map<string, string>();
  for (const tensor of stored) {
    const bare = bareName(tensor);
    const parameter = byBareName.get(bare.replace(/\.base_layer\.weight$/, '.weight'));
    if (parameter !== undefined && (bare.endsWith('.base_layer.weight') || whole.has(parameter))) found.set(parameter, tensor);
  }
  return found;
}

/** Relative error of numbers that were rounded to a format. */
const ROUNDING: Readonly<Partial<Record<StoredDtype, number>>> = { BF16: 2 ** -8, F16: 2 ** -10 };
/** Error relative to the largest weight, for subnormal numbers, and for a weight from which an adapter was unmerged. */
const OF_LARGEST = 1e-6;

/**
 * Compares weights of the base in an adapter's file with those of the model.
 *
 * @param read - reads a tensor of the file.
 * @returns those that differ by more than the rounding of the file's format, by parameter: they take the place of the
 * model's own, as in PEFT. If the head is tied to the embedding, what stands for one stands for both.
 * @throws FormatError for a weight of another shape.
 */
export async function changedBaseTensors(
  caller: string,
  model: CausalLM,
  store: TensorStore,
  found: ReadonlyMap<string, string>,
  read: (name: string) => Promise<Tensor>,
): Promise<ReadonlyMap<string, Tensor>> {
  const la = model.algebra;
  const changed = new Map<string, Tensor>();
  for (const [parameter, tensor] of found) {
    const shared = storedName(model, parameter);
    const { shape, dtype, file } = store.entries.get(tensor) ?? { shape: [], dtype: 'F32', file: '' };
    const expected = model.parameters.get(shared)?.shape ?? [];
    if (shape.join() !== expected.join()) {
      throw new FormatError(
        `${caller}: ${file}: '${tensor}' is a weight of the base of shape [${shape}], and this model's '${shared}' has [${expected}]; ` +
          'the adapter was trained on a model whose vocabulary was resized: load it onto that one',
      );
    }
    const given = await read(tensor);
    const most = await la.toArray(
      la.tidy(() => {
        const own = model.parameter(shared);
        const size = abs(own);
        const allowed = add(mul(size, ROUNDING[dtype] ?? 0), mul(max(size), OF_LARGEST));
        return max(sub(abs(sub(given, own)), allowed));
      }),
    );
    // NaN is no agreement.
    if (most[0] <= 0) continue;
    changed.set(parameter, given);
  }
  if (!model.config.tiedHead || changed.size === 0) return changed;
  const embedding = storedName(model, HEAD_WEIGHT);
  const [head, rows] = [changed.get(HEAD_WEIGHT), changed.get(embedding)];
  if (head === undefined && rows !== undefined && !found.has(HEAD_WEIGHT)) changed.set(HEAD_WEIGHT, rows);
  if (rows === undefined && head !== undefined && !found.has(embedding)) changed.set(embedding, head);
  return changed;
}
