/** A matrix as a picture, on which one can draw with a pointer, or with the arrow keys and the space bar. */
import { draw, pointerIn, set } from '../parts/svg.js';

/** Width and height of a cell. */
const cell = 20;
const moves: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/**
 * Prepares a picture of n×n entries; `paint` is called with those that are drawn on.
 *
 * @returns what shows values from 0 to 1, row by row, and `undefined` as unknown.
 */
export function grid(svg: SVGSVGElement, n: number, paint?: (place: number) => void): (values: readonly (number | undefined)[]) => void {
  set(svg, { viewBox: `0 0 ${n * cell} ${n * cell}` });
  const cells = Array.from({ length: n * n }, (_, place) =>
    draw(svg, 'rect', { x: (place % n) * cell, y: Math.floor(place / n) * cell, width: cell, height: cell }),
  );
  if (paint !== undefined) paintable(svg, n, paint);
  return (values) => {
    for (const [place, value] of values.entries()) {
      const ink = Math.min(Math.max(value ?? 1, 0), 1);
      set(cells[place], { class: value === undefined ? 'unknown' : 'ink', 'fill-opacity': ink.toFixed(3) });
    }
  };
}

function paintable(svg: SVGSVGElement, n: number, paint: (place: number) => void): void {
  const cursor = draw(svg, 'rect', { class: 'cursor', width: cell, height: cell });
  let [row, column] = [0, 0];
  const moveTo = (nextRow: number, nextColumn: number): void => {
    [row, column] = [Math.min(Math.max(nextRow, 0), n - 1), Math.min(Math.max(nextColumn, 0), n - 1)];
    set(cursor, { x: column * cell, y: row * cell });
    set(svg, { 'aria-description': `at row ${row + 1}, column ${column + 1}` });
  };
  const paintAt = (event: PointerEvent): void => {
    const [x, y] = pointerIn(svg, event);
    if (x < 0 || y < 0 || x >= n * cell || y >= n * cell) return;
    moveTo(Math.floor(y / cell), Math.floor(x / cell));
    paint(row * n + column);
  };
  set(svg, { tabindex: 0 });
  svg.classList.add('paintable');
  svg.addEventListener('pointerdown', (event) => {
    svg.setPointerCapture(event.pointerId);
    paintAt(event);
  });
  svg.addEventListener('pointermove', (event) => {
    if (svg.hasPointerCapture(event.pointerId)) paintAt(event);
  });
  svg.addEventListener('keydown', (event) => {
    const move = moves[event.key];
    if (move !== undefined) moveTo(row + move[0], column + move[1]);
    else if (event.key === ' ' || event.key === 'Enter') paint(row * n + column);
    else return;
    event.preventDefault();
  });
  moveTo(0, 0);
}
