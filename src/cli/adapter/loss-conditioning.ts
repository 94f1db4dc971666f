/** The conditioning of a run's training loss, for `inspect --conditioning`. */
import { ConfigError } from '../../core/errors.js';
import { exists } from '../../io/files/entries.js';
import { path } from '../../io/files/path.js';
import type { JsonObject } from '../../io/parse-json.js';
import { type LossSpectrum, lossSpectrum } from '../../lora/index.js';
import { collateRows, type TokenRow, type TrainOn } from '../../models/index.js';
import { type ColumnKeys, columnKeys, dataSchema } from '../config/data-keys.js';
import { readYaml } from '../config/yaml.js';
import { short, table } from '../format.js';
import { runFiles } from '../run/run-layout.js';
import type { Terminal } from '../terminal.js';
import { loadData } from '../training/load-data.js';
import { type ModelKeys, type OpenModel, openModel } from '../training/open-model.js';
import { padIdOf } from '../training/session.js';

/** Rows that are computed at once. */
const batchSize = 16;

/** Keys of {@link lossConditioning}. */
export interface ConditioningKeys extends ModelKeys {
  /** File or directory of rows; `undefined` for those of the run. */
  readonly data?: string | undefined;
  /** Columns of the rows of `data`; those of the run have their own. */
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
  const open = await openModel('inspect', location, keys, terminal);
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
  { model, tokenizer }: OpenModel,
  terminal: Terminal,
): Promise<readonly TokenRow[]> {
  const file = path.join(location, runFiles.config);
  const own = (await exists(file)) ? (await readYaml('inspect', file)).values : {};
  const { data: source } = dataSchema.safeParse(data ?? own.data);
  if (source === undefined) {
    throw new ConfigError(`inspect: ${location} does not tell which data it was trained on; pass them with --data FILE`);
  }
  const options = {
    data: source,
    // As the run divided its file: what it held out is no part of its loss.
    validSplit: data === undefined && typeof own.validSplit === 'number' ? own.validSplit : 0,
    seed: typeof own.seed === 'number' ? own.seed : 0,
    maskPrompt: own.maskPrompt !== false,
    appendEnd: own.appendEnd !== false,
    ...(isTrainOn(own.trainOn) ? { trainOn: own.trainOn } : {}),
    ...(typeof own.maxLength === 'number' ? { maxLength: own.maxLength } : {}),
    ...(data === undefined ? ownColumns(own) : columns),
  };
  const { train, notices } = await loadData(options, { caller: 'inspect', tokenizer, positions: model.config.maxPositions, terminal });
  for (const notice of notices) terminal.notice(notice);
  return train;
}

function isTrainOn(value: unknown): value is TrainOn {
  return value === 'answers' || value === 'last-answer' || value === 'everything';
}

/** Returns the columns that a run's configuration names. */
function ownColumns(own: JsonObject): ColumnKeys {
  return Object.fromEntries(Object.keys(columnKeys).flatMap((key) => (typeof own[key] === 'string' ? [[key, own[key]]] : [])));
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
    `Hessian of the loss in all factors at once, off the gauge directions: ${rows} rows, loss ${asTrained.loss.toFixed(4)}, ${asTrained.dimension} directions`,
    table([
      ['factors', 'λ largest', 'λ smallest', 'λ rms', 'κ = max |λ| / rms'],
      line('as trained', asTrained),
      line('balanced', balanced),
    ]),
  ].join('\n\n');
}
