/** Every entry, compiled against the published declarations: their own types are complete. */
import * as bures from 'bures';
import * as autodiff from 'bures/autodiff';
import * as diagnostics from 'bures/diagnostics';
import * as distributed from 'bures/distributed';
import * as io from 'bures/io';
import * as lora from 'bures/lora';
import * as models from 'bures/models';
import * as problems from 'bures/problems';
import * as tensor from 'bures/tensor';

export const entries = { bures, autodiff, diagnostics, distributed, io, lora, models, problems, tensor };

/** What a program on a device writes, type-checked only: it needs TensorFlow.js to run. */
export async function onDevice(): Promise<number> {
  const algebra = await tensor.tensorAlgebra({ backend: 'wasm' });
  const manifold = bures.balancedFactors({ m: 6, n: 5, rank: 2, algebra });
  const { A } = manifold.randomPoint(bures.seededRandom(1));
  const entriesOfA = await A.data();
  A.dispose();
  return (await algebra.norm(algebra.fromArray(Array.from(entriesOfA, Number), A.shape))) + A.size;
}

/** A signal without the types of a page or of Node.js. */
export const spectrumOptions: diagnostics.HessianSpectrumOptions = { signal: { aborted: false } };
