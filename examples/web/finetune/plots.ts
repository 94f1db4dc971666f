/** Curves of two methods in an SVG element, drawn anew at every call. */
import { type MethodName, methodNames } from './protocol.js';

export type Point = readonly [x: number, y: number];

/** What is drawn of one method. */
export interface Curves {
  readonly line: readonly Point[];
  readonly dots?: readonly Point[];
}

const size = { width: 360, height: 230, left: 50, right: 10, top: 8, bottom: 28 } as const;
/** Most points of a line: more could not be told apart. */
const mostPoints = 400;

/** Draws the curves on a logarithmic axis of y; points that are not positive are left out. */
export function drawCurves(svg: SVGSVGElement, curves: Readonly<Record<MethodName, Curves>>): void {
  svg.setAttribute('viewBox', `0 0 ${size.width} ${size.height}`);
  const kept = (points: readonly Point[] = []): readonly Point[] => {
    const stride = Math.ceil(points.length / mostPoints);
    return points.filter(([, y], i) => y > 0 && Number.isFinite(y) && (i % stride === 0 || i === points.length - 1));
  };
  const all = methodNames.flatMap((name) => [...kept(curves[name].line), ...kept(curves[name].dots)]);
  if (all.length === 0) {
    svg.replaceChildren();
    return;
  }
  const xs = all.map(([x]) => x);
  const ys = all.map(([, y]) => Math.log10(y));
  const [left, right] = [Math.min(...xs), Math.max(...xs, Math.min(...xs) + 1)];
  const [low, high] = rangeOf(ys);
  const x = (value: number): number => size.left + ((value - left) / (right - left)) * (size.width - size.left - size.right);
  const y = (value: number): number => size.top + ((high - Math.log10(value)) / (high - low)) * (size.height - size.top - size.bottom);
  const parts: SVGElement[] = [];
  for (const tick of ticksOf(low, high)) {
    parts.push(element('line', { class: 'rule', x1: size.left, x2: size.width - size.right, y1: y(tick), y2: y(tick) }));
    parts.push(label(size.left - 5, y(tick) + 4, 'end', tickText(tick)));
  }
  for (const tick of [left, right]) parts.push(label(x(tick), size.height - 8, tick === left ? 'start' : 'end', String(tick)));
  for (const name of methodNames) {
    const line = kept(curves[name].line).map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`);
    const group = element('g', { class: name });
    group.append(element('polyline', { class: 'curve', points: line.join(' ') }));
    for (const [px, py] of kept(curves[name].dots)) group.append(element('circle', { class: 'dot', cx: x(px), cy: y(py), r: 3.2 }));
    parts.push(group);
  }
  svg.replaceChildren(...parts);
}

function rangeOf(values: readonly number[]): readonly [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  // Curves that are nearly constant must not fill the plot with their noise.
  const missing = Math.max(0, 0.3 - (high - low)) / 2;
  return [low - missing - 0.03, high + missing + 0.03];
}

/** Powers of ten and, where they are few, their doubles and quintuples. */
function ticksOf(low: number, high: number): readonly number[] {
  const decades = high - low;
  const factors = decades < 0.8 ? [1, 1.5, 2, 3, 5, 7] : decades < 2.5 ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil(decades / 6));
  const ticks: number[] = [];
  for (let power = Math.floor(low); power <= high; power += stride) {
    for (const factor of factors) {
      const tick = factor * 10 ** power;
      if (Math.log10(tick) >= low && Math.log10(tick) <= high) ticks.push(tick);
    }
  }
  return ticks;
}

const tickText = (tick: number): string => (tick < 0.01 ? tick.toExponential(0) : Number(tick.toPrecision(2)).toString());

function label(x: number, y: number, anchor: string, text: string): SVGElement {
  const made = element('text', { x, y, 'text-anchor': anchor });
  made.textContent = text;
  return made;
}

function element(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
