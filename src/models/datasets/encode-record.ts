import { FormatError } from '../../core/errors.js';
import type { ChatMessage, Tokenizer } from '../tokenizer/tokenizer.js';
import type { DataRecord } from './parse-record.js';
import { ignoredLabel, type TokenRow } from './token-row.js';

/** Options of {@link encodeRecord}. */
export interface EncodeRecordOptions {
  /** If true, the model is trained on its answers only. */
  readonly maskPrompt: boolean;
  /** If true, the model is trained to end. */
  readonly appendEnd: boolean;
}

/** Consecutive tokens, and whether they are predicted. */
interface Span {
  readonly ids: readonly number[];
  readonly trained: boolean;
}

/**
 * Encodes one record as tokens and labels. Prompt and answer are encoded apart: as in generation, where the prompt
 * comes alone, no token spans both.
 *
 * @throws FormatError if the chat template writes an answer differently within the whole conversation than at its end;
 * whatever the tokenizer throws.
 */
export function encodeRecord(tokenizer: Tokenizer, record: DataRecord, options: EncodeRecordOptions): TokenRow {
  const spans = spansOf(tokenizer, record, options);
  const inputIds = Int32Array.from(spans.flatMap(({ ids }) => ids));
  const labels = Int32Array.from(spans.flatMap(({ ids, trained }) => ids.map((id) => (trained ? id : ignoredLabel))));
  return { inputIds, labels };
}

function spansOf(tokenizer: Tokenizer, record: DataRecord, { maskPrompt, appendEnd }: EncodeRecordOptions): readonly Span[] {
  const spans: Span[] = [];
  if (record.form === 'text') spans.push({ ids: tokenizer.encode(record.text), trained: true });
  else if (record.form === 'completion') {
    spans.push({ ids: tokenizer.encode(record.prompt), trained: !maskPrompt });
    spans.push({ ids: tokenizer.encode(record.completion, { addSpecialTokens: false }), trained: true });
  } else spans.push(...chatSpans(tokenizer, record.messages, maskPrompt));
  if (appendEnd) spans.push({ ids: endOf(tokenizer, record, spans.at(-1)), trained: true });
  return spans;
}

/**
 * Returns the end token if the row does not end with one by itself. A conversation whose last turn is not the model's
 * does not end.
 */
function endOf({ specials: { eos }, endIds }: Tokenizer, record: DataRecord, last: Span | undefined): readonly number[] {
  if (eos === undefined) return [];
  if (record.form !== 'messages') return last?.ids.at(-1) === eos.id ? [] : [eos.id];
  // A template may write more after the token that ends a turn, such as a line break.
  const ends = last?.ids.some((id) => endIds.includes(id)) ?? false;
  return record.messages.at(-1)?.role === 'assistant' && !ends ? [eos.id] : [];
}

/** Writes the conversation by its template, and cuts it where the model's turns begin and end. */
function chatSpans(tokenizer: Tokenizer, messages: readonly ChatMessage[], maskPrompt: boolean): readonly Span[] {
  const whole = tokenizer.applyChatTemplate(messages);
  const encode = (text: string, trained: boolean): Span => ({ ids: tokenizer.encode(text, { addSpecialTokens: false }), trained });
  if (!maskPrompt) return [encode(whole, true)];
  const spans: Span[] = [];
  let done = 0;
  for (const [position, { role }] of messages.entries()) {
    if (role !== 'assistant') continue;
    const prompt = tokenizer.applyChatTemplate(messages.slice(0, position), { addGenerationPrompt: true });
    const answered = tokenizer.applyChatTemplate(messages.slice(0, position + 1));
    if (prompt.length < done || !answered.startsWith(prompt) || !whole.startsWith(answered)) {
      throw new FormatError(
        `messages[${position}]: expected a chat template that writes a turn alike whatever follows it, got one that does not; ` +
          'give a row to each answer, or pass maskPrompt: false',
      );
    }
    spans.push(encode(whole.slice(done, prompt.length), false), encode(answered.slice(prompt.length), true));
    done = answered.length;
  }
  if (done < whole.length) spans.push(encode(whole.slice(done), false));
  return spans;
}
