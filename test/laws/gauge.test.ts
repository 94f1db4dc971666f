/**
 * The gauge law of LoRA methods. The factors (AR, R⁻¹B) have the product AB for every invertible R, and a method's
 * trajectory of products is the same from all of them, or from those with R in a smaller group only. The law names for
 * every method the largest of GL(r), O(r), signed permutations and the identity under which its trajectories agree to
 * rounding, and asserts that they do not under the next larger one.
 */
import { describe, expect, it } from 'vitest';
import { balancedProjection, hostAlgebra } from '../../src/index.js';
import {
  balora,
  type LoraMethod,
  lora,
  loraMethods,
  loraProDirection,
  loro,
  momentumDirection,
  muonDirection,
  reflora,
  riteDirection,
  scaled,
  sgdDirection,
} from '../../src/lora/index.js';
import { type GaugeGroup, gaugeGroups, largestDistance, type Pair, trajectory } from './gauge-trajectories.js';

/**
 * The group of every method, with its defaults. The starts that tell some of them apart do not matter here. AdamW on
 * the factors sees signed permutations only, whatever metric or preconditioner comes before it (`scaled`, `reflora`). A
 * method that is added states its group here.
 */
const groups: Readonly<Record<string, GaugeGroup>> = {
  lora: 'signed permutations',
  rslora: 'signed permutations',
  'lora+': 'signed permutations',
  olora: 'signed permutations',
  pissa: 'signed permutations',
  scaled: 'signed permutations',
  dora: 'signed permutations',
  'lora-ga': 'signed permutations',
  reflora: 'signed permutations',
  // From an unbalanced start the first step is AdamW's on that pair. From balanced ones: see below.
  balora: 'signed permutations',
  // The part of its step that leaves the velocity of AB alone depends on the gauge, at second order of the rate.
  'lora-pro': 'O(r)',
  'lora-rite': 'GL(r)',
  'lora-muon': 'GL(r)',
  loro: 'signed permutations',
  // U, S and V come from QR factors, whose bases a permutation turns.
  stella: 'identity',
};

const la = hostAlgebra({ blas: 'off' });
const balanced = (pair: Pair): Pair => {
  const { A, B } = balancedProjection(la, pair);
  return { A, B };
};

/** Combinations in which the geometry, the moments or the direction decide. */
const combinations: readonly (readonly [string, LoraMethod, GaugeGroup])[] = [
  ['lora with descent', { ...lora(), direction: sgdDirection }, 'O(r)'],
  ['lora with momentum', { ...lora(), direction: momentumDirection }, 'O(r)'],
  ['scaled with descent and hardly any damping', { ...scaled({ damping: 1e-12 }), direction: sgdDirection }, 'GL(r)'],
  ['scaled with descent and its damping', { ...scaled(), direction: sgdDirection }, 'O(r)'],
  ['dora with muon', { ...lora(), direction: muonDirection, magnitudes: true }, 'GL(r)'],
  ['balora with muon', { ...balora(), direction: muonDirection }, 'GL(r)'],
  ['balora with rite', { ...balora(), direction: riteDirection }, 'GL(r)'],
  ['balora with descent', { ...balora(), direction: sgdDirection }, 'O(r)'],
  ['balora with momentum', { ...balora(), direction: momentumDirection }, 'O(r)'],
  ['balora with matrix moments', balora({ secondMoment: 'matrix' }), 'O(r)'],
  ['loro, every fifth step exact', loro({ every: 5, refresh: 5 }), 'signed permutations'],
  ['reflora, scalar form', reflora({ form: 'scalar' }), 'signed permutations'],
  ['balora, nearest gauge', balora({ gauge: 'nearest' }), 'signed permutations'],
  ['balora, nearest gauge, moments kept', balora({ gauge: 'nearest', moments: 'keep' }), 'signed permutations'],
  // The second moment stays behind a permutation, and all moments stay behind.
  ['balora, first moment carried', balora({ moments: 'transport-first' }), 'identity'],
  ['balora, moments kept', balora({ moments: 'keep' }), 'identity'],
];

