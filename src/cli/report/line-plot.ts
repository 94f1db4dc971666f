/**
 * Line plots as SVG text, made without a browser. Text and axes take the page's color, curves the colors of its series.
 */
import { type Axis, linearAxis, logAxis } from './axis.js';
import { cut, escapeHtml } from './html.js';

/** A point of a curve. */
export type PlotPoint = readonly [x: number, y: number];

/** A curve of a plot. */
export interface Curve {
  /** Label in the page's legend, also shown by a pointer resting on the curve. */
  readonly label: string;
  /** Index of the curve's color among the page's series colors, from 0. */
  readonly series: number;
  /**
   * Points by ascending x. Points that are not finite, beyond 10²⁹⁰, or not positive on a logarithmic axis are left
   * out.
   */
  readonly points: readonly PlotPoint[];
  /** If true, the curve is thin and pale, as one of many. */
  readonly faint?: boolean;
  /** If true, each point has a dot. */
  readonly dots?: boolean;
}

/** A plot of several curves. */
export interface LinePlot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly curves: readonly Curve[];
  /** If true, y is logarithmic. Default: false. */
  readonly logY?: boolean;
  /** If true, x is a count, without ticks between integers. Default: false. */
  readonly countX?: boolean;
}

/** Sizes in the units of the picture, which the page scales. */
const frame = { width: 480, height: 300, left: 84, right: 20, top: 12, bottom: 44 } as const;
const plotWidth = frame.width - frame.left - frame.right;
const plotHeight = frame.height - frame.top - frame.bottom;

/** Maximum number of points drawn per curve; more could not be told apart. */
const mostPoints = 600;

/** Approximate maximum of the points drawn per plot, so that a page of hundreds of modules still opens. */
const mostPointsOfPlot = 60_000;

/** Minimum number of points drawn per curve, for any number of curves. */
const leastPoints = 40;

/** Largest number drawn; beyond it, the range of an axis would not be finite. */
const mostDrawn = 1e290;

function isDrawable(value: number): boolean {
  return Math.abs(value) <= mostDrawn;
}

/** Number of series colors of the page. */
export const seriesCount = 8;

/** Draws a plot. One without points says so. */
export function linePlot({ title, xLabel, yLabel, curves, logY = false, countX = false }: LinePlot): string {
  const most = Math.max(leastPoints, Math.min(mostPoints, Math.floor(mostPointsOfPlot / curves.length)));
  const drawn = curves.map((curve) => ({
    ...curve,
    points: thin(
      curve.points.filter(([x, y]) => isDrawable(x) && isDrawable(y) && (!logY || y > 1 / mostDrawn)),
      most,
    ),
  }));
  const points = drawn.flatMap((curve) => curve.points);
  if (points.length === 0) return figure(title, '<text x="0" y="24">nothing to draw</text>', 40);
  const x = linearAxis(
    points.map(([value]) => value),
    { length: plotWidth, count: 5, integers: countX },
  );
  const ys = points.map(([, value]) => value);
  const y = logY ? logAxis(ys, plotHeight, 6) : linearAxis(ys, { length: plotHeight, count: 5, rounded: true });
  const inside = drawn.map((curve) => curveSvg(curve, x, y)).join('');
  const labels =
    `<text x="${frame.left + plotWidth / 2}" y="${frame.height - 6}" text-anchor="middle">${escapeHtml(xLabel)}</text>` +
    `<text transform="translate(13 ${frame.top + plotHeight / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(yLabel)}</text>`;
  return figure(title, `${axesSvg(x, y)}<g transform="translate(${frame.left} ${frame.top})">${inside}</g>${labels}`);
}

function figure(title: string, content: string, height: number = frame.height): string {
  const svg = `<svg viewBox="0 0 ${frame.width} ${height}" role="img" aria-label="${escapeHtml(title)}">${content}</svg>`;
  return `<figure><figcaption>${escapeHtml(title)}</figcaption>${svg}</figure>`;
}

function axesSvg(x: Axis, y: Axis): string {
  const down = frame.top + plotHeight;
  const vertical = x.ticks.map((tick) => {
    const at = (frame.left + x.place(tick)).toFixed(1);
    return `<line class="grid" x1="${at}" x2="${at}" y1="${frame.top}" y2="${down}"/><text x="${at}" y="${down + 18}" text-anchor="middle">${x.label(tick)}</text>`;
  });
  const horizontal = y.ticks.map((tick) => {
    const at = (down - y.place(tick)).toFixed(1);
    return `<line class="grid" x1="${frame.left}" x2="${frame.left + plotWidth}" y1="${at}" y2="${at}"/><text x="${frame.left - 6}" y="${at}" dy=".34em" text-anchor="end">${y.label(tick)}</text>`;
  });
  return [...vertical, ...horizontal].join('');
}

function curveSvg({ label, series, points, faint, dots }: Curve, x: Axis, y: Axis): string {
  const places = points.map(([px, py]) => `${x.place(px).toFixed(1)},${(plotHeight - y.place(py)).toFixed(1)}`);
  const color = `s${series % seriesCount}`;
  const title = `<title>${escapeHtml(cut(label))}</title>`;
  const line = `<polyline class="${color}${faint ? ' faint' : ''}" points="${places.join(' ')}">${title}</polyline>`;
  if (!dots && places.length > 1) return line;
  const circles = places.map(
    (place) => `<circle class="${color}" cx="${place.split(',')[0]}" cy="${place.split(',')[1]}" r="2.6">${title}</circle>`,
  );
  return line + circles.join('');
}

/** Keeps every n-th point, and the last one. */
function thin(points: readonly PlotPoint[], most: number): readonly PlotPoint[] {
  const stride = Math.ceil(points.length / most);
  return stride === 1 ? points : points.filter((_, i) => i % stride === 0 || i === points.length - 1);
}
