/** Matrix products of sizes at which a call of BLAS costs more than the product: the heads of attention. */
import { multiplyAdd } from './vector';

/**
 * C (m×n) = α A B + β C, all with rows apart; C is not read if β is 0. Entry (i, l) of A lies at i·rowA + l·columnA
 * numbers, so that a transposed A needs no copy. Tiles of 4×8 entries of C stay in registers.
 */
export function multiply(
  m: i32,
  n: i32,
  k: i32,
  alpha: f32,
  a: usize,
  rowA: i32,
  columnA: i32,
  b: usize,
  rowB: i32,
  beta: f32,
  c: usize,
  rowC: i32,
): void {
  const stepA = (<usize>columnA) << 2;
  const stepB = (<usize>rowB) << 2;
  for (let i = 0; i < m; i += 4) {
    // Rows past the last are computed as the last, and not stored.
    const first = a + ((<usize>(i * rowA)) << 2);
    const second = a + ((<usize>(min(i + 1, m - 1) * rowA)) << 2);
    const third = a + ((<usize>(min(i + 2, m - 1) * rowA)) << 2);
    const fourth = a + ((<usize>(min(i + 3, m - 1) * rowA)) << 2);
    const rows = min(4, m - i);
    const target = c + ((<usize>(i * rowC)) << 2);
    let j = 0;
    for (; j + 8 <= n; j += 8) {
      let offset: usize = 0;
      let row = b + ((<usize>j) << 2);
      let s00 = f32x4.splat(0),
        s01 = s00,
        s10 = s00,
        s11 = s00;
      let s20 = s00,
        s21 = s00,
        s30 = s00,
        s31 = s00;
      for (let l = 0; l < k; l++) {
        const left = v128.load(row),
          right = v128.load(row, 16);
        let x = v128.load32_splat(first + offset);
        s00 = multiplyAdd(x, left, s00);
        s01 = multiplyAdd(x, right, s01);
        x = v128.load32_splat(second + offset);
        s10 = multiplyAdd(x, left, s10);
        s11 = multiplyAdd(x, right, s11);
        x = v128.load32_splat(third + offset);
        s20 = multiplyAdd(x, left, s20);
        s21 = multiplyAdd(x, right, s21);
        x = v128.load32_splat(fourth + offset);
        s30 = multiplyAdd(x, left, s30);
        s31 = multiplyAdd(x, right, s31);
        offset += stepA;
        row += stepB;
      }
      const at = target + ((<usize>j) << 2);
      storeRow(at, s00, s01, alpha, beta);
      if (rows > 1) storeRow(at + ((<usize>rowC) << 2), s10, s11, alpha, beta);
      if (rows > 2) storeRow(at + ((<usize>rowC) << 3), s20, s21, alpha, beta);
      if (rows > 3) storeRow(at + <usize>rowC * 12, s30, s31, alpha, beta);
    }
    for (; j < n; j++) {
      for (let r = 0; r < rows; r++) {
        let sum: f32 = 0;
        let left = a + ((<usize>((i + r) * rowA)) << 2);
        let right = b + ((<usize>j) << 2);
        for (let l = 0; l < k; l++) {
          sum += load<f32>(left) * load<f32>(right);
          left += stepA;
          right += stepB;
        }
        const at = target + ((<usize>(r * rowC + j)) << 2);
        store<f32>(at, beta == 0 ? alpha * sum : alpha * sum + beta * load<f32>(at));
      }
    }
  }
}

function storeRow(at: usize, left: v128, right: v128, alpha: f32, beta: f32): void {
  left = f32x4.mul(left, f32x4.splat(alpha));
  right = f32x4.mul(right, f32x4.splat(alpha));
  if (beta != 0) {
    left = multiplyAdd(f32x4.splat(beta), v128.load(at), left);
    right = multiplyAdd(f32x4.splat(beta), v128.load(at, 16), right);
  }
  v128.store(at, left);
  v128.store(at, right, 16);
}

/**
 * Writes the transpose of a matrix of `rows` rows, `columns` numbers each, `row` apart; columns past `rows` are zero.
 */
export function transpose(rows: i32, columns: i32, from: usize, row: i32, to: usize, width: i32): void {
  for (let j = 0; j < columns; j++) {
    let source = from + ((<usize>j) << 2);
    let target = to + ((<usize>(j * width)) << 2);
    for (let i = 0; i < rows; i++) {
      store<f32>(target, load<f32>(source));
      source += (<usize>row) << 2;
      target += 4;
    }
    for (let i = rows; i < width; i++) {
      store<f32>(target, 0);
      target += 4;
    }
  }
}
