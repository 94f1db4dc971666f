/** What the command's tests train: the small model that the project ships, on questions that it has not seen. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { drawQuestions, type QuestionOptions } from '../../examples/questions/questions.js';

/** The folder of the model. */
export const model = path.resolve(import.meta.dirname, '../../examples/models/tiny-math-base');

/** Writes rows as JSON lines. */
export function writeRows(file: string, rows: readonly object[]): void {
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

/** Writes questions to train on into one file. */
export function writeQuestions(file: string, options: Omit<QuestionOptions, 'held'>): void {
  writeRows(file, drawQuestions({ ...options, held: 1 }).train);
}

/** Writes the files `train.jsonl` and `valid.jsonl` into a new folder. */
export function writeSplits(folder: string, options: QuestionOptions): void {
  const { train, held } = drawQuestions(options);
  mkdirSync(folder);
  writeRows(path.join(folder, 'train.jsonl'), train);
  writeRows(path.join(folder, 'valid.jsonl'), held);
}
