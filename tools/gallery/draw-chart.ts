/** Vega-Lite without a browser. */
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { Rows } from './pages.js';

/** A chart of named data. */
export type Chart = Omit<Extract<TopLevelSpec, { layer: unknown }>, 'data'> | Omit<Extract<TopLevelSpec, { mark: unknown }>, 'data'>;

/**
 * Text and lines in a grey that keeps a contrast of 3.5 and more on white and on near-black: an image does not know the
 * theme of the page that shows it.
 */
const grey = '#7f8793';

const config = {
  background: 'transparent',
  font: 'system-ui, sans-serif',
  view: { stroke: null },
  axis: {
    labelColor: grey,
    titleColor: grey,
    domainColor: grey,
    tickColor: grey,
    gridColor: grey,
    gridOpacity: 0.2,
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    titlePadding: 8,
  },
  legend: { labelColor: grey, titleColor: grey, labelFontSize: 12, titleFontSize: 12, symbolOpacity: 1, labelLimit: 300 },
  header: { labelColor: grey, titleColor: grey, labelFontSize: 12 },
} as const;

/** Draws rows as SVG. */
export async function drawChart(chart: Chart, rows: Rows): Promise<string> {
  const spec = { padding: 6, ...chart, data: { values: rows }, config } as TopLevelSpec;
  const svg = await new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();
  // Hundredths of a pixel are enough; and what changes with rounding alone does not change the file.
  return `${svg.replace(/-?\d+\.\d{3,}/g, (value) => String(Number(Number(value).toFixed(2))))}\n`;
}
