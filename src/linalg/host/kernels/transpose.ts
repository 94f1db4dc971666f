/** Side of the tiles: a tile and its transpose fit in a first-level cache. */
const TILE = 32;

/** out (n×m) = aᵀ for a contiguous m×n matrix. Also turns row-major order into order by columns and back. */
export function transposeInto(m: number, n: number, a: Float64Array, out: Float64Array): void {
  if (m <= TILE || n <= TILE) {
    for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) out[j * m + i] = a[i * n + j];
    return;
  }
  for (let firstRow = 0; firstRow < m; firstRow += TILE) {
    const endRow = Math.min(firstRow + TILE, m);
    for (let firstColumn = 0; firstColumn < n; firstColumn += TILE) {
      const endColumn = Math.min(firstColumn + TILE, n);
      for (let i = firstRow; i < endRow; i++) {
        for (let j = firstColumn; j < endColumn; j++) out[j * m + i] = a[i * n + j];
      }
    }
  }
}
