/** Line plots as SVG text, without a browser. Text and axes take the page's colour, curves the colours of its series. */
import { type Axis, linearAxis, logAxis } from './axis.js';
import { cut, escapeHtml } from './html.js';

/** A point of a curve. */
export type PlotPoint = readonly [x: number, y: number];

/** A curve. */
export interface Curve {
  /** What the page's legend calls it; also what a pointer resting on it shows. */
  readonly label: string;
  /** Which of the page's series colours it has, from 0. */
  readonly series: number;
  /** By ascending x. Points that are not finite, or not positive on a logarithmic axis, or beyond all measure, are left out. */
  readonly points: readonly PlotPoint[];
  /** Thin and pale: one of many. */
  readonly faint?: boolean;
  /** With a dot at each point. */
  readonly dots?: boolean;
}

/** A plot. */
export interface LinePlot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly curves: readonly Curve[];
  /** Whether y is logarithmic. */
  readonly logY?: boolean;
  /** Whether x counts something, so that there is nothing between integers. */
  readonly countX?: boolean;
}

/** Sizes in the picture's own units; the page scales it. */
const frame = { width: 480, height: 300, left: 84, right: 20, top: 12, bottom: 44 } as const;
const plotWidth = frame.width - frame.left - frame.right;
const plotHeight = frame.height - frame.top - frame.bottom;

/** Points of a curve that are drawn, at most: more cannot be told apart. */
const mostPoints = 600;

/** Points of a plot that are drawn, about at most: a page of hundreds of modules has to open. */
const mostPointsOfPlot = 60_000;

/** Points of a curve that are drawn however many curves there are. */
const leastPoints = 40;

/** Numbers that are drawn, at most: beyond, the range of an axis would not be finite. */
const mostDrawn = 1e290;

function isDrawable(value: number): boolean {
  return Math.abs(value) <= mostDrawn;
}

/** Number of series colours on the page. */
export const seriesCount = 8;

/** Draws a plot; one without any point says so. */
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

/** Every n-th point, and the last. */
function thin(points: readonly PlotPoint[], most: number): readonly PlotPoint[] {
  const stride = Math.ceil(points.length / most);
  return stride === 1 ? points : points.filter((_, i) => i % stride === 0 || i === points.length - 1);
}
