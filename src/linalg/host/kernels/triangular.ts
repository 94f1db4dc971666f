import { addMultiple, dot } from './vector.js';

/**
 * Solves T X = B or X T = B in place, by substitution. n²·k flops.
 *
 * @param triangle - n×n, row-major; only the lower (or upper) triangle is read; no zero on its diagonal.
 * @param b - n×k (left) or k×n (right), overwritten by X.
 * @param transpose - use Tᵀ in place of T.
 */
export function solveTriangular(
  n: number,
  k: number,
  triangle: Float64Array,
  b: Float64Array,
  lower: boolean,
  transpose: boolean,
  right: boolean,
): void {
  const forward = lower !== transpose;
  if (right) solveRight(n, k, triangle, b, !forward, transpose);
  else solveLeft(n, k, triangle, b, forward, transpose);
}

/** Row i of X is row i of B less multiples of the rows already solved: whole rows at a time, along memory. */
function solveLeft(n: number, k: number, triangle: Float64Array, b: Float64Array, forward: boolean, transpose: boolean): void {
  const rowStride = transpose ? 1 : n;
  const columnStride = transpose ? n : 1;
  for (let step = 0; step < n; step++) {
    const i = forward ? step : n - 1 - step;
    const row = i * k;
    const first = forward ? 0 : i + 1;
    const end = forward ? i : n;
    for (let j = first; j < end; j++) {
      const weight = triangle[i * rowStride + j * columnStride];
      if (weight === 0) continue;
      addMultiple(k, -weight, b, j * k, b, row);
    }
    const pivot = triangle[i * (n + 1)];
    for (let c = 0; c < k; c++) b[row + c] /= pivot;
  }
}

/**
 * Each row of X on its own: by inner products with rows of T where it is transposed, else by subtracting them; both
 * along memory.
 */
function solveRight(n: number, k: number, triangle: Float64Array, b: Float64Array, forward: boolean, transpose: boolean): void {
  for (let row = 0; row < k; row++) {
    const start = row * n;
    for (let step = 0; step < n; step++) {
      const j = forward ? step : n - 1 - step;
      const line = j * n;
      if (transpose) {
        const first = forward ? 0 : j + 1;
        const count = forward ? j : n - first;
        b[start + j] = (b[start + j] - dot(count, b, start + first, triangle, line + first)) / triangle[line + j];
      } else {
        const solved = b[start + j] / triangle[line + j];
        b[start + j] = solved;
        const first = forward ? j + 1 : 0;
        addMultiple(forward ? n - first : j, -solved, triangle, line + first, b, start + first);
      }
    }
  }
}
