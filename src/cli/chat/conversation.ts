/** The turns of `bures chat`, and what of them fits into the model's positions. */
import { counted } from '../../core/counted.js';
import { ConfigError } from '../../core/errors.js';
import type { ChatMessage, Tokenizer } from '../../models/index.js';

/** A conversation that grows by turns. */
export class Conversation {
  readonly #tokenizer: Tokenizer;
  #system: string | undefined;
  #turns: ChatMessage[] = [];

  constructor(tokenizer: Tokenizer, system: string | undefined) {
    this.#tokenizer = tokenizer;
    this.#system = system;
  }

  /** All messages, the system's first. */
  get messages(): readonly ChatMessage[] {
    return [...(this.#system === undefined ? [] : [{ role: 'system', content: this.#system }]), ...this.#turns];
  }

  /** Adds a turn. */
  add(role: 'user' | 'assistant', content: string): void {
    this.#turns.push({ role, content });
  }

  /** Begins anew, with the same system message. */
  clear(): void {
    this.#turns = [];
  }

  /** Sets the message of the system, and begins anew; an empty one takes it away. */
  setSystem(text: string): void {
    this.#system = text === '' ? undefined : text;
    this.clear();
  }

  /** Takes away the last question with its answer, and returns the question; `undefined` if there is none. */
  takeBack(): string | undefined {
    const last = this.#turns.findLastIndex(({ role }) => role === 'user');
    if (last < 0) return undefined;
    const { content } = this.#turns[last];
    this.#turns.length = last;
    return content as string;
  }

  /**
   * Writes the conversation for the model to answer. The oldest questions are left out, with their answers, until it
   * leaves room; they stay in {@link messages}.
   *
   * @param positions - positions of the model.
   * @param room - tokens that the answer should have.
   * @returns the text, and how many questions were left out.
   * @throws ConfigError if not even the last question leaves room for a token.
   */
  prompt(positions: number, room: number): { readonly text: string; readonly left: number } {
    const system = this.messages.slice(0, this.#system === undefined ? 0 : 1);
    const questions = this.#turns.flatMap(({ role }, index) => (role === 'user' ? [index] : []));
    let least = Number.POSITIVE_INFINITY;
    for (const [left, from] of questions.entries()) {
      const text = this.#tokenizer.applyChatTemplate([...system, ...this.#turns.slice(from)], { addGenerationPrompt: true });
      const tokens = this.#tokenizer.encode(text, { addSpecialTokens: false }).length;
      least = Math.min(least, tokens);
      // The last question has what room there is.
      const wanted = left === questions.length - 1 ? 1 : Math.min(room, positions / 2);
      if (tokens + wanted <= positions) return { text, left };
    }
    throw new ConfigError(
      `chat: expected a message that leaves room in ${positions} tokens, the model's limit, got ${counted(least, 'token')}; shorten it`,
    );
  }
}
