/** Rows to train on: what the user gave, read as the library reads data sets, and some set aside. */
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
}

/**
 * Reads rows and sets some of them aside, evenly spread. Of fewer than ten none are.
 *
 * @throws FormatError, naming the line, if the rows cannot be read.
 */
export async function readRows(rows: RowsFile, tokenizer: Tokenizer, maxLength: number): Promise<DividedRows> {
  const files = memoryFiles({ [rows.name]: rows.bytes });
  const { rows: all } = await readDataset(rows.name, tokenizer, { files, maxLength });
  const stride = Math.max(oneOf, Math.ceil(all.length / most));
  const isAside = (i: number): boolean => i % stride === stride - 1;
  return { training: all.filter((_, i) => !isAside(i)), validation: all.filter((_, i) => isAside(i)) };
}
