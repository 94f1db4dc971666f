/** A conversation as its chat template writes it, divided where the answers begin and end. */
import { FormatError } from '../../core/errors.js';
import { unlessRefused } from '../tokenizer/chat-template.js';
import type { ChatMessage, TextPart, Tokenizer } from '../tokenizer/tokenizer.js';
import type { Conversation } from './parse-record.js';

/**
 * What a model is trained on: all answers, the last answer alone, or everything, prompts too. Answers are completions
 * and the turns of the assistant; a text is one answer.
 */
export type TrainOn = 'answers' | 'last-answer' | 'everything';

/** A part of a row's text. */
export interface RowPart extends TextPart {
  /** True if the model is trained to write it. */
  readonly trained: boolean;
  /** True if a turn of the assistant ends with it. */
  readonly endsAnswer?: boolean;
}

/** The parts of a conversation. */
export interface ChatParts {
  readonly parts: readonly RowPart[];
  /** True if other answers than the last one, or the words before it, could not be told apart. */
  readonly lastOnly: boolean;
}

/** An answer within the text of the conversation. */
interface Answer {
  readonly start: number;
  readonly end: number;
  readonly trained: boolean;
}

/**
 * Writes a conversation by its template, and finds the answers in it: what the template writes for the messages up to
 * an answer after what it writes to ask for the answer.
 *
 * Some templates change earlier turns when others follow (Qwen3 leaves out their thoughts), or end the request for an
 * answer with words that the conversation lacks (`<think>`). Then the last answer to be trained on is the only one, and
 * the row ends where the template no longer writes what it wrote for it.
 *
 * @throws FormatError if a conversation is trained on as a whole but for messages of weight 0, and the template does
 * not tell where those are; whatever the template throws.
 */
export function chatParts(tokenizer: Tokenizer, conversation: Conversation, trainOn: TrainOn): ChatParts {
  const { messages, weights, promptMessages } = conversation;
  const writer = new ChatWriter(tokenizer, conversation);
  const everything = trainOn === 'everything';
  const whole = writer.write(messages.length);
  if (everything && !weights.includes(false)) {
    const endsAnswer = messages.at(-1)?.role === 'assistant';
    return { parts: [{ text: whole, trained: true, endsAnswer }], lastOnly: false };
  }
  const turns = messages.flatMap(({ role }, position) => (role === 'assistant' && position >= promptMessages ? [position] : []));
  const isTrained = (position: number): boolean =>
    weights[position] && turns.includes(position) && (trainOn !== 'last-answer' || position === turns.at(-1));
  const wanted = messages.flatMap((_, position) => ((everything ? !weights[position] : isTrained(position)) ? [position] : []));
  const answers = writer.find(wanted, whole, !everything);
  if (answers !== undefined) return { parts: divide(whole, answers, everything), lastOnly: false };
  const last = wanted.at(-1);
  if (everything || last === undefined) {
    throw new FormatError(
      `messages[${last}]: expected a chat template that writes a turn alike whatever follows it, got one that does not, so that the turn of weight 0 cannot be left out; ` +
        'train on answers instead of everything (trainOn, --train-on)',
    );
  }
  return { parts: writer.lastAnswer(last, whole), lastOnly: true };
}

class ChatWriter {
  readonly #tokenizer: Tokenizer;
  readonly #messages: readonly ChatMessage[];
  readonly #variables: Readonly<Record<string, unknown>>;

  constructor(tokenizer: Tokenizer, { messages, variables }: Conversation) {
    this.#tokenizer = tokenizer;
    this.#messages = messages;
    this.#variables = variables;
  }

  /** Writes the first messages of the conversation. */
  write(count: number, addGenerationPrompt = false): string {
    return this.#render(this.#messages.slice(0, count), addGenerationPrompt);
  }

