/** Lines over a horizontal axis. */
import { draw, type Point, set, through, write } from './svg.js';

/** Size of the drawing, and of its margins. */
const [width, height] = [360, 270];
const [left, right, top, bottom] = [50, 14, 24, 38];

export interface Series {
  /** Class of its colour, and others. */
  readonly classes: string;
  readonly points: readonly Point[];
}

export interface ChartOptions {
  readonly x: string;
  readonly y: string;
  /** If true, the vertical axis has powers of ten. Default: false. */
  readonly logarithmic?: boolean;
}

/** Prepares a chart. @returns what draws series into it; `marked` is a place of the horizontal axis. */
export function chart(svg: SVGSVGElement, options: ChartOptions): (series: readonly Series[], marked?: number) => void {
  const logarithmic = options.logarithmic ?? false;
  set(svg, { viewBox: `0 0 ${width} ${height}` });
  return (series, marked) => {
    const drawn = series.map(({ classes, points }) => ({
      classes,
      points: logarithmic ? points.filter(([, y]) => y > 0 && y < 1e12).map(([x, y]): Point => [x, Math.log10(y)]) : points,
    }));
    const all = drawn.flatMap(({ points }) => points);
    const horizontal = scale(0, Math.max(1e-9, ...all.map(([x]) => x)), left, width - right);
    const ys = all.map(([, y]) => y);
    const [least, most] = logarithmic ? [Math.floor(Math.min(0, ...ys)), Math.ceil(Math.max(0, ...ys))] : [0, Math.max(1e-9, ...ys)];
    const vertical = scale(least, Math.max(most, least + 1e-9), height - bottom, top);
    svg.replaceChildren();
    axes(svg, horizontal, vertical, logarithmic);
    write(svg, options.x, { class: 'tick', x: width - right, y: height - 6, 'text-anchor': 'end' });
    write(svg, options.y, { class: 'tick', x: 6, y: 14 });
    if (marked !== undefined) {
      const x = horizontal.at(marked);
      draw(svg, 'line', { class: 'axis', x1: x, x2: x, y1: top, y2: height - bottom });
    }
    for (const { classes, points } of drawn) {
      draw(svg, 'path', { class: `curve ${classes}`, d: through(points.map(([x, y]) => [horizontal.at(x), vertical.at(y)])) });
    }
  };
}

interface Scale {
  readonly from: number;
  readonly to: number;
  /** Returns the place of a value. */
  at(value: number): number;
}

const scale = (from: number, to: number, start: number, end: number): Scale => ({
  from,
  to,
  at: (value) => start + ((value - from) / (to - from)) * (end - start),
});

function axes(svg: SVGSVGElement, horizontal: Scale, vertical: Scale, logarithmic: boolean): void {
  for (const value of ticks(horizontal)) {
    write(svg, String(value), { class: 'tick', x: horizontal.at(value), y: height - bottom + 16, 'text-anchor': 'middle' });
  }
  for (const value of logarithmic ? powers(vertical) : ticks(vertical)) {
    const y = vertical.at(value);
    draw(svg, 'line', { class: 'grid', x1: left, x2: width - right, y1: y, y2: y });
    const text = logarithmic && value !== 0 ? `1e${value}` : String(logarithmic ? 1 : value);
    write(svg, text, { class: 'tick', x: left - 6, y: y + 4, 'text-anchor': 'end' });
  }
}

/** Returns round numbers, about five of them. */
function ticks({ from, to }: Scale): readonly number[] {
  const rough = (to - from) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((multiple) => multiple * power).find((candidate) => candidate >= rough) ?? rough;
  const found: number[] = [];
  for (let k = Math.ceil(from / step); k * step <= to * (1 + 1e-9); k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

/** Returns whole exponents, at most seven of them. */
function powers({ from, to }: Scale): readonly number[] {
  const step = Math.ceil((to - from) / 6) || 1;
  const found: number[] = [];
  for (let k = Math.ceil(to); k >= from; k -= step) found.push(k);
  return found;
}
