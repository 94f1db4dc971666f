import type { AdapterCard } from '../../lora/index.js';
import type { Session } from './session.js';

/** Returns what the model card of a run's adapter says of its training. */
export function cardOf(
  { config, method, data }: Pick<Session, 'config' | 'method' | 'data'>,
  step: number,
  losses: { readonly trainingLoss: number | undefined; readonly validationLoss: number | undefined },
): AdapterCard {
  const { learningRate, schedule, batchSize, accumulate } = config;
  const known = Object.entries(losses).filter(([, loss]) => loss !== undefined);
  return {
    method: method.name,
    data: [config.data].flat().map((entry) => (typeof entry === 'string' ? entry : entry.data)),
    trainingRows: data.train.length,
    validationRows: data.valid.length,
    steps: step,
    batchSize: batchSize * accumulate,
    learningRate,
    schedule,
    ...Object.fromEntries(known),
  };
}
