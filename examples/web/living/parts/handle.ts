/** What a reader drags, with a pointer or with the arrow keys. */
import { draw, type Point, pointerIn, set } from './svg.js';

export interface HandleOptions {
  /** What it stands for, for screen readers: "first column of A". */
  readonly label: string;
  /** Class of its colour. */
  readonly color: string;
  /** Called with where the pointer drags it, in the coordinates of the drawing. */
  moveTo(pointer: Point): void;
  /** Called by the arrow keys with steps to the right and up: 1, or a tenth of it with Shift. */
  moveBy(right: number, up: number): void;
}

export interface Handle {
  readonly element: SVGGElement;
  /** Draws it at a place of the drawing; `value` is what it stands for there. */
  place(at: Point, value: readonly number[]): void;
}

const arrowKeys: Readonly<Record<string, Point>> = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** Adds a handle to a drawing. */
export function handle(svg: SVGSVGElement, { label, color, moveTo, moveBy }: HandleOptions): Handle {
  const element = draw(svg, 'g', {
    class: 'handle',
    tabindex: 0,
    role: 'slider',
    'aria-roledescription': 'point in the plane',
    'aria-label': label,
  });
  draw(element, 'circle', { class: 'reach', r: 20 });
  draw(element, 'circle', { class: `dot ${color}`, r: 7 });
  element.addEventListener('pointerdown', (event) => {
    element.setPointerCapture(event.pointerId);
    element.focus();
    event.preventDefault();
  });
  element.addEventListener('pointermove', (event) => {
    if (element.hasPointerCapture(event.pointerId)) moveTo(pointerIn(svg, event));
  });
  element.addEventListener('keydown', (event) => {
    const direction = arrowKeys[event.key];
    if (direction === undefined) return;
    event.preventDefault();
    const length = event.shiftKey ? 0.1 : 1;
    moveBy(length * direction[0], length * direction[1]);
  });
  return {
    element,
    place([x, y], value) {
      set(element, {
        transform: `translate(${x.toFixed(2)} ${y.toFixed(2)})`,
        'aria-valuenow': value[0].toFixed(2),
        'aria-valuetext': value.map((number) => number.toFixed(2)).join(', '),
        'data-value': JSON.stringify(value),
      });
    },
  };
}
