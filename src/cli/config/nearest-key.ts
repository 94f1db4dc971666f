import { nearestNames } from '../../core/nearest-names.js';

/** Keys of PEFT, transformers, mlx-lm and LLaMA-Factory, where the spelling does not lead to ours. */
const namesElsewhere: Readonly<Record<string, string>> = {
  adapterPath: 'out',
  cutoffLen: 'maxLength',
  dataset: 'data',
  evalSteps: 'evalEvery',
  gradAccumulationSteps: 'accumulate',
  gradCheckpoint: 'recompute',
  gradientAccumulationSteps: 'accumulate',
  gradientCheckpointing: 'recompute',
  iters: 'steps',
  loggingSteps: 'logEvery',
  loraR: 'rank',
  loraRank: 'rank',
  loraTarget: 'targetModules',
  lr: 'learningRate',
  lrSchedulerType: 'schedule',
  maxGradNorm: 'clip',
  maxSeqLength: 'maxLength',
  outputDir: 'out',
  perDeviceTrainBatchSize: 'batchSize',
  r: 'rank',
  saveSteps: 'saveEvery',
  saveTotalLimit: 'keepCheckpoints',
  stepsPerEval: 'evalEvery',
  stepsPerReport: 'logEvery',
  valSize: 'validSplit',
};

const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_]/g, '');

const byPlainName = new Map(Object.entries(namesElsewhere).map(([name, key]) => [plain(name), key]));

/**
 * Finds the key of a configuration that an unknown one probably meant.
 *
 * @param name - the key as written, in any case: `max_grad_norm`, `max-grad-norm`.
 * @param known - the valid keys.
 * @returns the key that other tools call so, else the nearest in spelling; `undefined` if none is near.
 */
export function nearestKey(name: string, known: readonly string[]): string | undefined {
  const meant = byPlainName.get(plain(name));
  if (meant !== undefined && known.includes(meant)) return meant;
  const spellings = new Map(known.map((key) => [plain(key), key]));
  const [nearest] = nearestNames(plain(name), spellings.keys(), 1);
  return nearest === undefined ? undefined : spellings.get(nearest);
}
