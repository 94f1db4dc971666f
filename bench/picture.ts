/** Pictures of benchmarks, as SVG without a browser. */
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/** Draws a Vega-Lite specification in the colours of the page that shows it, light or dark. */
export async function pictureSvg(spec: object): Promise<string> {
  const whole = { ...spec, config: pageConfig } as unknown as TopLevelSpec;
  const svg = await new View(parse(compile(whole).spec), { renderer: 'none' }).toSVG();
  const style = '<style>svg { color: #1d2026; } @media (prefers-color-scheme: dark) { svg { color: #e7e9ee; } }</style>';
  return `${svg.replace(/^(<svg[^>]*>)/, `$1${style}`)}\n`;
}

/** Each keeps a contrast of 3 and more on white and on near-black; what is left is told apart by dashes. */
export const lineColors = ['#3d85c6', '#d9772b', '#3f9a5a', '#b75fb3', '#c4555a', '#8a8a3a'];
export const lineDashes = [
  [1, 0],
  [6, 3],
  [2, 2],
];

/** Colours come from the page, so that one drawing serves light and dark. */
const pageConfig = {
  background: 'transparent',
  font: 'system-ui, sans-serif',
  view: { stroke: null },
  title: { color: 'currentColor', fontSize: 13 },
  legend: { labelColor: 'currentColor', labelFontSize: 11 },
  axis: {
    labelColor: 'currentColor',
    titleColor: 'currentColor',
    domainColor: 'currentColor',
    tickColor: 'currentColor',
    gridColor: 'currentColor',
    gridOpacity: 0.13,
    titleFontWeight: 'normal',
  },
};
