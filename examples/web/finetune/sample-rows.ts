/** Rows to begin with, which the page shows. */
import { drawQuestions } from '../../questions/questions.js';

/** Rows for the model beside the page, which has not learned remainders: `Calculate 1234 mod 5.` and the answer. */
export function sampleRows(count: number): string {
  const { train } = drawQuestions({ tasks: ['mod'], divisors: [5, 10], seed: 1, train: count, held: 0 });
  return train.map(({ prompt, completion }) => `${JSON.stringify({ prompt, completion })}\n`).join('');
}
