/**
 * Singular values to thirty digits, to judge float64 ones by: one-sided Jacobi in double-double arithmetic, where a
 * number is an unevaluated sum of two float64.
 *
 * @see Dekker, "A floating-point technique for extending the available precision", Numer. Math. 18, 1971.
 */
import type { Dense } from './naive.js';

type Double2 = readonly [number, number];

const ZERO: Double2 = [0, 0];
const ONE: Double2 = [1, 0];

function exactSum(a: number, b: number): Double2 {
  const sum = a + b;
  const partOfB = sum - a;
  return [sum, a - (sum - partOfB) + (b - partOfB)];
}

function exactProduct(a: number, b: number): Double2 {
  const product = a * b;
  const [aHigh, bHigh] = [high(a), high(b)];
  const [aLow, bLow] = [a - aHigh, b - bHigh];
  return [product, aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow)];
}

/** The upper 26 bits. */
function high(a: number): number {
  const shifted = a * 134217729;
  return shifted - (shifted - a);
}

function add(x: Double2, y: Double2): Double2 {
  const [sum, error] = exactSum(x[0], y[0]);
  const [low, lowError] = exactSum(x[1], y[1]);
  const [partial, rest] = exactSum(sum, error + low);
  return exactSum(partial, rest + lowError);
}

function times(x: Double2, y: Double2): Double2 {
  const [product, error] = exactProduct(x[0], y[0]);
  return exactSum(product, error + (x[0] * y[1] + x[1] * y[0]));
}

const negate = (x: Double2): Double2 => [-x[0], -x[1]];

function over(x: Double2, y: Double2): Double2 {
  const first = x[0] / y[0];
  const rest = add(x, negate(times([first, 0], y)));
  const second = rest[0] / y[0];
  const last = add(rest, negate(times([second, 0], y)))[0] / y[0];
  return add(exactSum(first, second), [last, 0]);
}

function root(x: Double2): Double2 {
  if (x[0] === 0) return ZERO;
  const guess = Math.sqrt(x[0]);
  const rest = add(x, negate(exactProduct(guess, guess)));
  return exactSum(guess, rest[0] / (2 * guess));
}

function dot(x: readonly Double2[], y: readonly Double2[]): Double2 {
  return x.reduce((sum, entry, i) => add(sum, times(entry, y[i])), ZERO);
}

/**
 * The singular values of a small matrix, descending, each to about thirty digits relative to itself where the matrix
 * has well-conditioned columns up to their lengths (or rows, if it is wide), else relative to the largest.
 */
export function accurateSingularValues({ m, n, values }: Dense): Float64Array {
  const [long, short] = m >= n ? [m, n] : [n, m];
  const columns = Array.from({ length: short }, (_, j) =>
    Array.from({ length: long }, (_entry, i): Double2 => [m >= n ? values[i * n + j] : values[j * n + i], 0]),
  );
  for (let sweep = 0, rotated = true; rotated && sweep < 60; sweep++) {
    rotated = false;
    for (let p = 0; p < short; p++) for (let q = p + 1; q < short; q++) if (orthogonalize(columns, p, q)) rotated = true;
  }
  return Float64Array.from(columns, (column) => root(dot(column, column))[0]).sort((a, b) => b - a);
}

function orthogonalize(columns: Double2[][], p: number, q: number): boolean {
  const [x, y] = [columns[p], columns[q]];
  const [xx, yy, xy] = [dot(x, x), dot(y, y), dot(x, y)];
  // A column this short (10⁻¹⁴⁰) is one of zeros that rounding has kept from vanishing; its squares are about to
  // underflow.
  if (Math.min(xx[0], yy[0]) < 1e-280) return false;
  if (Math.abs(xy[0]) <= 1e-29 * Math.sqrt(xx[0]) * Math.sqrt(yy[0])) return false;
  const zeta = over(add(yy, negate(xx)), times([2, 0], xy));
  const size = zeta[0] < 0 ? negate(zeta) : zeta;
  // Beyond 10¹⁵⁰ the square overflows, and ζ alone is (ζ² + 1)^½ to all digits.
  const hypotenuse = size[0] > 1e150 ? size : root(add(ONE, times(size, size)));
  const slope = over(zeta[0] < 0 ? [-1, 0] : ONE, add(size, hypotenuse));
  const cosine = over(ONE, root(add(ONE, times(slope, slope))));
  const sine = times(cosine, slope);
  columns[p] = x.map((entry, i) => add(times(cosine, entry), negate(times(sine, y[i]))));
  columns[q] = y.map((entry, i) => add(times(sine, x[i]), times(cosine, entry)));
  return true;
}