/**
 * Combinations on balanced factors, started at the balanced pair of the product: one pair up to signs, whatever the
 * start's gauge was.
 */
const fromBalancedPairs: readonly (readonly [string, LoraMethod, GaugeGroup])[] = [
  ['balora', balora(), 'GL(r)'],
  ['balora with matrix moments', balora({ secondMoment: 'matrix' }), 'GL(r)'],
  ['balora, nearest gauge, moments kept', balora({ gauge: 'nearest', moments: 'keep' }), 'GL(r)'],
  ['balora with descent', { ...balora(), direction: sgdDirection }, 'GL(r)'],
  ['balora with momentum', { ...balora(), direction: momentumDirection }, 'GL(r)'],
  ['balora with lora-pro', { ...balora(), direction: loraProDirection() }, 'GL(r)'],
  // The signs of singular vectors are LAPACK's choice, at the start and after each step.
  ['balora, moments kept', balora({ moments: 'keep' }), 'identity'],
];

/** Rounding: ε · κ(R)² · steps is 4e-11. */
const AGREES = 1e-10;
/** Far beyond it. The least, LoRA-Pro's under GL(r), is 4e-4. */
const DIFFERS = 1e-4;

/** Compares the trajectory from a pair with those from changed ones. */
async function expectGroup(
  method: LoraMethod,
  group: GaugeGroup,
  options: { readonly start?: 'random' | 'zero'; readonly prepare?: (pair: Pair) => Pair } = {},
): Promise<void> {
  const { start = 'random', prepare } = options;
  const from = (gauge: GaugeGroup, seed?: number) =>
    trajectory(method, { group: gauge, ...(seed && { seed }), ...(prepare && { prepare }) }, { start });
  const reference = await from('identity');
  expect(reference).toHaveLength(20);
  for (const smaller of gaugeGroups.slice(gaugeGroups.indexOf(group))) {
    for (const seed of [1, 2]) expect(largestDistance(reference, await from(smaller, seed)), `under ${smaller}`).toBeLessThan(AGREES);
  }
  const larger = gaugeGroups[gaugeGroups.indexOf(group) - 1];
  if (larger !== undefined) expect(largestDistance(reference, await from(larger)), `under ${larger}`).toBeGreaterThan(DIFFERS);
}

describe('the products of a LoRA method do not depend on the gauge of its start, within its group', () => {
  it('and every method states its group', () => {
    // Weights trained themselves have no gauge.
    const ofPairs = Object.entries(loraMethods).filter(([, make]) => make().geometry.trains !== 'weights');
    expect(ofPairs.map(([name]) => name).filter((name) => !Object.hasOwn(groups, name))).toEqual([]);
  });

  const methods = Object.entries(loraMethods).flatMap(([name, make]) =>
    Object.hasOwn(groups, name) ? [[name, make(), groups[name]] as const] : [],
  );
  it.each(methods)('%s', async (_name, method, group) => {
    await expectGroup(method, group);
  });
  // From A = 0, where Grams vanish.
  it.each(methods)('%s from zero', async (_name, method, group) => {
    await expectGroup(method, group, { start: 'zero' });
  });
  it.each(combinations)('%s', async (_name, method, group) => {
    await expectGroup(method, group);
  });
  it.each(fromBalancedPairs)('%s, from balanced pairs', async (_name, method, group) => {
    await expectGroup(method, group, { prepare: balanced });
  });

  it.each([
    ['LoRA-Muon', loraMethods['lora-muon'](), muonDirection],
    ['LoRA-RITE', loraMethods['lora-rite'](), riteDirection],
  ] as const)('%s gives the same products on balanced factors', async (_name, method, direction) => {
    const gauge = { group: 'identity' } as const;
    expect(largestDistance(await trajectory(method, gauge), await trajectory({ ...balora(), direction }, gauge))).toBeLessThan(AGREES);
  });
});
