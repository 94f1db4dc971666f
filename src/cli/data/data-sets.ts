/** The data sets that a configuration names: texts, or entries with columns and a weight of their own. */
import { ConfigError } from '../../core/errors.js';
import { type ColumnKeys, checkColumnKeys, columnKeys } from '../config/data-keys.js';
import type { FinetuneConfig } from '../config/finetune-config.js';

/** The keys that name data sets. */
export type DataKeys = Pick<FinetuneConfig, 'data' | 'dataWeights'> & ColumnKeys;

/** A data set as it is named. */
export interface NamedData {
  /** A path, or a name on the hub. */
  readonly data: string;
  /** Its columns: those of its entry if that names any, else those of all sets. */
  readonly columns: ColumnKeys;
}

/**
 * Returns the data sets of a configuration in their order.
 *
 * @throws ConfigError if an entry has columns of two forms.
 */
export function dataSetsOf(caller: string, { data, ...keys }: Omit<DataKeys, 'dataWeights'>): readonly NamedData[] {
  const common = columnsOf(keys);
  return [data].flat().map((entry, i) => {
    if (typeof entry === 'string') return { data: entry, columns: common };
    const own = columnsOf(entry);
    checkColumnKeys(caller, own, (key) => `data.${i}.${key}`);
    return { data: entry.data, columns: Object.values(own).every((name) => name === undefined) ? common : own };
  });
}

/** Returns the columns alone; undefined for those that are not named. */
function columnsOf(keys: ColumnKeys): ColumnKeys {
  return Object.fromEntries(Object.keys(columnKeys).map((key) => [key, keys[key as keyof ColumnKeys]]));
}

/**
 * Moves the weights of entries into `dataWeights`, where a run records and compares them.
 *
 * @throws ConfigError if weights are given in both places.
 */
export function withWeightsApart<Config extends Pick<DataKeys, 'data' | 'dataWeights'>>(caller: string, config: Config): Config {
  const entries = [config.data].flat();
  const weights = entries.map((entry) => (typeof entry === 'string' ? undefined : entry.weight));
  const weighted = weights.findIndex((weight) => weight !== undefined);
  if (weighted < 0) return config;
  if (config.dataWeights !== undefined)
    throw new ConfigError(
      `${caller}: expected the weights of data sets in dataWeights (--data-weights) or in their entries, got dataWeights and data.${weighted}.weight; leave one of them out`,
    );
  const data = entries.map((entry) => {
    if (typeof entry === 'string') return entry;
    const { weight: _, ...others } = entry;
    return others;
  });
  return { ...config, data, dataWeights: weights.map((weight) => weight ?? 1) };
}
