/** Damage that knows nothing of a file's format: what disks, transfers, editors and encodings do. */
import type { Draw } from './draw.js';

/** Pieces that mean something in one of the formats, and bytes that are no UTF-8. */
const scraps = [
  ...['\xff', '\xc3', '\u0000', '\xef\xbb\xbf', '\xff\xfe', '\t', '\r', '\n', '"', "'", '{', '}', '[', ']', ':', ',', '-', '?', ';'],
  ...['&a', '*a', '<<: *a', '!!x ', '!!binary ', '#', '%', '|', '>', '\\u', '\\ud800', '1e999', '-0', 'NaN', '.nan', 'null', 'true'],
  ...['0x10', '1_000', '1.0', '__proto__', 'constructor', 'undefined', '\x1b[2J', ' '.repeat(5000), '9'.repeat(400), '('.repeat(300)],
].map((scrap) => Buffer.from(scrap, 'latin1'));

/**
 * One to three changes of a file's bytes: cut off, taken out, doubled, repeated, overwritten, put in, a bit turned
 * over.
 */
export function damageBytes(draw: Draw, bytes: Uint8Array): Uint8Array {
  return draw.list(1, 3, () => 0).reduce((damaged) => damageOnce(draw, damaged), bytes);
}

function damageOnce(draw: Draw, bytes: Uint8Array): Uint8Array {
  const start = draw.below(bytes.length + 1);
  const length = draw.below(draw.chance(0.2) ? 200 : 12);
  const [before, middle, after] = [bytes.subarray(0, start), bytes.subarray(start, start + length), bytes.subarray(start + length)];
  const kind = draw.pick(['cut', 'remove', 'double', 'repeat', 'replace', 'insert', 'flip', 'flip'] as const);
  switch (kind) {
    case 'cut':
      return before;
    case 'remove':
      return Buffer.concat([before, after]);
    case 'double':
      return Buffer.concat([before, middle, middle, after]);
    case 'repeat':
      return Buffer.concat([before, ...Array.from({ length: 2 + draw.below(200) }, () => middle), after]);
    case 'flip': {
      const flipped = Buffer.from(bytes);
      if (start < flipped.length) flipped[start] ^= 1 << draw.below(8);
      return flipped;
    }
    default: {
      const scrap = draw.chance(0.8) ? draw.pick(scraps) : draw.bytes(draw.below(5));
      return Buffer.concat([before, scrap, kind === 'insert' ? middle : new Uint8Array(0), after]);
    }
  }
}
