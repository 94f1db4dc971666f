/** Configurations of runs. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { finetuneSchema } from '../../../src/cli/config/finetune-config.js';
import { validateConfig } from '../../../src/cli/config/validate.js';
import { readYaml } from '../../../src/cli/config/yaml.js';
import type { Draw } from '../draw.js';
import type { FuzzClass } from '../fuzz-class.js';
import { damageYaml } from './damage-yaml.js';

const file = 'run.yaml';
const keys = Object.keys(finetuneSchema.shape);
const lines = [
  'model: m',
  'data: d',
  'rank: 4',
  'alpha: 8.5',
  'targetModules: [q_proj, v_proj]',
  'methodOptions:\n  gauge: svd\n  every: 2',
  'rankPattern: { q_proj: 3 }',
  'clip: null',
  'packing: true',
  'learningRate: &rate 1e-3',
  'minImprovement: *rate',
  'samplePrompts:\n  - "2 + 2 = "\n  - |\n    several\n    lines',
];

/**
 * The class. A configuration is a file of the user's own: messages begin with its name and line, or with the key that
 * it lacks.
 */
export const yaml: FuzzClass = {
  name: 'yaml',
  refusal: /^(finetune: |\S*run\.yaml(:\d+)?: |(model|data) is missing .*; )/s,
  prepare: async () => ({
    write: (draw, folder, damaged) =>
      writeFileSync(path.join(folder, file), damaged && !draw.chance(0.1) ? damageYaml(draw, lines, keys) : soundText(draw)),
    async use(folder, attempt) {
      await attempt(async () => validateConfig(finetuneSchema, [await readYaml('finetune', path.join(folder, file))]));
    },
  }),
};

/**
 * The lines from a drawn one on and then those before it, with remarks and ends of lines of either kind. An alias has
 * to follow its anchor.
 */
function soundText(draw: Draw): string {
  const first = draw.below(lines.length - 2);
  const turned = [...lines.slice(first), ...lines.slice(0, first)];
  const end = draw.pick(['\n', '\n', '\r\n']);
  return [draw.pick(['# a remark', '---', '%YAML 1.2\n---', '']), ...turned, draw.pick(['', '...', '# the end'])].join(end) + end;
}
