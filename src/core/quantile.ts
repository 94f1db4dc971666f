/**
 * Returns the value below which the fraction `part` of the values lies, with linear interpolation between order
 * statistics. The values need not be sorted, and may be infinite.
 */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = part * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return below === above ? below : below + (at - Math.floor(at)) * (above - below);
}
