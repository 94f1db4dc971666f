/** How commands that look at the results of training read rows: as the run did, unless flags say otherwise. */
import { z } from 'zod';
import type { TrainOn } from '../../models/index.js';
import { type ColumnKeys, columnKeys } from '../config/data-keys.js';
import { finetuneSchema } from '../config/finetune-config.js';
import type { RowOptions } from './load-data.js';

const { trainOn, maxLength } = finetuneSchema.shape;

/** The keys that say how rows are read, for commands that open the results of training. */
export const rowKeys = {
  ...columnKeys,
  trainOn: trainOn.describe(
    "what of a row counts: all answers (completions, the assistant's turns), of a conversation the last answer only, or everything, prompts too (default: as in the run, or answers)",
  ),
  appendEnd: z
    .boolean()
    .optional()
    .describe('whether rows end with the end token, which the model must then predict (default: as in the run, or true)'),
  maxLength: maxLength.describe('tokens after which a row is cut (default: as in the run, or the limit of the model)'),
};

/** Values of {@link rowKeys}. */
type RowKeys = z.infer<z.ZodObject<typeof rowKeys>>;

/** How rows are read: what is trained on is settled. */
export type SettledRows = Omit<RowOptions, 'trainOn' | 'appendEnd'> & { readonly trainOn: TrainOn; readonly appendEnd: boolean };

/**
 * Returns how the rows of a run are read, by its configuration, with what is given in place of it. Columns of the run
 * count only where none is given, because they must make one form of rows.
 *
 * @param run - the configuration of the run; empty for a model, or an adapter that belongs to none.
 */
export function rowsAsTrained(run: Readonly<Record<string, unknown>>, given: RowKeys = {}): SettledRows {
  const own = ownKeys(run);
  const columnsOf = ({ promptColumn, completionColumn, messagesColumn, textColumn }: RowKeys): ColumnKeys =>
    withValues({ promptColumn, completionColumn, messagesColumn, textColumn });
  const columns = columnsOf(given);
  const length = given.maxLength ?? own.maxLength;
  return {
    // The older name for trainOn: everything, which says it all.
    maskPrompt: true,
    trainOn: given.trainOn ?? own.trainOn ?? (run.maskPrompt === false ? 'everything' : 'answers'),
    appendEnd: given.appendEnd ?? own.appendEnd ?? true,
    ...(length === undefined ? {} : { maxLength: length }),
    ...(Object.keys(columns).length > 0 ? columns : columnsOf(own)),
  };
}

/** Says how rows are read, by the keys that are not as they are by default; undefined if all are. */
export function rowsText({ maskPrompt: _, trainOn: on, appendEnd, ...others }: SettledRows): string | undefined {
  const keys = { ...(on === 'answers' ? {} : { trainOn: on }), ...(appendEnd ? {} : { appendEnd }), ...others };
  const said = Object.entries(keys).map(([key, value]) => `${key} ${value}`);
  return said.length === 0 ? undefined : `rows are read with ${said.join(', ')}`;
}

/** Takes the keys of rows out of a run's configuration, each if it is valid. */
function ownKeys(run: Readonly<Record<string, unknown>>): RowKeys {
  return withValues(Object.fromEntries(Object.entries(rowKeys).map(([key, schema]) => [key, schema.safeParse(run[key]).data])));
}

function withValues<Values extends object>(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Values;
}
