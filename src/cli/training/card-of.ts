import { path } from '../../io/files/path.node.js';
import type { AdapterCard } from '../../lora/index.js';
import { runFolders } from '../run/run-layout.js';
import { rowsAsTrained } from './rows-as-trained.js';
import type { Session } from './session.js';

/** What the model card of a run's adapter says of its training besides the session. */
export interface CardFacts {
  readonly step: number;
  readonly trainingLoss: number | undefined;
  readonly validationLoss: number | undefined;
  /** The changes that were accepted while it trained. */
  readonly changes: readonly string[];
}

/** Returns what the model card of a run's adapter says of its training. */
export function cardOf(
  { config, method, data }: Pick<Session, 'config' | 'method' | 'data'>,
  { step, changes, ...losses }: CardFacts,
): AdapterCard {
  const { learningRate, schedule, batchSize, accumulate, dataWeights, quantize, initAdapter } = config;
  const known = { ...losses, dataWeights, quantized: quantize, startedFrom: initAdapter === undefined ? undefined : nameOf(initAdapter) };
  const { trainOn, appendEnd } = rowsAsTrained({ ...config });
  return {
    method: method.name,
    data: [config.data].flat().map((entry) => (typeof entry === 'string' ? entry : entry.data)),
    trainOn,
    appendEnd,
    trainingRows: data.train.length,
    validationRows: data.valid.length,
    steps: step,
    batchSize: batchSize * accumulate,
    learningRate,
    schedule,
    ...(changes.length === 0 ? {} : { changes }),
    ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)),
  };
}

/** Names the folder of an adapter without its place on this machine: one in a run by the run, too. */
function nameOf(folder: string): string {
  const above = path.dirname(folder);
  const name = path.basename(folder);
  if (name === runFolders.best) return `${path.basename(above)}/${name}`;
  return path.basename(above) === runFolders.checkpoints ? `${path.basename(path.dirname(above))}/${name}` : name;
}
