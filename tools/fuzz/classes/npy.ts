/** NumPy's files: magic string, version, a header in Python's notation, numbers. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { hostAlgebra } from 'bures';
import { readNpy } from 'bures/io';
import { damageBytes } from '../damage-bytes.js';
import type { Draw } from '../draw.js';
import type { FuzzClass } from '../fuzz-class.js';

const file = 'array.npy';
/** What was read, for the comparison with NumPy. */
const values = 'array.values';
const sizes: Readonly<Record<string, number>> = { '<f8': 8, '<f4': 4, '<i8': 8, '<i4': 4, '|u1': 1 };

/** The class. */
export const npy: FuzzClass = {
  name: 'npy',
  refusal: /^readNpy: .*array\.npy/s,
  reference: { kind: 'npy', file, values },
  prepare: async () => ({
    write: (draw, folder, damaged) => writeFileSync(path.join(folder, file), arrayBytes(draw, damaged)),
    async use(folder, attempt) {
      const la = hostAlgebra();
      await attempt(async () => {
        const array = await readNpy(la, path.join(folder, file));
        const shape = la.shape(array);
        writeFileSync(path.join(folder, values), Buffer.from(Float64Array.of(shape.length, ...shape, ...la.toArray(array)).buffer));
      });
    },
  }),
};

function arrayBytes(draw: Draw, damaged: boolean): Uint8Array {
  const descr = draw.pick(Object.keys(sizes));
  const shape = draw.list(0, 3, () => draw.below(5));
  const order = draw.chance(0.8) || shape.length > 2 ? 'False' : 'True';
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const header = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${tuple}, }`;
  const data = draw.bytes(shape.reduce((product, size) => product * size, sizes[descr]));
  const sound = numpyFile(damaged ? otherwise(draw, { descr, order, tuple }) : header, data, draw.pick([1, 1, 1, 2, 3]));
  if (!damaged || draw.chance(0.15)) return sound;
  const kind = draw.below(10);
  if (kind < 2) return damageBytes(draw, sound);
  if (kind < 7) return numpyFile(damagedHeader(draw, { descr, order, tuple, header }), data, draw.pick([1, 1, 2]));
  if (kind < 8)
    return numpyFile(header, data, draw.pick([0, 1, 2, 3, 4, 255]), draw.pick([-1, 0, 1, 10, 63, 65_535, 2 ** 31, 2 ** 32 - 1]));
  const tail = draw.pick([
    data.subarray(1),
    Buffer.concat([data, Buffer.alloc(1 + draw.below(9))]),
    data.subarray(0, draw.below(data.length + 1)),
  ]);
  return numpyFile(header, tail, 1);
}

/** The same header, written as NumPy reads it too. */
function otherwise(
  draw: Draw,
  { descr, order, tuple }: { readonly descr: string; readonly order: string; readonly tuple: string },
): string {
  const quote = draw.pick(["'", "'", '"']);
  const space = draw.pick([' ', ' ', '', '\t']);
  const entries = [
    ['descr', `${quote}${descr}${quote}`],
    ['fortran_order', order],
    ['shape', draw.chance(0.8) ? tuple : tuple.replaceAll(' ', draw.pick(['', '  ']))],
  ].map(([key, value]) => `${quote}${key}${quote}:${space}${value}`);
  const first = draw.below(entries.length);
  const turned = [...entries.slice(first), ...entries.slice(0, first)];
  return `{${turned.join(`,${space}`)}${draw.pick([',', ''])}${space}}`;
}

/**
 * @param length - what the header's length is said to be: a number below 0 means that much less, `undefined` the truth.
 */
function numpyFile(header: string, data: Uint8Array, major: number, length?: number): Uint8Array {
  const wide = major !== 1;
  const fixed = wide ? 12 : 10;
  const body = Buffer.from(`${header.padEnd(64 * Math.ceil((header.length + 1 + fixed) / 64) - fixed - 1)}\n`, 'latin1');
  const start = Buffer.alloc(fixed);
  start.write('\x93NUMPY', 'latin1');
  start[6] = major;
  const said = length === undefined ? body.length : length < 0 ? body.length + length : length;
  if (wide) start.writeUInt32LE(said, 8);
  else start.writeUInt16LE(Math.min(said, 65_535), 8);
  return Buffer.concat([start, body, data]);
}

/** Python that is nearly the header. */
function damagedHeader(
  draw: Draw,
  parts: { readonly descr: string; readonly order: string; readonly tuple: string; readonly header: string },
): string {
  const { descr, order, tuple, header } = parts;
  const descrs = [
    '>f8',
    '=f8',
    'f8',
    '<f2',
    '<c16',
    '|O',
    '|S4',
    '<U4',
    '|b1',
    '<f8 ',
    '<F8',
    '|i1',
    '<u4',
    '<M8[s]',
    '',
    '<f8,<f8',
    '<i04',
    '|u01',
  ];
  const orders = ['true', 'false', '0', '1', 'None', "'False'", '"True"', 'False, ', 'False or True', 'not True'];
  const tuples = [
    ...[
      '(-1,)',
      '(1.0,)',
      '(01,)',
      '(1e3,)',
      '(0x2, 2)',
      '(1_0,)',
      '[2, 3]',
      '2',
      '(2)',
      '(2 3)',
      '(2,,3)',
      '(,)',
      '(2, 3,)',
      '((2,), 3)',
      '( 2 , 3 )',
    ],
    ...[
      '(True, 2)',
      "('2',)",
      '(2147483648,)',
      '(4294967296, 4294967296)',
      '(9007199254740993,)',
      '(10**9,)',
      '(2,\n3)',
      '(None,)',
      '(2L, 3L)',
      '()',
    ],
    ...[`(${'1,'.repeat(33)})`, `(${'0, '.repeat(70)})`, `(${'9'.repeat(400)},)`, '(0, 1000000000000)', '(1000000000, 0)', '(٣,)'],
  ];
  return draw.pick([
    () => header.replace(descr, draw.pick(descrs)),
    () => header.replace(order, draw.pick(orders)),
    () => header.replace(tuple, draw.pick(tuples)),
    () => header.replace(tuple, draw.pick(tuples)),
    () => header.replaceAll("'", draw.pick(['"', '`', '', "''"])),
    () =>
      header.replace(
        draw.pick(["'descr'", "'fortran_order'", "'shape'", ', }', '{', '}', ':', ',']),
        draw.pick(['', "'x'", '}', '{', ' ', '#', '\t', '\n']),
      ),
    () => header.replace('}', draw.pick(["'shape': (1,)}", "'more': 1}", "'descr': '<f4'}", '} ', '};', '}\0', '} #', '}{}', '} x'])),
    () => `${draw.pick([' ', '\n', '\t', 'x', '(', '#\n', ' '.repeat(12_000)])}${header}`,
    () => Buffer.from(damageBytes(draw, Buffer.from(header, 'latin1'))).toString('latin1'),
  ])();
}
