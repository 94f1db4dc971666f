/** Which key of a configuration was meant by one that is not there. */
import { nearestNames } from '../../core/nearest-names.js';

/** What PEFT, transformers, mlx-lm and LLaMA-Factory call keys of ours, where the spelling does not tell. */
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
 * @param name - as it was written, in any case: `max_grad_norm`, `max-grad-norm`.
 * @param known - the keys there are.
 * @returns the key that other tools call so, else the nearest by its letters; `undefined` if none is near.
 */
export function nearestKey(name: string, known: readonly string[]): string | undefined {
  const meant = byPlainName.get(plain(name));
  if (meant !== undefined && known.includes(meant)) return meant;
  const spellings = new Map(known.map((key) => [plain(key), key]));
  const [nearest] = nearestNames(plain(name), spellings.keys(), 1);
  return nearest === undefined ? undefined : spellings.get(nearest);
}
