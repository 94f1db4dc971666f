/** Sweeps: their runs are planned, not run. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { sweep as command } from '../../../src/cli/commands/sweep.js';
import { finetuneSchema } from '../../../src/cli/config/finetune-config.js';
import { sweepSchema } from '../../../src/cli/sweep/sweep-config.js';
import type { Draw } from '../draw.js';
import type { FuzzClass } from '../fuzz-class.js';
import { damageYaml } from './damage-yaml.js';
import { inRepository } from './fixtures.js';
import { runCommand } from './run-command.js';

const file = 'sweep.yaml';
const keys = [...Object.keys(sweepSchema.shape), ...Object.keys(finetuneSchema.shape)];

/** The class. As for `yaml`, messages begin with the file and line. */
export const sweep: FuzzClass = {
  name: 'sweep',
  refusal: /^(sweep: |\S*sweep\.yaml(:\d+)?: |(base|out)[.\w]* is missing .*; |(model|data) is missing .*; )/s,
  prepare: async () => ({
    write(draw, folder, damaged) {
      const lines = sweepLines(draw, damaged);
      writeFileSync(path.join(folder, file), damaged && draw.chance(0.7) ? damageYaml(draw, lines, keys) : `${lines.join('\n')}\n`);
    },
    async use(folder, attempt) {
      await attempt(() => runCommand(command, [path.join(folder, file)], { plan: true }));
    },
  }),
};

function sweepLines(draw: Draw, damaged: boolean): readonly string[] {
  const odd = (sound: string, others: readonly string[]): string => (damaged && draw.chance(0.15) ? draw.pick(others) : sound);
  const model = JSON.stringify(inRepository('examples/models/tiny-math-base'));
  const wide = `[${Array.from({ length: 400 }, (_, i) => i + 1).join(', ')}]`;
  return [
    `base: { model: ${model}, data: d, ${odd('steps: 3', ['steps: -1', 'seed: 3', 'unknown: 1', 'rank: x', 'method: none', 'methodOptions: {a: 1}'])} }`,
    `grid: ${odd('{ learningRate: [1e-3, 3e-3], rank: [2, 4] }', [`{ rank: ${wide}, batchSize: ${wide}, alpha: ${wide} }`, '{ rank: [] }', '{ seed: [1] }', '{ a.b.c: [1, 2] }', '{ rank: [1, x, null] }', '{ rank.x: [1] }', '{ methodOptions.gauge: [svd] }', '{ "": [1] }', '[1]', '{ __proto__: [1] }'])}`,
    `random:\n  ${odd('alpha: { min: 1, max: 2, log: true }', ['alpha: { min: 2, max: 1 }', 'alpha: { min: 0, max: 1, log: true }', 'rank: { min: 1, max: 1e300, integer: true }', 'alpha: { min: -1e308, max: 1e308 }', 'alpha: { min: .nan, max: 1 }', 'rank: []', 'rank: { min: 1.2, max: 1.8, integer: true }', 'seed: [1]'])}`,
    `trials: ${odd('2', ['0', '100000000', '1e6', '1.5', '-1', 'x', '9007199254740993'])}`,
    `drawSeed: ${odd('1', ['-1', '1e300', '1.5', '9007199254740993'])}`,
    `seeds: ${odd('[0, 1]', ['[]', '[-1]', '[1.5]', `[${Array.from({ length: 300_000 }, (_, i) => i).join(', ')}]`, '[0, 0]', '[9007199254740993]', '3'])}`,
    `parallel: ${odd('1', ['0', '1e9', '1.5', 'x'])}`,
    `out: ${odd('o', ['""', '1', '[a]', '"\\u0000"', '/dev/null', '../..', '~', 'x'.repeat(5000)])}`,
  ];
}
