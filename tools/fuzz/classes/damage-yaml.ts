/** Damage that knows YAML: values, anchors, aliases, merge keys, tags, long and deep documents. */
import { damageBytes } from '../damage-bytes.js';
import { jsonText, strangeValue } from '../damage-json.js';
import type { Draw } from '../draw.js';

const values = [
  ...[
    '.nan',
    '.inf',
    '-.inf',
    '~',
    'yes',
    'off',
    '0x10',
    '0o17',
    '1_000',
    '12e03',
    '2001-12-14',
    '!!str 4',
    '!!binary aGVsbG8=',
    '!!set {a, b}',
    '!!omap [a: 1]',
    '!local x',
    '!!float x',
  ],
  ...[
    '&a 1',
    '*a',
    '*nowhere',
    '[*a, *a]',
    '|\n  text',
    '>-\n  text',
    '"a\\u0000"',
    "'it''s'",
    '"\\ud83d"',
    '[1, 2',
    '{a: 1',
    '? a',
    '- a',
    '@x',
    '`x`',
    '%x',
    '1e999',
    '-1',
    '1.5',
    '99999999999',
    '4 # four',
  ],
];

/** A document of lines `key: value`, changed in one to three places. */
export function damageYaml(draw: Draw, lines: readonly string[], keys: readonly string[]): Uint8Array {
  const changed = Array.from({ length: draw.chance(0.7) ? 1 : 2 + draw.below(2) }).reduce<readonly string[]>(
    (all) => damageLines(draw, all, keys),
    lines,
  );
  const bytes = Buffer.from(changed.join(draw.pick(['\n', '\n', '\n', '\r\n'])) + draw.pick(['\n', '\n', '']));
  return draw.chance(0.2) ? damageBytes(draw, bytes) : bytes;
}

function damageLines(draw: Draw, lines: readonly string[], keys: readonly string[]): readonly string[] {
  const at = draw.below(lines.length);
  const value = (): string => (draw.chance(0.5) ? draw.pick(values) : jsonText(strangeValue(draw)));
  const key = (): string =>
    draw.pick([
      ...keys,
      ...keys,
      'unknown',
      '__proto__',
      'constructor',
      '"a b"',
      '<<',
      '1',
      'null',
      '"": ""\n#',
      '? [a]\n',
      'k'.repeat(2000),
    ]);
  return draw.pick([
    () =>
      lines.with(
        at,
        lines[at].replace(/:.*/s, () => `: ${value()}`),
      ),
    () =>
      lines.with(
        at,
        lines[at].replace(/:.*/s, () => `: ${value()}`),
      ),
    () =>
      lines.with(
        at,
        lines[at].replace(/:.*/s, () => `: ${value()}`),
      ),
    () => lines.toSpliced(at, 0, `${key()}: ${value()}`),
    () => lines.toSpliced(at, 0, `${key()}: ${value()}`),
    () => lines.toSpliced(at, 1),
    () => lines.toSpliced(at, 0, lines[at]),
    () =>
      lines.toSpliced(
        at,
        0,
        draw.pick([
          '---',
          '...',
          '%YAML 1.2',
          '# remark',
          '\tx: 1',
          ' x: 1',
          '- x',
          'x',
          '',
          '<<: *a',
          '<<: {rank: 3}',
          '<<: [1]',
          'a: &a {b: *a}',
        ]),
      ),
    () => lines.map((line) => (line.startsWith(' ') ? line : ` ${line}`)),
    // The billion laughs.
    () => [
      ...lines,
      'l0: &l0 [x, x, x, x, x, x, x, x, x]',
      ...Array.from(
        { length: draw.pick([3, 9]) },
        (_, i) => `l${i + 1}: &l${i + 1} [${Array.from({ length: 9 }, () => `*l${i}`).join(', ')}]`,
      ),
    ],
    () => [...lines, ...Array.from({ length: draw.pick([10, 1000, 50_000]) }, (_, i) => `unknown${i}: ${i}`)],
    () => [...lines, `deep: ${draw.chance(0.5) ? '['.repeat(draw.pick([50, 3000])) : '{a: '.repeat(draw.pick([50, 3000]))}`],
    () => [...lines, `big: [${'x,'.repeat(draw.pick([1000, 100_000, 2_090_000]))}]`],
    () => [...lines, ...Array.from({ length: draw.pick([50, 1000]) }, (_, i) => `${' '.repeat(i)}a:`)],
  ])();
}
