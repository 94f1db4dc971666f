/** What a chat template writes around the answers of an assistant, found by rendering one. */
import { unlessRefused } from './chat-template.js';
import type { AnswerFrame, ChatMessage } from './tokenizer.js';

/** What the frame is found with. */
export interface FrameSource {
  /** Writes a conversation by the template. */
  render(messages: readonly ChatMessage[], addGenerationPrompt: boolean): string;
  /** Encodes a text that needs no tokens around it. */
  encode(text: string): readonly number[];
  /** Returns the text of an added token, undefined for a token of plain text. */
  addedToken(id: number): string | undefined;
}

/** Stands for an answer, and occurs in no template. */
const sentinel = 'bures0answer0stand0in';

const question: ChatMessage = { role: 'user', content: 'question' };
const answer: ChatMessage = { role: 'assistant', content: sentinel };
/** Some templates refuse a conversation without instruction. */
const instruction: ChatMessage = { role: 'system', content: 'instruction' };

/**
 * Finds the frame of answers.
 *
 * The first special token behind the last answer of a conversation ends the turn. Some templates write none, but begin
 * each turn with one: then the beginning of the next turn ends the answer, if nothing but white space is before it.
 */
export function findAnswerFrame(source: FrameSource): AnswerFrame {
  for (const before of [[question], [instruction, question]]) {
    const alone = around(source, [...before, answer]);
    const asked = unlessRefused(() => source.render(before, true));
    if (alone === undefined || asked === undefined) continue;
    // What is asked with belongs to the prompt; the model writes the rest itself.
    const lead = alone.before.startsWith(asked) ? alone.before.slice(asked.length) : '';
    const end = firstAdded(source, alone.after);
    const between = end ?? firstAdded(source, around(source, [...before, answer, question])?.after ?? '');
    const endsTurn = between !== undefined && (end !== undefined || isSpace(between.before));
    const trail = endsTurn ? between.before : alone.after;
    return { endIds: endsTurn ? [between.id] : [], before: isSpace(lead) ? lead : '', after: isSpace(trail) ? trail : '' };
  }
  return { endIds: [], before: '', after: '' };
}

const isSpace = (text: string): boolean => text.trim() === '';

/** Returns what the template writes before and behind the answer; undefined if it refuses, or changes the answer. */
function around(source: FrameSource, messages: readonly ChatMessage[]): { readonly before: string; readonly after: string } | undefined {
  const text = unlessRefused(() => source.render(messages, false));
  const at = text?.lastIndexOf(sentinel) ?? -1;
  return text === undefined || at < 0 ? undefined : { before: text.slice(0, at), after: text.slice(at + sentinel.length) };
}

/** Finds the first added token of a text that is no white space, and the text before it. */
function firstAdded({ encode, addedToken }: FrameSource, text: string): { readonly id: number; readonly before: string } | undefined {
  // Behind an answer, so that no tokenizer treats the text as the beginning of one.
  for (const id of text === '' ? [] : encode(sentinel + text)) {
    const token = addedToken(id);
    if (token !== undefined && !isSpace(token)) return { id, before: text.slice(0, Math.max(0, text.indexOf(token))) };
  }
  return undefined;
}
