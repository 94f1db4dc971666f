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
      await attempt(() => runCommand('sweep', command, [path.join(folder, file), '--plan']));
    },
  }),
};

/** A list of the numbers from 1. */
const upTo = (count: number): string => `[${Array.from({ length: count }, (_, index) => index + 1).join(', ')}]`;
const wide = upTo(400);

/** The keys of a sweep: what is sound, and what is odd in some way. */
const values: Readonly<Record<string, { readonly sound: string; readonly odd: readonly string[] }>> = {
  grid: {
    sound: '{ learningRate: [1e-3, 3e-3], rank: [2, 4] }',
    odd: [
      `{ rank: ${wide}, batchSize: ${wide}, alpha: ${wide} }`,
      ...[
        '{ rank: [] }',
        '{ seed: [1] }',
        '{ a.b.c: [1, 2] }',
        '{ rank: [1, x, null] }',
        '{ rank.x: [1] }',
        '{ methodOptions.gauge: [svd] }',
      ],
      ...['{ "": [1] }', '[1]', '{ __proto__: [1] }', '{ rank: [4] }', '{ dropout: [0, 0.1] }'],
    ],
  },
  random: {
    sound: '{ alpha: { min: 1, max: 2, log: true } }',
    odd: [
      ...['{ min: 2, max: 1 }', '{ min: 0, max: 1, log: true }', '{ min: -1e308, max: 1e308 }', '{ min: .nan, max: 1 }', '[]', '[1, 2]'],
      ...['{ min: 1.2, max: 1.8, integer: true }', '{ min: 1, max: 1e300, integer: true }', '{ min: 1, max: 2 }', '3'],
    ].map((from) => `{ alpha: ${from} }`),
  },
  trials: { sound: '2', odd: ['1', '3', '0', '100000000', '1e6', '1.5', '-1', 'x', '9007199254740993'] },
  drawSeed: { sound: '1', odd: ['0', '-1', '1e300', '1.5', '9007199254740993'] },
  seeds: { sound: '[0, 1]', odd: ['[7]', '[]', '[-1]', '[1.5]', '[0, 0]', '[9007199254740993]', '3', upTo(300_000)] },
  parallel: { sound: '1', odd: ['2', '0', '1e9', '1.5', 'x'] },
  out: { sound: 'o', odd: ['runs/o', '""', '1', '[a]', '"\\u0000"', '/dev/null', '../..', '~', 'x'.repeat(5000)] },
};
const oddBase = ['steps: 7', 'steps: -1', 'seed: 3', 'unknown: 1', 'rank: x', 'method: none', 'methodOptions: {a: 1}', 'dropout: 0.1'];

function sweepLines(draw: Draw, damaged: boolean): readonly string[] {
  const one = (sound: string, odd: readonly string[]): string => (damaged && draw.chance(0.15) ? draw.pick(odd) : sound);
  const model = JSON.stringify(inRepository('examples/models/tiny-math-base'));
  return [
    `base: { model: ${model}, data: d, ${one('steps: 3', oddBase)} }`,
    ...Object.entries(values).map(([key, { sound, odd }]) => `${key}: ${one(sound, odd)}`),
  ];
}
