/** The questions of the study: a stream that never repeats one, and two fixed sets that no stream ever asks. */
import { drawQuestion, type Question, taskNames } from '../../examples/questions/questions.js';
import { seededRandom } from '../../src/index.js';
import type { Tokenizer, TokenRow } from '../../src/models/index.js';

/**
 * Version of the questions. A change of tasks, ranges, wording or pools is another version, whose results are not those
 * of this one.
 */
export const DATA_VERSION = 2;

/** Questions are divided by a hash of their text, so that the three sets are disjoint whatever is drawn. */
export type Pool = 'train' | 'valid' | 'test';
const POOLS = 16;

export function poolOf(prompt: string): Pool {
  let hash = 0x811c9dc5;
  for (let i = 0; i < prompt.length; i++) hash = Math.imul(hash ^ prompt.charCodeAt(i), 0x01000193) >>> 0;
  // The low bits of FNV-1a depend on little of the text.
  const pool = ((hash ^ (hash >>> 15)) >>> 0) % POOLS;
  return pool === 0 ? 'valid' : pool === 1 ? 'test' : 'train';
}

/** Different questions of a pool, the tasks in turn, without end. */
export function* questionsOf(pool: Pool, seed: number): Generator<Question, never, undefined> {
  const random = seededRandom(seed);
  const asked = new Set<string>();
  for (let turn = 0; ; ) {
    const question = drawQuestion(taskNames[turn % taskNames.length], random);
    if (poolOf(question.prompt) !== pool || asked.has(question.prompt)) continue;
    asked.add(question.prompt);
    turn++;
    yield question;
  }
}

/** The fixed set that chooses settings (64 questions a task), or the one that is reported (128 a task). */
export function fixedSet(pool: 'valid' | 'test'): readonly Question[] {
  const stream = questionsOf(pool, pool === 'valid' ? 1001 : 1002);
  return Array.from({ length: (pool === 'valid' ? 64 : 128) * taskNames.length }, () => stream.next().value);
}

/** A question as tokens; answer and end token are predicted. */
export function rowOf({ prompt, completion }: Question, tokenizer: Tokenizer): TokenRow {
  const asked = tokenizer.encode(prompt);
  const answer = [...tokenizer.encode(completion, { addSpecialTokens: false }), ...tokenizer.endIds.slice(0, 1)];
  return {
    inputIds: Int32Array.from([...asked, ...answer]),
    labels: Int32Array.from([...asked.map(() => -100), ...answer]),
  };
}
