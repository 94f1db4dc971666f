/** Matrix Market files: banner, sizes, entries. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { hostAlgebra } from 'bures';
import { readMatrixMarket } from 'bures/io';
import { damageBytes } from '../damage-bytes.js';
import type { Draw } from '../draw.js';
import type { FuzzClass } from '../fuzz-class.js';

const file = 'matrix.mtx';

/** The class. */
export const matrixMarket: FuzzClass = {
  name: 'matrix-market',
  refusal: /^readMatrixMarket: .*matrix\.mtx/s,
  prepare: async () => ({
    write: (draw, folder, damaged) => writeFileSync(path.join(folder, file), matrixText(draw, damaged)),
    async use(folder, attempt) {
      await attempt(() => readMatrixMarket(hostAlgebra(), path.join(folder, file)));
    },
  }),
};

function matrixText(draw: Draw, damaged: boolean): Uint8Array {
  const format = draw.pick(['coordinate', 'coordinate', 'array']);
  const symmetry = draw.pick(['general', 'general', 'symmetric', 'skew-symmetric']);
  const field = draw.pick(
    format === 'coordinate' && symmetry !== 'skew-symmetric' ? ['real', 'integer', 'pattern', 'double'] : ['real', 'integer'],
  );
  const size = 2 + draw.below(4);
  const [rows, columns] = [size, symmetry === 'general' ? 1 + draw.below(5) : size];
  const value = (): string => (field === 'pattern' ? '' : field === 'integer' ? String(draw.below(9) - 4) : draw.normal().toExponential(3));
  const places = Array.from({ length: columns }, (_, column) =>
    Array.from({ length: rows }, (__, row) => [row + 1, column + 1] as const),
  ).flat();
  const stored = places.filter(([row, column]) => symmetry === 'general' || (symmetry === 'symmetric' ? row >= column : row > column));
  const kept = format === 'array' ? stored : stored.filter(() => draw.chance(0.6));
  const lines = format === 'array' ? kept.map(value) : kept.map(([row, column]) => `${row} ${column} ${value()}`.trim());
  const banner = `%%MatrixMarket matrix ${format} ${field} ${symmetry}`;
  const sizes = format === 'array' ? [rows, columns] : [rows, columns, kept.length];
  const sound = [banner, ...(draw.chance(0.3) ? ['% a remark', '%'] : []), sizes.join(' '), ...lines];
  const end = draw.pick(['\n', '\n', '\r\n']);
  if (!damaged || draw.chance(0.1)) return Buffer.from(sound.join(end) + end);
  const at = sound.indexOf(sizes.join(' '));
  return damagedText(draw, sound, at, sizes, end);
}

function damagedText(draw: Draw, sound: readonly string[], at: number, sizes: readonly number[], end: string): Uint8Array {
  const large = [
    '0',
    '-1',
    '1.5',
    '1e2',
    '1000',
    '100000000',
    '2147483647',
    '2147483648',
    '1e8',
    '4294967297',
    '9007199254740993',
    '1e308',
    'x',
    '',
    '0x10',
    '+3',
    '3.0',
  ];
  const lines = draw.pick([
    () =>
      sound.with(
        at,
        sizes
          .with(draw.below(sizes.length), 0)
          .map((size) => (size === 0 ? draw.pick(large) : size))
          .join(' '),
      ),
    () => sound.with(at, sizes.map(() => draw.pick(large)).join(' ')),
    () => sound.with(at, `${sound[at]} ${draw.pick(large)}`),
    () =>
      sound.with(
        0,
        sound[0].replace(
          draw.pick(['%%', 'matrix ', 'coordinate', 'array', 'real', 'integer', 'general', ' ']),
          draw.pick(['', 'complex', 'hermitian', 'symmetric', 'vector', 'array', 'coordinate', 'pattern', '  ', '\t']),
        ),
      ),
    () => sound.with(0, draw.chance(0.5) ? sound[0].toUpperCase() : sound[0].replace(/ \w+$/, '')),
    () => {
      const line = Math.min(at + 1 + draw.below(sound.length), sound.length - 1);
      const words = sound[line].split(' ');
      return sound.with(
        line,
        words.with(draw.below(words.length), draw.pick([...large, 'NaN', 'inf', '1e400', '1,5', '0', '1 1'])).join(' '),
      );
    },
    () => sound.toSpliced(1 + draw.below(sound.length), draw.below(3)),
    () => sound.toSpliced(1 + draw.below(sound.length), 0, draw.pick(['%', '', '   ', '1 1 1', '1 1', '7', '% é', '1 1 1 1', '\t'])),
  ])();
  const bytes = Buffer.from(lines.join(end) + (draw.chance(0.9) ? end : ''));
  return draw.chance(0.25) ? damageBytes(draw, bytes) : bytes;
}
