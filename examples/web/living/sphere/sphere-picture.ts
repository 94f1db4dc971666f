/** A sphere as seen from far away: a cost as its shading, a path, and a start that one drags. */
import { handle } from '../parts/handle.js';
import { draw, type Point, set, through, write } from '../parts/svg.js';

export type Vector = readonly [number, number, number];

export interface SpherePicture {
  /** Draws all of it. */
  draw(content: {
    /** Angles of the viewer in degrees: around the third axis, and above the equator. */
    readonly view: readonly [number, number];
    /** Returns the cost at a point, as a number from 0 to 1. */
    shade(x: Vector): number;
    readonly start: Vector;
    readonly path: readonly Vector[];
  }): void;
}

export interface SphereOptions {
  /** Called with where the start is dragged. */
  moved(to: Vector): void;
  /** Returns points of the shortest arc between two. */
  arc(from: Vector, to: Vector): readonly Vector[];
}

/** Width and height of the drawing, and the radius of the sphere in it. */
const [size, radius] = [320, 145];
const center = size / 2;
/** Bands of equal cost. */
const bands = 10;

export function spherePicture(canvas: HTMLCanvasElement, svg: SVGSVGElement, { moved, arc }: SphereOptions): SpherePicture {
  set(svg, { viewBox: `0 0 ${size} ${size}` });
  draw(svg, 'circle', { class: 'curve third rim', cx: center, cy: center, r: radius });
  const back = draw(svg, 'path', { class: 'curve first faint' });
  const front = draw(svg, 'path', { class: 'curve first' });
  const axes = draw(svg, 'g');
  const dots = draw(svg, 'g');
  let camera = cameraAt(0, 0);
  let at: Vector = [1, 0, 0];
  const pixel = (x: Vector): Point => {
    const [right, up] = camera.seen(x);
    return [center + radius * right, center - radius * up];
  };
  const grip = handle(svg, {
    label: 'start on the sphere',
    color: 'first',
    moveTo: ([x, y]) => moved(camera.onSphere((x - center) / radius, (center - y) / radius)),
    // By about five degrees.
    moveBy: (right, up) => moved(camera.shifted(at, 0.09 * right, 0.09 * up)),
  });

  return {
    draw({ view, shade, start, path }) {
      camera = cameraAt(...view);
      at = start;
      shadeSphere(canvas, camera, shade);
      const arcs = path.slice(1).flatMap((to, index) => pieces(arc(path[index], to)));
      const drawn = (visible: boolean): string =>
        arcs
          .filter(([from, to]) => camera.seen(from)[2] + camera.seen(to)[2] >= 0 === visible)
          .map((piece) => through(piece.map(pixel)))
          .join('');
      set(front, { d: drawn(true) });
      set(back, { d: drawn(false) });
      dots.replaceChildren();
      for (const x of path.slice(1)) {
        const [cx, cy] = pixel(x);
        draw(dots, 'circle', { class: `dot first${camera.seen(x)[2] < 0 ? ' faint' : ''}`, cx, cy, r: 3 });
      }
      drawAxes(axes, camera, pixel);
      set(grip.element, { class: `handle${camera.seen(start)[2] < 0 ? ' behind' : ''}` });
      grip.place(pixel(start), start);
    },
  };
}

const pieces = (points: readonly Vector[]): readonly (readonly [Vector, Vector])[] =>
  points.slice(1).map((to, index) => [points[index], to] as const);

/** Marks both ends of each axis: the eigenvectors of the matrix. */
function drawAxes(group: Element, camera: Camera, pixel: (x: Vector) => Point): void {
  group.replaceChildren();
  const unit: readonly Vector[] = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  for (const [index, axis] of unit.entries()) {
    for (const sign of [1, -1]) {
      const end: Vector = [sign * axis[0], sign * axis[1], sign * axis[2]];
      const [x, y] = pixel(end);
      const classes = camera.seen(end)[2] < 0 ? 'mark faint' : 'mark';
      draw(group, 'circle', { class: classes, cx: x, cy: y, r: 3.5 });
      // To the left of what lies at the right edge, where a narrow screen has no room for it.
      const place = camera.seen(end)[0] > 0.8 ? { x: x - 6, 'text-anchor': 'end' } : { x: x + 6 };
      write(group, `${sign < 0 ? '−' : ''}e${'₁₂₃'[index]}`, { class: `name ${classes}`, ...place, y: y + 14 });
    }
  }
}

interface Camera {
  /** Returns a point as seen: to the right, up, and towards the viewer. */
  seen(x: Vector): Vector;
  /** Returns the point of the near side that is seen there; on the rim, if it is seen outside. */
  onSphere(right: number, up: number): Vector;
  /** Returns a point moved to the right and up. */
  shifted(x: Vector, right: number, up: number): Vector;
}

function cameraAt(turn: number, tilt: number): Camera {
  const [a, b] = [(turn * Math.PI) / 180, (tilt * Math.PI) / 180];
  const right: Vector = [-Math.sin(a), Math.cos(a), 0];
  const up: Vector = [-Math.sin(b) * Math.cos(a), -Math.sin(b) * Math.sin(a), Math.cos(b)];
  const near: Vector = [Math.cos(b) * Math.cos(a), Math.cos(b) * Math.sin(a), Math.sin(b)];
  const dot = (x: Vector, y: Vector): number => x[0] * y[0] + x[1] * y[1] + x[2] * y[2];
  const combined = (x: number, y: number, z: number): Vector => [
    x * right[0] + y * up[0] + z * near[0],
    x * right[1] + y * up[1] + z * near[1],
    x * right[2] + y * up[2] + z * near[2],
  ];
  const seen = (x: Vector): Vector => [dot(x, right), dot(x, up), dot(x, near)];
  return {
    seen,
    onSphere(x, y) {
      const length = Math.max(1, Math.hypot(x, y));
      const [u, v] = [x / length, y / length];
      return combined(u, v, Math.sqrt(Math.max(0, 1 - u * u - v * v)));
    },
    shifted(x, u, v) {
      const [x0, y0, z0] = seen(x);
      // On the far side, too, a step to the right is one to the right.
      return combined(x0 + u, y0 + v, z0);
    },
  };
}

/** Draws the near side in bands of equal cost, between two colours of the style sheet. */
function shadeSphere(canvas: HTMLCanvasElement, camera: Camera, shade: (x: Vector) => number): void {
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) return;
  const { width, height } = canvas;
  const style = getComputedStyle(canvas);
  const [low, high] = [style.color, style.outlineColor].map(channelsOf);
  const image = context.createImageData(width, height);
  const scale = (radius / size) * width;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const [x, y] = [(column + 0.5 - width / 2) / scale, (height / 2 - row - 0.5) / scale];
      if (x * x + y * y > 1) continue;
      const level = Math.min(bands - 1, Math.floor(bands * shade(camera.onSphere(x, y)))) / (bands - 1);
      const place = 4 * (row * width + column);
      for (let channel = 0; channel < 3; channel++) image.data[place + channel] = low[channel] + level * (high[channel] - low[channel]);
      image.data[place + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

/** Returns the red, green and blue of a computed colour, `rgb(…)`. */
const channelsOf = (color: string): readonly number[] => (color.match(/[\d.]+/g) ?? []).map(Number);
