/** The console of a guide's program in a worker: what it prints goes to the page (run.ts). */

/** What the worker tells the page: the piece of the program that begins, a line that it prints, or an error. */
export type Message = { readonly piece: number } | { readonly line: string } | { readonly error: string };

const tell = (message: Message): void => postMessage(message);

/** Takes the place of the worker's own console in a program. */
export const console = {
  log: (...values: readonly unknown[]): void =>
    tell({ line: values.map((value) => (typeof value === 'string' ? value : shown(value))).join(' ') }),
  piece: (piece: number): void => tell({ piece }),
};

globalThis.addEventListener?.('unhandledrejection', ({ reason }) => {
  tell({ error: String(reason) });
});

/** Returns a value as Node.js prints it, or nearly so. */
function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (ArrayBuffer.isView(value) || Array.isArray(value)) return `[ ${Array.from(value as ArrayLike<unknown>, shown).join(', ')} ]`;
  if (Object.getPrototypeOf(value) !== Object.prototype) return String(value);
  return `{ ${Object.entries(value)
    .map(([key, part]) => `${key}: ${shown(part)}`)
    .join(', ')} }`;
}
