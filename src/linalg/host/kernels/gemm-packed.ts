import type { MatrixView } from '../kernels.js';

/**
 * Side of the register tile. Sixteen sums are as many as x86-64 keeps near its registers; 4×2 to 2×6 tiles measured no
 * faster.
 */
const TILE = 4;
/** Depth of a packed panel: four rows of it (8 kB) stay in a first-level cache of 32 kB together with those of B. */
const DEPTH = 256;
/** Rows of A packed at a time: 512 × 256 doubles (1 MB) stay in a last-level cache. */
const ROWS = 512;
/** Columns of B packed at a time: 128 × 256 doubles (256 kB) stay in a second-level cache. */
const COLUMNS = 128;

// Grown on demand and kept: a product allocates nothing once it has seen its largest size.
let packedA = new Float64Array(0);
let packedB = new Float64Array(0);
const edgeTile = new Float64Array(TILE * TILE);

/**
 * Computes C = A B for large matrices: packed into panels four wide, blocked for the caches, by a 4×4 register tile.
 * The parameters are those of `gemm`.
 *
 * @see Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34(3), 2008.
 */
export function multiplyPacked(m: number, n: number, k: number, a: MatrixView, b: MatrixView, c: Float64Array, offset: number): void {
  reserve(m, n, k);
  for (let firstRow = 0; firstRow < m; firstRow += ROWS) {
    const rows = Math.min(ROWS, m - firstRow);
    for (let start = 0; start < k; start += DEPTH) {
      const depth = Math.min(DEPTH, k - start);
      pack(rows, depth, a.data, a.offset + firstRow * a.rowStride + start * a.columnStride, a.rowStride, a.columnStride, packedA);
      for (let firstColumn = 0; firstColumn < n; firstColumn += COLUMNS) {
        const columns = Math.min(COLUMNS, n - firstColumn);
        // Column j of B is row j of its transpose, so that one routine packs both operands.
        pack(columns, depth, b.data, b.offset + start * b.rowStride + firstColumn * b.columnStride, b.columnStride, b.rowStride, packedB);
        multiplyBlock(rows, columns, depth, c, offset + firstRow * n + firstColumn, n, start > 0);
      }
    }
  }
}

function reserve(m: number, n: number, k: number): void {
  const depth = Math.min(k, DEPTH);
  const neededA = roundUpToTile(Math.min(m, ROWS)) * depth;
  const neededB = roundUpToTile(Math.min(n, COLUMNS)) * depth;
  if (packedA.length < neededA) packedA = new Float64Array(neededA);
  if (packedB.length < neededB) packedB = new Float64Array(neededB);
}

function roundUpToTile(count: number): number {
  return Math.ceil(count / TILE) * TILE;
}

/**
 * Copies rows into panels of four, each panel stored column by column. A last panel that is not full is padded with
 * zeros; what they yield is dropped at the edge of C, so infinities and NaN spread only where IEEE arithmetic takes
 * them.
 */
function pack(
  rows: number,
  depth: number,
  source: Float64Array,
  offset: number,
  rowStride: number,
  columnStride: number,
  packed: Float64Array,
): void {
  let to = 0;
  let row = 0;
  for (; row + TILE <= rows; row += TILE) {
    let from = offset + row * rowStride;
    for (let p = 0; p < depth; p++) {
      packed[to] = source[from];
      packed[to + 1] = source[from + rowStride];
      packed[to + 2] = source[from + 2 * rowStride];
      packed[to + 3] = source[from + 3 * rowStride];
      to += TILE;
      from += columnStride;
    }
  }
  const left = rows - row;
  if (left === 0) return;
  packed.fill(0, to, to + TILE * depth);
  for (let i = 0; i < left; i++) {
    const from = offset + (row + i) * rowStride;
    for (let p = 0; p < depth; p++) packed[to + p * TILE + i] = source[from + p * columnStride];
  }
}

