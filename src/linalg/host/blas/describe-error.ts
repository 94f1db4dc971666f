/** Returns the first line of an error's message: the rest of a failed `require` is a list of files. */
export function describeError(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];
}
