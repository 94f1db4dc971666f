/** Scores of rows: the mean over tokens, however the rows are divided into batches. */
import path from 'node:path';
import { ConfigError, ShapeError } from 'bures';
import { type CausalLM, collateRows, exactMatches, loadCausalLM, meanLoss, type TokenRow } from 'bures/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorEngines } from '../support/engines.js';

const directory = path.join(import.meta.dirname, '../fixtures/models/tiny-qwen2');

/** Rows of three lengths; the first tokens of each do not count. */
const rows: readonly TokenRow[] = [5, 2, 9, 3].map((length, row) => {
  const inputIds = Int32Array.from({ length }, (_, t) => 3 + ((7 * row + t) % 20));
  return { inputIds, labels: inputIds.map((id, t) => (t < 1 + (row % 2) ? -100 : id)) };
});

describe.each(tensorEngines)('meanLoss on %s', (_name, algebra) => {
  let model: CausalLM;
  beforeAll(async () => {
    model = await loadCausalLM(directory, { algebra });
  });
  afterAll(() => model.dispose());

  it.each([1, 3, 16])('weighs every token alike in batches of %i', async (batchSize) => {
    const whole = algebra.tidy(() => model.loss(collateRows(rows, { padId: 0 })));
    const { loss, perplexity, tokens } = await meanLoss(model, rows, { padId: 0, batchSize });
    const { sum, tokens: count } = await whole;
    expect(tokens).toBe(count);
    expect(Math.abs(loss - sum / count)).toBeLessThan(1e-5);
    expect(perplexity).toBe(Math.exp(loss));
  });

  it('is not a number over no tokens', async () => {
    expect(await meanLoss(model, [], { padId: 0 })).toMatchObject({ loss: Number.NaN, tokens: 0 });
  });

  it('refuses what does not fit, in its own name', async () => {
    await expect(meanLoss(model, rows, { padId: -1 })).rejects.toThrow(ConfigError);
    await expect(meanLoss(model, rows, { padId: 0, batchSize: 0 })).rejects.toThrow(/^meanLoss: batchSize/);
    const [{ inputIds }] = rows;
    await expect(meanLoss(model, [{ inputIds, labels: new Int32Array(2).fill(1) }], { padId: 0 })).rejects.toThrow(ShapeError);
  });

  it('exact matches are those of greedy generation, without all logits at once', async () => {
    const greedy = async (prompt: readonly number[], count: number): Promise<number[]> => {
      const tokens: number[] = [];
      for await (const token of model.generate(prompt, { maxNewTokens: count, stopTokens: [] })) tokens.push(token);
      return tokens;
    };
    const rowOf = (prompt: readonly number[], answer: readonly number[]): TokenRow => ({
      inputIds: Int32Array.from([...prompt, ...answer]),
      labels: Int32Array.from([...prompt.map(() => -100), ...answer]),
    });
    const prompts = [
      [3, 7, 5],
      [9, 4],
      [6, 6, 6, 6, 8],
    ];
    const answers = await Promise.all(prompts.map((prompt, i) => greedy(prompt, 2 + i)));
    const right = prompts.map((prompt, i) => rowOf(prompt, answers[i]));
    const wrong = prompts.map((prompt, i) => rowOf(prompt, [...answers[i].slice(0, -1), (answers[i].at(-1) as number) + 1]));
    const unlabelled = rowOf([4, 5], []);
    const all = [right[0], wrong[0], unlabelled, wrong[1], right[1], right[2], wrong[2]];
    const expected = [true, false, true, false, true, true, false];
    expect(await exactMatches(model, all, { padId: 0 })).toEqual(expected);
    expect(await exactMatches(model, [unlabelled], { padId: 0 })).toEqual([true]);
    // A model that does not choose by itself is asked for all logits.
    const byLogits = {
      algebra,
      config: model.config,
      logits: (...words: Parameters<CausalLM['logits']>) => model.logits(...words),
    } as unknown as CausalLM;
    expect(await exactMatches(byLogits, all, { padId: 0 })).toEqual(expected);
  });
});
