/** The fields of a run's settings. */
import { field, number } from './fields.js';
import { type MethodName, methodNames, type RunSettings } from './protocol.js';

/** Reads the settings. @throws if a field is empty, or holds a number that it may not. */
export function readSettings(): RunSettings {
  const of = (name: MethodName) => ({ alpha: number(`${name}-alpha`), learningRate: number(`${name}-rate`) });
  return {
    rank: number('rank'),
    steps: number('steps'),
    batchSize: number('batch-size'),
    maxLength: number('max-length'),
    methods: { lora: of('lora'), balora: of('balora') },
  };
}

/** Shows what a run was begun with. */
export function showSettings({ rank, steps: count, batchSize, maxLength, methods }: RunSettings): void {
  const values: Readonly<Record<string, number>> = {
    rank,
    steps: count,
    'batch-size': batchSize,
    'max-length': maxLength,
    ...Object.fromEntries(
      methodNames.flatMap((name) => [
        [`${name}-alpha`, methods[name].alpha],
        [`${name}-rate`, methods[name].learningRate],
      ]),
    ),
  };
  for (const [id, value] of Object.entries(values)) field(id).value = String(value);
}
