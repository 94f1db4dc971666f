/** Elements of a drawing. */

export type Point = readonly [number, number];
export type Attributes = Readonly<Record<string, string | number>>;

/** Adds an element to a drawing. */
export function draw<Name extends keyof SVGElementTagNameMap>(
  parent: Element,
  name: Name,
  attributes: Attributes = {},
): SVGElementTagNameMap[Name] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  set(element, attributes);
  parent.append(element);
  return element;
}

/** Sets attributes of an element. */
export function set(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}

/** Adds a text. */
export function write(parent: Element, text: string, attributes: Attributes): SVGTextElement {
  const element = draw(parent, 'text', attributes);
  element.textContent = text;
  return element;
}

/** Returns the `d` of a path through points. */
export function through(points: readonly Point[], closed = false): string {
  if (points.length === 0) return '';
  return `M${points.map(([x, y]) => `${inPicture(x)} ${inPicture(y)}`).join('L')}${closed ? 'Z' : ''}`;
}

/** Returns where a pointer is, in the coordinates of the drawing. */
export function pointerIn(svg: SVGSVGElement, event: PointerEvent): Point {
  const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM()?.inverse());
  return [x, y];
}

/** What diverges leaves the picture; numbers beyond this are no coordinates of SVG. */
const FARTHEST = 1e5;

function inPicture(coordinate: number): string {
  return Math.max(-FARTHEST, Math.min(FARTHEST, coordinate)).toFixed(2);
}
