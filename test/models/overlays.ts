/** Overlays of random numbers for tests. */
import { add, matMul, mul, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { type Random, seededRandom } from '../../src/core/random.js';
import type { CausalLM, ModelOverlay, ModuleAdapter } from '../../src/models/index.js';

/** Rank of the low-rank adapters. */
const RANK = 3;
/** Factor of their products. */
export const SCALE = 0.5;

function draw(random: Random, shape: readonly number[], size: number): Tensor {
  const length = shape.reduce((product, axis) => product * axis, 1);
  return tensor(
    Float32Array.from({ length }, () => size * random.normal()),
    [...shape],
  );
}

/** s · B A over each layer named, and the parameters named moved a little. */
export function randomOverlay(model: CausalLM, modules: Iterable<string>, parameters: readonly string[], seed: number): ModelOverlay {
  const random = seededRandom(seed);
  const adapters = new Map<string, ModuleAdapter>();
  for (const name of modules) {
    const module = model.linearModules.get(name);
    if (module === undefined) throw new Error(`no layer ${name}`);
    adapters.set(name, {
      parameters: { a: draw(random, [RANK, module.inFeatures], 0.1), b: draw(random, [module.outFeatures, RANK], 0.1) },
      forward: ({ x, base, parameters: { a, b } }) => add(base(), mul(matMul(matMul(x, a, false, true), b, false, true), SCALE)),
    });
  }
  const replaced = parameters.map((name): [string, Tensor] => {
    const own = model.parameter(name);
    const noise = draw(random, own.shape, 0.05);
    const moved = add(own, noise);
    noise.dispose();
    return [name, moved];
  });
  return { adapters, replaced: new Map(replaced) };
}

/** All arrays of an overlay by name. */
export function overlayArrays({ adapters, replaced }: ModelOverlay): Map<string, Tensor> {
  return namedArrays(new Map([...adapters].map(([name, { parameters }]) => [name, parameters])), replaced);
}

/** Adapters' arrays as `module.letter`, with the replaced parameters. */
export function namedArrays(
  adapters: ReadonlyMap<string, Readonly<Record<string, Tensor>>>,
  replaced: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> {
  const all = new Map(replaced);
  for (const [name, parameters] of adapters) {
    for (const [letter, value] of Object.entries(parameters)) all.set(`${name}.${letter}`, value);
  }
  return all;
}
