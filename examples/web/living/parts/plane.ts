/** A plane with a grid, in which arrows from the origin are drawn and dragged. */
import { handle } from './handle.js';
import { draw, type Point, set, through, write } from './svg.js';

/** Width and height of the drawing. */
const size = 320;

export interface Plane {
  /** Adds an arrow from the origin. @returns what draws it. */
  arrow(classes: string): (to: Point) => void;
  /** Adds a curve. @returns what draws it. */
  curve(classes: string): (points: readonly Point[]) => void;
  /** Adds a closed curve. @returns what draws it. */
  loop(classes: string): (points: readonly Point[]) => void;
  /** Adds an arrow that is dragged by its head. @returns what draws it. */
  draggable(options: {
    readonly name: string;
    readonly label: string;
    readonly color: string;
    moved(to: Point): void;
  }): (to: Point) => void;
}

/** Prepares a drawing of the square |x|, |y| ≤ half. */
export function plane(svg: SVGSVGElement, half: number): Plane {
  const unit = size / (2 * half);
  const pixel = ([x, y]: Point): Point => [size / 2 + unit * x, size / 2 - unit * y];
  const clamp = (value: number): number => Math.min(Math.max(value, -half), half);
  set(svg, { viewBox: `0 0 ${size} ${size}` });
  for (let at = Math.ceil(-half); at <= half; at++) {
    const [place] = pixel([at, 0]);
    const kind = at === 0 ? 'axis' : 'grid';
    draw(svg, 'line', { class: kind, x1: place, x2: place, y1: 0, y2: size });
    draw(svg, 'line', { class: kind, y1: place, y2: place, x1: 0, x2: size });
  }
  write(svg, '1', { class: 'tick', x: pixel([1, 0])[0] + 3, y: pixel([0, 0])[1] + 13 });
  const shape = (classes: string, closed: boolean) => {
    const path = draw(svg, 'path', { class: `curve ${classes}` });
    return (points: readonly Point[]): void => set(path, { d: through(points.map(pixel), closed) });
  };
  const arrow = (classes: string) => {
    const line = draw(svg, 'path', { class: `arrow ${classes}` });
    const head = draw(svg, 'path', { class: `head ${classes}` });
    return (to: Point): void => {
      const [from, tip] = [pixel([0, 0]), pixel(to)];
      set(line, { d: through([from, tip]) });
      set(head, { d: through(arrowHead(from, tip), true) });
    };
  };
  return {
    arrow,
    curve: (classes) => shape(classes, false),
    loop: (classes) => shape(classes, true),
    draggable({ name, label, color, moved }) {
      let value: Point = [0, 0];
      const move = ([x, y]: Point): void => moved([clamp(x), clamp(y)]);
      const drawArrow = arrow(color);
      const text = write(svg, name, { class: 'name' });
      const grip = handle(svg, {
        label,
        color,
        moveTo: ([x, y]) => move([(x - size / 2) / unit, (size / 2 - y) / unit]),
        moveBy: (right, up) => move([value[0] + right / 10, value[1] + up / 10]),
      });
      return (to) => {
        value = to;
        drawArrow(to);
        const [x, y] = pixel(to);
        set(text, { x: x + 10, y: y - 8 });
        grip.place([x, y], to);
      };
    },
  };
}

/** Returns the corners of an arrow's head. */
function arrowHead([x0, y0]: Point, [x, y]: Point): readonly Point[] {
  const length = Math.hypot(x - x0, y - y0);
  if (length < 1) return [];
  const [dx, dy] = [(x - x0) / length, (y - y0) / length];
  const [back, wide] = [Math.min(9, length), 3.5];
  return [
    [x, y],
    [x - back * dx - wide * dy, y - back * dy + wide * dx],
    [x - back * dx + wide * dy, y - back * dy - wide * dx],
  ];
}