  /**
   * Finds turns in the text of the whole conversation.
   *
   * @returns undefined if the template does not tell where they are.
   */
  find(positions: readonly number[], whole: string, trained: boolean): readonly Answer[] | undefined {
    const found: Answer[] = [];
    let done = 0;
    for (const position of positions) {
      const prompt = this.#prompt(position);
      const answered = this.#withoutEnding(this.#tryWrite(position + 1), whole);
      if (prompt === undefined || answered === undefined || prompt.length < done) return undefined;
      if (!answered.startsWith(prompt) || !whole.startsWith(answered)) return undefined;
      done = answered.length;
      found.push({ start: prompt.length, end: done, trained });
    }
    return found;
  }

  /**
   * Takes the token that ends a text from a part of the conversation, where the template writes it at the end of
   * whatever it writes (Phi-3): in the whole conversation it follows the last turn.
   */
  #withoutEnding(answered: string | undefined, whole: string): string | undefined {
    const eos = this.#tokenizer.specials.eos?.text;
    if (answered === undefined || eos === undefined || whole.startsWith(answered)) return answered;
    const at = answered.lastIndexOf(eos);
    const ending = at < 0 || answered.slice(at + eos.length).trim() !== '' ? '' : answered.slice(at);
    return ending !== '' && whole.endsWith(ending) ? answered.slice(0, -ending.length) : answered;
  }

  /** Divides the conversation around one answer, whatever the template makes of the others. */
  lastAnswer(position: number, whole: string): readonly RowPart[] {
    const answered = position === this.#messages.length - 1 ? whole : this.write(position + 1);
    const text = whole.startsWith(answered) ? whole : answered;
    return divide(text, [{ start: this.#startOf(position, answered), end: answered.length, trained: true }], false);
  }

  /** What the template writes before a turn: to ask for an answer, or the messages before it. */
  #prompt(position: number): string | undefined {
    return this.#tryWrite(position, this.#messages[position].role === 'assistant');
  }

  /**
   * Finds where the words of an answer begin that does not go on from what the template writes to ask for it. Words
   * before it must not be trained on.
   */
  #startOf(position: number, answered: string): number {
    const prompt = this.#prompt(position);
    if (prompt !== undefined && answered.startsWith(prompt)) return prompt.length;
    // Two other answers share what the template writes before any.
    const [one, other] = ['Aa', 'Zz'].map((content) => this.#tryWriteAnswer(position, content));
    const header = one === undefined || other === undefined || one === other ? undefined : one.slice(0, sharedLength(one, other));
    if (header !== undefined && answered.startsWith(header)) return header.length;
    const before = this.#tryWrite(position);
    if (before !== undefined && answered.startsWith(before))
      return Math.max(before.length, prompt === undefined ? 0 : sharedLength(prompt, answered));
    throw new FormatError(
      `messages[${position}]: expected a chat template that tells where an answer begins, got one that writes the messages before it otherwise when it follows; ` +
        'train on everything (trainOn, --train-on), or take another template',
    );
  }

  #tryWriteAnswer(position: number, content: string): string | undefined {
    const messages = [...this.#messages.slice(0, position), { ...this.#messages[position], content }];
    return unlessRefused(() => this.#render(messages, false));
  }

  #tryWrite(count: number, addGenerationPrompt = false): string | undefined {
    return unlessRefused(() => this.write(count, addGenerationPrompt));
  }

  #render(messages: readonly ChatMessage[], addGenerationPrompt: boolean): string {
    return this.#tokenizer.applyChatTemplate(messages, { addGenerationPrompt, variables: this.#variables });
  }
}

function divide(text: string, answers: readonly Answer[], trained: boolean): readonly RowPart[] {
  const parts: RowPart[] = [];
  let done = 0;
  for (const answer of answers) {
    parts.push({ text: text.slice(done, answer.start), trained });
    parts.push({ text: text.slice(answer.start, answer.end), trained: answer.trained, generated: answer.trained, endsAnswer: true });
    done = answer.end;
  }
  parts.push({ text: text.slice(done), trained });
  return parts;
}

/** Counts the characters that two texts begin with alike; it does not divide a pair of surrogates. */
function sharedLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length += 1;
  return /[\uD800-\uDBFF]/.test(one[length - 1] ?? '') ? length - 1 : length;
}
