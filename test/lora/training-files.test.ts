/** A training's state in files: what comes back, and what is refused. */
import { memoryFiles, readAll } from 'bures/io';
import { loadTrainingState, saveTrainingState, type TrainingState, trainingStateFiles } from 'bures/lora';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/index.js';

const state: TrainingState = {
  step: 7,
  learningRate: 1e-3,
  arrays: {
    'point.a.A': { shape: [2, 3, 1], data: Float32Array.of(1, -0, 3.25, 4, 5, 1e-42) },
    'memory.adam.first.a.A': { shape: [1], data: Float32Array.of(0.1) },
  },
  numbers: { 'adam.count': 7 },
};

describe('the state of a training in files', () => {
  it('comes back to the bit, with what the program saved beside it', async () => {
    const files = memoryFiles();
    const progress = { batches: { epoch: 1, random: [1, 2] }, losses: [0.5, 0.25] };
    await saveTrainingState('run/step-7', state, { files, progress });
    const loaded = await loadTrainingState('run/step-7', { files });
    expect(loaded).toEqual({ state, progress });
    expect(Object.is(loaded.state.arrays['point.a.A'].data[1], -0)).toBe(true);
  });

  it('may be of before the first step, and without progress', async () => {
    const files = memoryFiles();
    const { learningRate: _, ...first } = { ...state, step: 0 };
    await saveTrainingState('run', first, { files });
    expect(await loadTrainingState('run', { files })).toEqual({ state: first, progress: undefined });
  });

  it('is refused if its two files are of different steps', async () => {
    const files = memoryFiles();
    await saveTrainingState('a', state, { files });
    await saveTrainingState('b', { ...state, step: 8 }, { files });
    await files.write('a/training_state.safetensors', await readAll(files, 'b/training_state.safetensors'));
    await expect(loadTrainingState('a', { files })).rejects.toThrow(
      /^loadTrainingState: a\/training_state\.safetensors is of step 8, and training_state\.json beside it of step 7; restore both/,
    );
  });

  it.each([
    ['{}', /training_state\.json does not hold the state of a training/],
    ['{"step": 1.5, "numbers": {}}', /does not hold the state of a training/],
    ['{"step": 1, "numbers": {"a": "1"}}', /does not hold the state of a training/],
    ['{', /must be JSON/],
  ])('with %j in its JSON is refused', async (content, message) => {
    const files = memoryFiles();
    await saveTrainingState('', state, { files });
    await files.write(trainingStateFiles.numbers, content);
    await expect(loadTrainingState('', { files })).rejects.toThrow(FormatError);
    await expect(loadTrainingState('', { files })).rejects.toThrow(message);
  });

  it('is refused by a version that does not know its files', async () => {
    const files = memoryFiles();
    await saveTrainingState('', state, { files });
    const content = JSON.parse(new TextDecoder().decode(await readAll(files, trainingStateFiles.numbers))) as object;
    for (const version of [99, '3', null, 0, 1.5]) {
      await files.write(trainingStateFiles.numbers, JSON.stringify({ ...content, version }));
      await expect(loadTrainingState('', { files })).rejects.toThrow(/training_state\.json must be of a version from 1 to 4, got/);
    }
  });

  it('is refused if an array or a number is lost, added or of another shape', async () => {
    const files = memoryFiles();
    const contents = { 'point.a.A': [2, 3, 1], 'memory.adam.first.a.A': [1], 'adam.count': [] };
    const whole: TrainingState = { ...state, contents, configuration: { method: 'lora' } };
    await saveTrainingState('whole', whole, { files });
    expect((await loadTrainingState('whole', { files })).state).toEqual(whole);
    const { 'point.a.A': point, ...memory } = whole.arrays;
    const broken: readonly (readonly [Partial<TrainingState>, string])[] = [
      [{ arrays: { 'point.a.A': point } }, "lacks 'memory.adam.first.a.A'"],
      [{ numbers: {} }, "lacks 'adam.count'"],
      [{ numbers: { ...whole.numbers, 'foo.bar': 1 } }, "has 'foo.bar', which it had not"],
      [{ arrays: { ...memory, 'point.a.A': { ...point, shape: [3, 2, 1] } } }, "has 'point.a.A' of shape [3,2,1], which was [2,3,1]"],
    ];
    for (const [part, message] of broken) {
      await expect(saveTrainingState('broken', { ...whole, ...part }, { files })).rejects.toThrow(
        `saveTrainingState: the state ${message}`,
      );
      const { contents: _, ...unnamed } = { ...whole, ...part };
      await saveTrainingState('other', unnamed, { files });
      await files.write('whole/training_state.safetensors', await readAll(files, 'other/training_state.safetensors'));
      if (part.arrays === undefined) continue;
      await expect(loadTrainingState('whole', { files })).rejects.toThrow(message);
    }
  });

  it('is saved with a progress that JSON gives back as it was, or not at all', async () => {
    const files = memoryFiles();
    const circular: Record<string, unknown> = {};
    circular.self = { circular };
    const refused: readonly (readonly [unknown, string])[] = [
      [circular, 'progress.self.circular must be'],
      [{ losses: [1, Number.NaN] }, 'progress.losses[1] must be'],
      [{ count: 3n }, 'progress.count must be'],
      [{ at: new Date(0) }, 'progress.at must be'],
      [{ map: new Map() }, 'progress.map must be'],
      [Float32Array.of(1), 'progress must be'],
      [{ next: () => 1 }, 'progress.next must be'],
    ];
    for (const [progress, message] of refused)
      await expect(saveTrainingState('run', state, { files, progress })).rejects.toThrow(
        `saveTrainingState: ${message} a value that JSON can hold`,
      );
    await expect(saveTrainingState(3 as unknown as string, state, { files })).rejects.toThrow(
      'saveTrainingState: folder must be a path, got 3',
    );
    expect(await files.list('')).toEqual([]);
  });

  it('is checked before anything is written', async () => {
    const files = memoryFiles();
    await expect(saveTrainingState('run', { ...state, step: -1 }, { files })).rejects.toThrow(/^saveTrainingState: state\.step must be/);
    expect(await files.list('')).toEqual([]);
  });
});
