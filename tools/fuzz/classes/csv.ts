/** Tables of row, column and value in the dialects and encodings that programs write. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { hostAlgebra } from 'bures';
import { readTriplets } from 'bures/io';
import { readEntries } from '../../../src/cli/completion/read-entries.js';
import { damageBytes } from '../damage-bytes.js';
import type { Draw } from '../draw.js';
import type { FuzzClass } from '../fuzz-class.js';

const file = 'ratings.csv';
const delimiters = [',', ',', ';', '\t', '|', '::', ' '];

/** The class. */
export const csv: FuzzClass = {
  name: 'csv',
  refusal: /^(readTriplets|complete|bures complete): /,
  prepare: async () => ({
    write: (draw, folder, damaged) => writeFileSync(path.join(folder, file), tableBytes(draw, damaged)),
    async use(folder, attempt, draw, damaged) {
      const table = path.join(folder, file);
      await attempt(() => readEntries(table, {}));
      if (!damaged) return;
      const columns = draw.pick([
        undefined,
        undefined,
        '1,2,3',
        '2,1,3',
        'userId,movieId,rating',
        '1,1,2',
        '4,5,6',
        ',,',
        '1,2,99',
        'x,y,z',
      ]);
      const delimiter = draw.pick([undefined, undefined, ',', ';', 'tab', '::', 'space', '|', 'x']);
      const header = draw.pick([undefined, undefined, 'auto', 'yes', 'no']);
      if ((columns ?? delimiter ?? header) !== undefined) await attempt(() => readEntries(table, { columns, delimiter, header }));
      const ids = draw.pick(['labels', 'integers'] as const);
      await attempt(() =>
        readTriplets(hostAlgebra(), table, { ids, delimiter: draw.pick([',', '\t', '::']), indexBase: draw.pick([0, 1]) }),
      );
    },
  }),
};

function tableBytes(draw: Draw, damaged: boolean): Uint8Array {
  const delimiter = draw.pick(delimiters);
  const label = draw.pick([
    (side: string, i: number) => `${side}${i}`,
    (_: string, i: number) => String(i),
    (side: string, i: number) => `"${side}, ${i}"`,
    (side: string, i: number) => `${side}é日${i}`,
  ]);
  const quotedOnly = delimiter === ' ' || delimiter === ',';
  const name = (side: string, i: number): string => (quotedOnly ? label(side, i).replaceAll(/^(?!")(.*[ ,].*)$/g, '"$1"') : label(side, i));
  const lines = draw.list(4, 30, () => [name('u', draw.below(6)), name('i', draw.below(6)), String(draw.below(11) / 2)]);
  const more = draw.chance(0.3) ? ['964982703'] : [];
  const rows = lines.map((line) => [...line, ...more]);
  const titles = ['userId', 'movieId', 'rating', ...more.map(() => 'timestamp')];
  // Two values that differ: what is all alike has nothing to fit.
  const table = [
    ...(draw.chance(0.6) ? [titles] : []),
    ...rows,
    [name('u', 1), name('i', 1), '7', ...more],
    [name('u', 2), name('i', 2), '8', ...more],
  ];
  const end = draw.pick(['\n', '\n', '\r\n']);
  const write = (cells: readonly (readonly string[])[]): string => cells.map((cell) => cell.join(delimiter)).join(end) + end;
  if (!damaged || draw.chance(0.1)) return Buffer.from(write(table));
  return encoded(draw, damagedTable(draw, table, write, end));
}

function damagedTable(
  draw: Draw,
  table: readonly (readonly string[])[],
  write: (cells: readonly (readonly string[])[]) => string,
  end: string,
): string {
  const at = draw.below(table.length);
  const cells = [
    '',
    ' ',
    '"',
    '"a',
    'a"b',
    '""',
    '#',
    '# x',
    'NaN',
    'inf',
    '-0',
    '1e999',
    '1,5',
    '0x10',
    '1_000',
    '3.5.1',
    'é',
    '\u0000',
    '\ufeff',
    "'",
    '-1',
    '1e9',
    '2147483647',
    '2147483646',
    '"a\nb"',
    'x'.repeat(3000),
  ];
  return draw.pick([
    () => write(table.with(at, table[at].with(draw.below(table[at].length), draw.pick(cells)))),
    () => write(table.with(at, table[at].with(2, draw.pick(cells)))),
    () => write(table.with(at, table[at].slice(0, draw.below(3)))),
    () => write(table.with(at, [...table[at], ...draw.list(1, 5, () => 'more')])),
    // A pandas index.
    () => write(table.map((line, index) => [index === 0 ? '' : String(index - 1), ...line])),
    () => write(table.map((line) => [...line, ''])),
    () => write(table.toSpliced(at, 0, [draw.pick(['# a remark', '', '   ', '%%MatrixMarket', 'sep=,', '---', '#1,2,3'])])),
    () =>
      `${draw.pick(['# exported by a program', 'sep=;', '\ufeff', '%%MatrixMarket matrix coordinate real general', ''])}${end}${write(table)}`,
    () => write(table.map((line) => line.with(2, draw.pick(['1', '2,5', '3.0', '4.', '.5', '1e0', '1E-300', '1e308', '5e-324'])))),
    () => write(table.map((line) => line.map((cell) => `"${cell.replaceAll('"', '""')}"`))),
    () => write(table.slice(0, draw.below(3))),
    () => write(table).replaceAll(end, draw.pick(['\r', '\n\n', '\r\n', '\n\r', '\u2028', '\u0085'])),
    () => write(table.map((line) => line.map((cell) => ` ${cell} `))),
    () => write(table.map((line) => line.with(0, draw.pick(['Zürich', 'Łódź', 'Ñandú', '東京', '😀'])))),
  ])();
}

/** Bytes of a text, in some cases not in UTF-8, in some cases damaged. */
function encoded(draw: Draw, text: string): Uint8Array {
  const encoding = draw.below(12);
  const bytes =
    encoding === 0
      ? Buffer.from(text, 'latin1')
      : encoding === 1
        ? Buffer.from(`\ufeff${text}`, 'utf16le')
        : encoding === 2
          ? Buffer.from(`\ufeff${text}`, 'utf16le').swap16()
          : encoding === 3
            ? Buffer.from(text, 'utf16le')
            : Buffer.from(text);
  return draw.chance(0.15) ? damageBytes(draw, bytes) : bytes;
}