/**
 * Computes a block of C from the packed panels of A and B, along the rows of C: the order in which its cache lines are
 * filled whole.
 */
function multiplyBlock(
  rows: number,
  columns: number,
  depth: number,
  c: Float64Array,
  offset: number,
  n: number,
  accumulate: boolean,
): void {
  for (let i = 0; i < rows; i += TILE) {
    const height = Math.min(TILE, rows - i);
    for (let j = 0; j < columns; j += TILE) {
      const width = Math.min(TILE, columns - j);
      const at = offset + i * n + j;
      if (width === TILE && height === TILE) {
        multiplyTile(depth, packedA, i * depth, packedB, j * depth, c, at, n, accumulate);
        continue;
      }
      multiplyTile(depth, packedA, i * depth, packedB, j * depth, edgeTile, 0, TILE, false);
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) {
          const entry = at + row * n + column;
          c[entry] = edgeTile[row * TILE + column] + (accumulate ? c[entry] : 0);
        }
      }
    }
  }
}

/** Computes one 4×4 tile of C at `at`, from a panel of A at `startA` and one of B at `startB`. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: one loop over sixteen sums, written out because arrays are not kept in registers.
function multiplyTile(
  depth: number,
  a: Float64Array,
  startA: number,
  b: Float64Array,
  startB: number,
  c: Float64Array,
  at: number,
  n: number,
  accumulate: boolean,
): void {
  let c00 = 0;
  let c01 = 0;
  let c02 = 0;
  let c03 = 0;
  let c10 = 0;
  let c11 = 0;
  let c12 = 0;
  let c13 = 0;
  let c20 = 0;
  let c21 = 0;
  let c22 = 0;
  let c23 = 0;
  let c30 = 0;
  let c31 = 0;
  let c32 = 0;
  let c33 = 0;
  const row1 = at + n;
  const row2 = row1 + n;
  const row3 = row2 + n;
  if (accumulate) {
    c00 = c[at];
    c01 = c[at + 1];
    c02 = c[at + 2];
    c03 = c[at + 3];
    c10 = c[row1];
    c11 = c[row1 + 1];
    c12 = c[row1 + 2];
    c13 = c[row1 + 3];
    c20 = c[row2];
    c21 = c[row2 + 1];
    c22 = c[row2 + 2];
    c23 = c[row2 + 3];
    c30 = c[row3];
    c31 = c[row3 + 1];
    c32 = c[row3 + 2];
    c33 = c[row3 + 3];
  }
  let ai = startA;
  let bi = startB;
  for (let p = 0; p < depth; p++) {
    const b0 = b[bi];
    const b1 = b[bi + 1];
    const b2 = b[bi + 2];
    const b3 = b[bi + 3];
    const a0 = a[ai];
    c00 += a0 * b0;
    c01 += a0 * b1;
    c02 += a0 * b2;
    c03 += a0 * b3;
    const a1 = a[ai + 1];
    c10 += a1 * b0;
    c11 += a1 * b1;
    c12 += a1 * b2;
    c13 += a1 * b3;
    const a2 = a[ai + 2];
    c20 += a2 * b0;
    c21 += a2 * b1;
    c22 += a2 * b2;
    c23 += a2 * b3;
    const a3 = a[ai + 3];
    c30 += a3 * b0;
    c31 += a3 * b1;
    c32 += a3 * b2;
    c33 += a3 * b3;
    ai += TILE;
    bi += TILE;
  }
  c[at] = c00;
  c[at + 1] = c01;
  c[at + 2] = c02;
  c[at + 3] = c03;
  c[row1] = c10;
  c[row1 + 1] = c11;
  c[row1 + 2] = c12;
  c[row1 + 3] = c13;
  c[row2] = c20;
  c[row2 + 1] = c21;
  c[row2 + 2] = c22;
  c[row2 + 3] = c23;
  c[row3] = c30;
  c[row3 + 1] = c31;
  c[row3 + 2] = c32;
  c[row3 + 3] = c33;
}
