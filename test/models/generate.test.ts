/** Generation: choices of the next token, ends, and what is left over. */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, DomainError, NumericalError, ShapeError } from '../../src/core/errors.js';
import { seededRandom } from '../../src/core/random.js';
import { type CausalLM, type GenerateOptions, loadCausalLM } from '../../src/models/index.js';
import { sampleToken } from '../../src/models/sample-token.js';
import { liveTensors, tensorEngines } from '../support/engines.js';
import { overlayArrays, randomOverlay } from './overlays.js';

describe('sampleToken', () => {
  const logits = Float32Array.of(0, 2, 1, -1, 2.5);
  const DRAWS = 20_000;

  function frequencies(options: Parameters<typeof sampleToken>[1]): Float64Array {
    const random = seededRandom(4);
    const counts = new Float64Array(logits.length);
    for (let draw = 0; draw < DRAWS; draw++) counts[sampleToken(logits, options, random)] += 1 / DRAWS;
    return counts;
  }

  function softmax(kept: readonly number[], temperature: number): number[] {
    const weights = Array.from(logits, (logit, token) => (kept.includes(token) ? Math.exp(logit / temperature) : 0));
    const total = weights.reduce((sum, weight) => sum + weight);
    return weights.map((weight) => weight / total);
  }

  it.each([
    [{ temperature: 1 }, [0, 1, 2, 3, 4]],
    [{ temperature: 0.5 }, [0, 1, 2, 3, 4]],
    [{ temperature: 2, topK: 2 }, [1, 4]],
    // Probabilities 0.49, 0.30, 0.11 …: the second reaches 0.6.
    [{ temperature: 1, topP: 0.6 }, [1, 4]],
    [{ temperature: 1, topP: 0.4 }, [4]],
    // Among the first three of which the first two have 0.87.
    [{ temperature: 1, topK: 3, topP: 0.9 }, [1, 2, 4]],
  ])('%j draws as often as it should', (options, kept) => {
    expect(frequencies(options)).toBeAllClose(softmax(kept, options.temperature), 4 / Math.sqrt(DRAWS));
  });

  it('takes the first of the likeliest at temperature 0, and refuses NaN', () => {
    expect(sampleToken(Float32Array.of(1, 3, 3), {}, seededRandom(1))).toBe(1);
    expect(() => sampleToken(Float32Array.of(1, Number.NaN), {}, seededRandom(1))).toThrow(NumericalError);
  });

  it('draws the last token that is possible where rounding leaves nothing', () => {
    const random = { ...seededRandom(1), uniform: () => 1 };
    expect(sampleToken(Float32Array.of(1, 2, Number.NEGATIVE_INFINITY), { temperature: 1 }, random)).toBe(1);
  });
});

describe.each(tensorEngines)('generate on %s', (_, algebra) => {
  let model: CausalLM;
  let before = 0;
  beforeAll(async () => {
    model = await loadCausalLM(path.join(import.meta.dirname, '../fixtures/models/tiny-qwen2'), { algebra });
    before = liveTensors();
  });
  afterAll(() => {
    expect(liveTensors()).toBe(before);
    model.dispose();
  });

  async function collect(options: GenerateOptions, prompt = [263, 262, 329]): Promise<number[]> {
    const tokens: number[] = [];
    for await (const token of model.generate(prompt, options)) tokens.push(token);
    return tokens;
  }

  it('repeats itself for a seed', async () => {
    const options = { temperature: 1, topK: 50, seed: 7, maxNewTokens: 12 };
    const first = await collect(options);
    expect(await collect(options)).toEqual(first);
    expect(await collect({ ...options, seed: 8 })).not.toEqual(first);
  });

  it('stops at an end token, at the count and at the position limit', async () => {
    const free = await collect({ temperature: 1, seed: 3, maxNewTokens: 9, stopTokens: [] });
    expect(free).toHaveLength(9);
    const stopped = await collect({ temperature: 1, seed: 3, maxNewTokens: 9, stopTokens: [free[4]] });
    expect(stopped).toEqual(free.slice(0, free.indexOf(free[4]) + 1));
    expect(await collect({ stopTokens: [] }, Array(250).fill(5))).toHaveLength(6);
  });

  it('frees its tensors when the consumer leaves, and when it is aborted', async () => {
    for await (const _token of model.generate([5, 6], {})) break;
    expect(liveTensors()).toBe(before);
    const controller = new AbortController();
    const tokens = model.generate([5, 6], { signal: controller.signal, stopTokens: [] });
    await tokens.next();
    controller.abort(new Error('enough'));
    await expect(tokens.next()).rejects.toThrow('enough');
    expect(liveTensors()).toBe(before);
  });

  it('goes the way of the overlay', async () => {
    const overlay = randomOverlay(model, ['model.layers.1.mlp.down_proj', 'lm_head'], ['model.norm.weight'], 2);
    const prompt = [5, 9, 300];
    const tokens = await collect({ overlay, maxNewTokens: 5, stopTokens: [] }, prompt);
    for (let count = 0; count < tokens.length; count++) {
      const inputIds = Int32Array.from([...prompt, ...tokens.slice(0, count)]);
      const logits = model.logits({ batch: 1, length: inputIds.length, inputIds }, { overlay });
      const last = logits.dataSync<'float32'>().slice(-model.config.vocabularySize);
      logits.dispose();
      expect(last.indexOf(Math.max(...last))).toBe(tokens[count]);
    }
    for (const each of overlayArrays(overlay).values()) each.dispose();
  });

  it('refuses what it cannot do, before the first token', () => {
    expect(() => model.generate([], {})).toThrow(DomainError);
    expect(() => model.generate([384], {})).toThrow(DomainError);
    expect(() => model.generate(Array(256).fill(1), {})).toThrow(DomainError);
    expect(() => model.generate([1], { topK: 3 })).toThrow(ConfigError);
    expect(() => model.generate([1], { temperature: -1 })).toThrow(ConfigError);
    expect(() => model.generate([1], { temperature: 1, topP: 0 })).toThrow(ConfigError);
    expect(() => model.generate([1], { maxNewTokens: 0 })).toThrow(ShapeError);
    expect(() => model.generate([1], { beams: 3 } as GenerateOptions)).toThrow(ConfigError);
  });
});
