/** The state of a training in a checkpoint. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { readCheckpoint } from '../../../src/cli/run/checkpoint.js';
import { damageBytes } from '../damage-bytes.js';
import { damageJson, jsonText, nodeOf } from '../damage-json.js';
import type { FuzzClass } from '../fuzz-class.js';
import { tensorFileBytes } from './sound-tensors.js';

const state = {
  step: 3,
  learningRate: 1e-3,
  numbers: { 'adam.count': 3 },
  progress: { seconds: 1, tokens: 2, best: { step: 2, loss: 1.5 }, evaluationsSinceBest: 0, loss: 1 },
};

/** The class. */
export const trainingState: FuzzClass = {
  name: 'training-state',
  refusal: /^(resume|openSafetensors): .*training_state\.(json|safetensors)/s,
  prepare: async () => ({
    write(draw, folder, damaged) {
      const spoilt = damaged ? draw.below(4) : 4;
      const header = { m: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] } };
      const tensors = tensorFileBytes(jsonText(spoilt === 3 ? damageJson(draw, header) : nodeOf(header)), draw.bytes(16));
      writeFileSync(path.join(folder, 'training_state.safetensors'), tensors);
      const text = Buffer.from(jsonText(spoilt < 2 ? damageJson(draw, state) : nodeOf(state)));
      writeFileSync(path.join(folder, 'training_state.json'), spoilt === 2 ? damageBytes(draw, text) : text);
    },
    async use(folder, attempt) {
      await attempt(() => readCheckpoint(folder));
    },
  }),
};
