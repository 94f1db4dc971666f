/** Command lines. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { finetune } from '../../../src/cli/commands/finetune.js';
import { finetuneSchema } from '../../../src/cli/config/finetune-config.js';
import { flagName } from '../../../src/cli/config/keys.js';
import { validateConfig } from '../../../src/cli/config/validate.js';
import { parseArguments } from '../../../src/cli/flags.js';
import type { Draw } from '../draw.js';
import { BrokenPromise, type FuzzClass } from '../fuzz-class.js';

const file = 'words.json';
const names = Object.keys(finetuneSchema.shape).map(flagName);
const values = [
  '4',
  '-1',
  '1e999',
  'null',
  '[',
  '{a: 1',
  '*a',
  '!!x y',
  '"',
  '\u0000',
  '\ud800',
  '? ',
  'true',
  '[1, {2: 3}]',
  '',
  'x'.repeat(20_000),
  '['.repeat(5000),
  '&a [*a]',
  '0x10',
  'q_proj,v_proj',
];

/** The class. */
export const flags: FuzzClass = {
  name: 'flags',
  refusal: /^(bures finetune: |--\S+: ).*; /s,
  prepare: async () => ({
    write: (draw, folder, damaged) =>
      writeFileSync(
        path.join(folder, file),
        JSON.stringify(damaged ? draw.list(0, 4, () => word(draw)).flat() : ['--rank', '4', '--clip=null']),
      ),
    async use(folder, attempt) {
      const words = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as readonly string[];
      await attempt(() => {
        const { source } = parseArguments('finetune', finetune, words);
        return validateConfig(finetuneSchema, [{ values: { model: 'm', data: 'd' }, origin: () => 'here' }, source]);
      });
      if (Object.getPrototypeOf({ a: 1 }) !== Object.prototype || Object.keys(Object.prototype).length > 0) {
        await attempt(() => Promise.reject(new BrokenPromise('the prototype of objects has changed')));
      }
    },
  }),
};

function word(draw: Draw): readonly string[] {
  const name = draw.chance(0.7)
    ? draw.pick(names)
    : draw.pick([
        '__proto__',
        'constructor',
        'method-options.a.b',
        'method-options.__proto__',
        'rank.',
        '.',
        '=',
        '',
        'rnak',
        'no-packing',
        'é',
        'json',
      ]);
  const value = draw.chance(0.6) ? draw.pick(values) : String(draw.chance(0.5) ? draw.normal() : draw.below(100));
  return draw.pick([[`--${name}`], [`--${name}`, value], [`--${name}=${value}`], [`--${name}=${value}`], [value]]);
}
