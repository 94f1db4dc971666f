/**
 * SHA-256 (FIPS 180-4) of short texts, at once and wherever JavaScript runs: browsers have it on secure pages only, and
 * asynchronously. Files are hashed by `files/checksums.node.ts`, some ten times as fast.
 */

const primes = firstPrimes(64);
/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const roundConstants = primes.map((prime) => fractionBits(Math.cbrt(prime)));
/** Those of the square roots of the first eight. */
const startingHash = primes.slice(0, 8).map((prime) => fractionBits(Math.sqrt(prime)));

function firstPrimes(count: number): readonly number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}

function fractionBits(value: number): number {
  return ((value - Math.floor(value)) * 2 ** 32) | 0;
}

/** Returns the SHA-256 of bytes in hexadecimal digits. */
export function sha256(bytes: Uint8Array): string {
  const blocks = paddedBlocks(bytes);
  const hash = Int32Array.from(startingHash);
  const schedule = new Int32Array(64);
  for (let block = 0; block < blocks.byteLength; block += 64) {
    for (let t = 0; t < 16; t++) schedule[t] = blocks.getInt32(block + 4 * t);
    for (let t = 16; t < 64; t++) {
      const [before, last] = [schedule[t - 15], schedule[t - 2]];
      const small0 = rotate(before, 7) ^ rotate(before, 18) ^ (before >>> 3);
      const small1 = rotate(last, 17) ^ rotate(last, 19) ^ (last >>> 10);
      schedule[t] = schedule[t - 16] + small0 + schedule[t - 7] + small1;
    }
    compress(hash, schedule);
  }
  return Array.from(hash, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

/** Returns the bytes, a one, zeros, and the number of bits: whole blocks of 64 bytes. */
function paddedBlocks(bytes: Uint8Array): DataView {
  const padded = new Uint8Array(64 * Math.ceil((bytes.length + 9) / 64));
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, 8n * BigInt(bytes.length));
  return view;
}

function compress(hash: Int32Array, schedule: Int32Array): void {
  let [a, b, c, d, e, f, g, h] = hash;
  for (let t = 0; t < 64; t++) {
    const large1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const first = (h + large1 + ((e & f) ^ (~e & g)) + roundConstants[t] + schedule[t]) | 0;
    const large0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const second = (large0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) hash[i] += word;
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}
