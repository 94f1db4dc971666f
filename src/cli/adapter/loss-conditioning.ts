/** The conditioning of a run's training loss, for `inspect --conditioning`. */
import { counted } from '../../core/counted.js';
import { ConfigError } from '../../core/errors.js';
import { type LossSpectrum, lossSpectrum } from '../../lora/index.js';
import { collateRows, type TokenRow } from '../../models/index.js';
import { type ColumnKeys, dataSchema } from '../config/data-keys.js';
import { short, table } from '../format.js';
import type { Terminal } from '../terminal.js';
import { loadData } from '../training/load-data.js';
import { type ModelKeys, type OpenModel, openModel } from '../training/open-model.js';
import { rowsAsTrained } from '../training/rows-as-trained.js';
import { padIdOf } from '../training/session.js';

/** Rows that are computed at once. */
const batchSize = 16;

/** Keys of {@link lossConditioning}. */
export interface ConditioningKeys extends ModelKeys {
  /** File or directory of rows; `undefined` for those of the run. */
  readonly data?: string | undefined;
  /** Columns of the rows of `data`. Default: as in the run. */
  readonly columns: ColumnKeys;
  /** Number of rows to take. */
  readonly rows: number;
}

/** The spectra at an adapter's own factors and at balanced ones. */
export interface LossConditioning {
  readonly rows: number;
  readonly asTrained: LossSpectrum;
  readonly balanced: LossSpectrum;
}

/**
 * Measures the conditioning of the training loss at an adapter, on some of the run's training rows.
 *
 * @throws ConfigError for a model without adapter, and if there is neither a run nor `data`; errors of loading.
 */
export async function lossConditioning(
  location: string,
  { data, rows: wanted, columns, ...keys }: ConditioningKeys,
  terminal: Terminal,
): Promise<LossConditioning> {
  const open = await openModel('inspect', location, { ...keys, dateOfRun: true }, terminal);
  try {
    if (open.adapter === undefined)
      throw new ConfigError(`inspect: ${location} is a model, not an adapter; pass the folder of an adapter or of a run`);
    const rows = (await trainingRows(location, { data, columns }, open, terminal)).slice(0, wanted);
    const padId = padIdOf(open.tokenizer);
    const batches = Array.from({ length: Math.ceil(rows.length / batchSize) }, (_, i) =>
      collateRows(rows.slice(i * batchSize, (i + 1) * batchSize), { padId }),
    );
    return {
      rows: rows.length,
      asTrained: await lossSpectrum(open.adapter, batches),
      balanced: await lossSpectrum(open.adapter, batches, { balanced: true }),
    };
  } finally {
    open.dispose();
  }
}

/** Reads the training rows: those of `data` if it is given, else those of the run. */
async function trainingRows(
  location: string,
  { data, columns }: Pick<ConditioningKeys, 'data' | 'columns'>,
  { model, tokenizer, run }: OpenModel,
  terminal: Terminal,
): Promise<readonly TokenRow[]> {
  const { data: source } = dataSchema.safeParse(data ?? run.data);
  if (source === undefined) {
    throw new ConfigError(`inspect: ${location} does not tell which data it was trained on; pass them with --data FILE`);
  }
  const options = {
    ...rowsAsTrained(run, columns),
    data: source,
    // As the run divided its file: what it held out is no part of its loss.
    validSplit: data === undefined && typeof run.validSplit === 'number' ? run.validSplit : 0,
    seed: typeof run.seed === 'number' ? run.seed : 0,
  };
  const { train, notices } = await loadData(options, { caller: 'inspect', tokenizer, positions: model.config.maxPositions, terminal });
  for (const notice of notices) terminal.notice(notice);
  return train;
}

/** Formats the two spectra as a table. */
export function conditioningText({ rows, asTrained, balanced }: LossConditioning): string {
  const line = (name: string, { largest, smallest, errorBounds, rootMeanSquare, conditionNumber }: LossSpectrum): readonly string[] => [
    name,
    `${short(largest)} ± ${short(errorBounds.largest)}`,
    `${short(smallest)} ± ${short(errorBounds.smallest)}`,
    ...[rootMeanSquare, conditionNumber].map(short),
  ];
  return [
    `Hessian of the loss in all factors at once, off the gauge directions: ${counted(rows, 'row')}, loss ${asTrained.loss.toFixed(4)}, ${counted(asTrained.dimension, 'direction')}`,
    table([
      ['factors', 'λ largest', 'λ smallest', 'λ rms', 'κ = max |λ| / rms'],
      line('as trained', asTrained),
      line('balanced', balanced),
    ]),
  ].join('\n\n');
}
