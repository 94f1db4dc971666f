import { NumericalError } from '../core/errors.js';
import type { CausalLM } from './causal-lm.js';

/**
 * Returns the error for a loss or for logits that are not finite. It looks through all weights of the model, which
 * costs a pass over them, and so is called only once there is an error.
 *
 * @param problem - the caller and the problem, such as `eval: the loss is NaN`.
 * @param otherwise - what to do if all weights are finite.
 * @returns an error that names the first weight that holds a number that is not finite, and the file it was read from.
 */
export async function nonFiniteError(problem: string, model: CausalLM, otherwise: string): Promise<NumericalError> {
  for (const [name, { file, shape }] of model.parameters) {
    const values = await model.algebra.tidy(() => model.algebra.toArray(model.parameter(name)));
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at < 0) continue;
    const where = file === undefined ? 'of the base model' : `of the base model, in ${file},`;
    return new NumericalError(
      `${problem}: the weight '${name}' [${shape.join(', ')}] ${where} holds ${values[at]} (entry ${at}), so nothing can be computed with it; fetch the file again, or take another base model`,
    );
  }
  return new NumericalError(`${problem}, though all weights of the base model are finite; ${otherwise}`);
}
