/** Whether two printed texts say the same. */

const number = /-?\d+(?:\.(\d+))?(?:e([+-]?\d+))?/g;

/**
 * By how much a number may differ from one machine to the next: other libraries sum in another order, and an iteration
 * more or less follows.
 */
const relativeDifference = 0.1;

/**
 * Whether two texts have the same words, and numbers that differ by a tenth and one unit of the last digit at most.
 *
 * @param expected - what is said.
 * @param printed - what came.
 */
export function sameOutput(expected: string, printed: string): boolean {
  const [words, wordsPrinted] = [expected, printed].map((text) => text.replace(number, '#'));
  if (words !== wordsPrinted) return false;
  const printedNumbers = (printed.match(number) ?? []).map(Number);
  return Array.from(expected.matchAll(number)).every(([text, decimals = '', exponent = '0'], i) => {
    const value = Number(text);
    // A hair more, for the difference of two decimals is rounded.
    const unit = 1.001 * 10 ** (Number(exponent) - decimals.length);
    return Math.abs(value - printedNumbers[i]) <= relativeDifference * Math.abs(value) + unit;
  });
}
