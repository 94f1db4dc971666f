/** The keys that say which rows are read, and how. */
import { z } from 'zod';
import { ConfigError } from '../../core/errors.js';
import { chatTemplates } from '../../models/index.js';
import { flagName, text } from './keys.js';

const column = text.optional();

/** The keys of the columns of data. */
export const columnKeys = {
  promptColumn: column.describe('column of the prompts (default: prompt)').meta({ placeholder: 'NAME', role: 'contents' }),
  completionColumn: column.describe('column of the completions (default: completion)').meta({ placeholder: 'NAME', role: 'contents' }),
  messagesColumn: column
    .describe('column of the conversations, lists of messages (default: messages)')
    .meta({ placeholder: 'NAME', role: 'contents' }),
  textColumn: column.describe('column of the texts (default: text)').meta({ placeholder: 'NAME', role: 'contents' }),
};

/** Values of {@link columnKeys}. */
export type ColumnKeys = z.infer<z.ZodObject<typeof columnKeys>>;

/**
 * Requires that the columns make one form of rows.
 *
 * @param nameOf - returns the name of a key in messages. Default: its flag and itself.
 * @throws ConfigError naming those of several forms.
 */
export function checkColumnKeys(
  caller: string,
  { promptColumn, completionColumn, messagesColumn, textColumn }: ColumnKeys,
  nameOf = (key: string): string => `--${flagName(key)} (${key})`,
): void {
  const forms = [{ promptColumn, completionColumn }, { messagesColumn }, { textColumn }]
    .map((form) => Object.entries(form).flatMap(([key, name]) => (name === undefined ? [] : [nameOf(key)])))
    .filter((keys) => keys.length > 0);
  if (forms.length < 2) return;
  throw new ConfigError(
    `${caller}: expected columns of one form, got ${forms.flat().join(' and ')}; name prompts and completions, or conversations, or texts`,
  );
}

/** One of several data sets, with columns and a weight of its own. */
const dataEntry = z.strictObject({ data: text, weight: z.number().positive().optional(), ...columnKeys });

/** The data of a run. */
export const dataSchema = z.union([text, z.array(z.union([text, dataEntry])).min(1)]);

const templateMeaning = `chat template in place of the model's: a file of Jinja, or one of ${Object.keys(chatTemplates).join(', ')}`;

/** The key of the chat template. */
export const chatTemplateKey = text.optional().describe(`${templateMeaning} (default: that of the model)`).meta({ placeholder: 'FILE' });

/** The key of the chat template, for commands that open a run. */
export const chatTemplateOfRunKey = chatTemplateKey.describe(`${templateMeaning} (default: that of the run, else of the model)`);
