/** Compares what a program wrote in a page with what it wrote in Node.js. */

/** How far numbers may be apart, as a part of their size. */
export interface Closeness {
  readonly relative: number;
  /** Below this, numbers count as zero. */
  readonly absolute: number;
}

/** Returns where two lists of lines differ, in words; `undefined` where they do not. */
export function difference(page: unknown, node: unknown, closeness: Closeness, at = 'line'): string | undefined {
  if (typeof page === 'number' && typeof node === 'number') {
    const apart = Math.abs(page - node);
    return apart <= Math.max(closeness.relative * Math.abs(node), closeness.absolute)
      ? undefined
      : `${at}: ${page} in the page, ${node} in Node.js`;
  }
  if (typeof page === 'string' && typeof node === 'string') {
    const same = words(page) === words(node) && difference(numbers(page), numbers(node), closeness) === undefined;
    return same ? undefined : `${at}: ${page} in the page, ${node} in Node.js`;
  }
  if (Array.isArray(page) && Array.isArray(node) && page.length === node.length) {
    for (const [index, value] of page.entries()) {
      const found = difference(value, node[index], closeness, `${at} ${index + 1}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (isRecord(page) && isRecord(node)) {
    for (const name of new Set([...Object.keys(page), ...Object.keys(node)])) {
      const found = difference(page[name], node[name], closeness, name);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return JSON.stringify(page) === JSON.stringify(node)
    ? undefined
    : `${at}: ${JSON.stringify(page)} in the page, ${JSON.stringify(node)} in Node.js`;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const number = /\d+(\.\d+)?(e[-+]?\d+)?/g;
const words = (text: string): string => text.replaceAll(number, '#');
const numbers = (text: string): number[] => (text.match(number) ?? []).map(Number);

/** @throws Error saying what is wrong, unless it holds. */
export function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}
