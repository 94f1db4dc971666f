/**
 * Formats a number of things with their noun: `1 row`, `2 rows`, `1 entry`, `0 entries`.
 *
 * @param noun - the noun for one.
 * @param plural - the noun for any other number. Default: `noun` with an s.
 */
export function counted(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}
