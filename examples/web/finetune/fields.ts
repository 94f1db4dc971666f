/** The elements of the page, by their ids. */

/** The element of the page with an id. */
export const byId = <Type extends Element = HTMLElement>(id: string): Type => document.getElementById(id) as unknown as Type;
/** The input with an id. */
export const field = (id: string): HTMLInputElement => byId<HTMLInputElement>(id);
/** The button with an id. */
export const button = (id: string): HTMLButtonElement => byId<HTMLButtonElement>(id);
/** Writes a text into an element. */
export const say = (id: string, text: string): void => {
  byId(id).textContent = text;
};

/** Reads a number. @throws if the field is empty, or holds another than the page says. */
export function number(id: string): number {
  const { labels, min, max, validity, value, valueAsNumber } = field(id);
  if (validity.valid && value !== '') return valueAsNumber;
  const range = max === '' ? `a number of at least ${min}` : `a whole number from ${min} to ${max}`;
  throw new Error(`${labels?.[0]?.innerText.trim() ?? id}: expected ${range}, got ${value === '' ? 'none' : value}; correct it`);
}
