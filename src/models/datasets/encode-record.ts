import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { chatParts, type RowPart, type TrainOn } from './chat-parts.js';
import type { DataRecord } from './parse-record.js';
import { ignoredLabel, type TokenRow } from './token-row.js';

/** Options of {@link encodeRecord}. */
export interface EncodeRecordOptions {
  /** What the model is trained on. */
  readonly trainOn: TrainOn;
  /** If true, the model is trained to end. */
  readonly appendEnd: boolean;
}

/** A record as tokens. */
export interface EncodedRecord {
  readonly row: TokenRow;
  /** True if the chat template allows to train on the last answer only: see {@link chatParts}. */
  readonly lastOnly: boolean;
}

/**
 * Encodes one record as tokens and labels. The tokens are those of the whole text as it is written out, except where
 * one would span the beginning of an answer: see {@link Tokenizer.encodeParts}.
 *
 * @throws whatever the tokenizer throws; FormatError as {@link chatParts} does.
 */
export function encodeRecord(tokenizer: Tokenizer, record: DataRecord, { trainOn, appendEnd }: EncodeRecordOptions): EncodedRecord {
  const { parts, lastOnly } =
    record.form === 'messages' ? chatParts(tokenizer, record, trainOn) : { parts: plainParts(record, trainOn), lastOnly: false };
  // A template has written the tokens around the conversation itself.
  const tokens = tokenizer.encodeParts(parts, { addSpecialTokens: record.form !== 'messages' });
  const spans = tokens.map((ids, part) => ({ ids, trained: parts[part].trained }));
  if (appendEnd && endsOpen(tokenizer, record, parts, tokens) && tokenizer.specials.eos !== undefined)
    spans.push({ ids: [tokenizer.specials.eos.id], trained: true });
  const inputIds = Int32Array.from(spans.flatMap(({ ids }) => ids));
  const labels = Int32Array.from(spans.flatMap(({ ids, trained }) => ids.map((id) => (trained ? id : ignoredLabel))));
  return { row: { inputIds, labels }, lastOnly };
}

function plainParts(record: Exclude<DataRecord, { form: 'messages' }>, trainOn: TrainOn): readonly RowPart[] {
  if (record.form === 'text') return [{ text: record.text, trained: true }];
  return [
    { text: record.prompt, trained: trainOn === 'everything' },
    { text: record.completion, trained: true, generated: true },
  ];
}

/**
 * Returns true if a row does not end with an end token by itself, and should. A conversation whose last turn is not an
 * answer that is trained on does not end.
 */
function endsOpen(
  { specials: { eos }, endIds }: Tokenizer,
  record: DataRecord,
  parts: readonly RowPart[],
  tokens: readonly number[][],
): boolean {
  const last = tokens.findLastIndex((ids) => ids.length > 0);
  if (record.form !== 'messages') return tokens[last]?.at(-1) !== eos?.id;
  const part = parts[last] as RowPart | undefined;
  if (part === undefined || !part.trained || part.endsAnswer !== true) return false;
  // A template may write more after the token that ends a turn, such as a line break.
  return !tokens[last].some((id) => endIds.includes(id));
}
