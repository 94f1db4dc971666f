/** Elements of a page by their ids, and the numbers that it shows. */
import { followTheme } from '../../theme.js';

/** Returns the element of an id. @throws Error if the page has none of this kind. */
export function byId<E extends Element>(id: string, kind: new () => E): E {
  const found: Element | null = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} with the id '${id}'`);
  return found;
}

/**
 * Takes away what a page says as long as no script runs, and sets its colours; `changed` is called when they change.
 */
export function begin(changed?: () => void): void {
  followTheme(changed);
  byId('waiting', HTMLElement).remove();
}

/** Shows a number in the `<output>` of an id, with all its digits in `data-value`. */
export function show(id: string, value: number): void {
  const output = byId(id, HTMLOutputElement);
  output.value = format(value);
  output.dataset.value = String(value);
}

/** Shows a sentence. */
export function say(id: string, text: string): void {
  byId(id, HTMLElement).textContent = text;
}

/** Returns a number with three digits; a whole one as it is. */
export function format(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : '∞';
  if (Number.isInteger(value) && Math.abs(value) < 1e5) return String(value);
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e5) return value.toExponential(1).replace('+', '');
  return size >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** Calls a function when the button of an id is pressed. */
export function onPress(id: string, pressed: () => void): void {
  byId(id, HTMLButtonElement).addEventListener('click', pressed);
}

/** Returns a function that reads a slider; `changed` is called when it moves. */
export function slider(id: string, changed: () => void): () => number {
  const input = byId(id, HTMLInputElement);
  input.addEventListener('input', changed);
  return () => input.valueAsNumber;
}
