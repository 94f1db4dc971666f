/** Rows to train on: what the user gave, read as the library reads data sets, and some set aside. */
import { ConfigError } from 'bures';
import { memoryFiles } from 'bures/io';
import { readDataset, type Tokenizer, type TokenRow } from 'bures/models';
import type { RowsFile } from './protocol.js';

/** Every so manieth row is set aside. */
const oneOf = 10;
/** Most rows that are set aside. */
const most = 64;

/** Rows in two parts. */
export interface DividedRows {
  readonly training: readonly TokenRow[];
  readonly validation: readonly TokenRow[];
  /** Rows of which nothing can be trained: too long, or empty. */
  readonly leftOut: number;
}

/**
 * Reads rows and sets some of them aside, evenly spread. Of fewer than ten none are.
 *
 * @throws FormatError, naming the line, if the rows cannot be read; ConfigError if none can be trained on.
 */
export async function readRows(rows: RowsFile, tokenizer: Tokenizer, maxLength: number): Promise<DividedRows> {
  const files = memoryFiles({ [rows.name]: rows.bytes });
  const { rows: all, dropped } = await readDataset(rows.name, tokenizer, { files, maxLength }).catch((error: unknown) => {
    throw inWordsOfThePage(error, tokenizer);
  });
  if (all.length === 0) {
    throw new ConfigError(
      `train: expected rows with an answer within ${maxLength} tokens, got ${dropped} that are longer or empty; raise the tokens of a row, or give others`,
    );
  }
  const stride = Math.max(oneOf, Math.ceil(all.length / most));
  const isAside = (i: number): boolean => i % stride === stride - 1;
  return { training: all.filter((_, i) => !isAside(i)), validation: all.filter((_, i) => isAside(i)), leftOut: dropped };
}

/** An error of reading, with a remedy that the page has where the library's own is for programs and the command. */
function inWordsOfThePage(error: unknown, tokenizer: Tokenizer): unknown {
  if (!(error instanceof Error)) return error;
  if (!tokenizer.hasChatTemplate && error.message.includes('no chat template')) {
    return new ConfigError(
      'train: rows of messages need a model with a chat template, and this one has none; give rows of prompt and completion, or open a model for chats',
    );
  }
  const [columns] = error.message.split(/,? or name the columns: /);
  return columns === error.message ? error : new ConfigError(`${columns}; name its columns prompt and completion, or text`);
}
