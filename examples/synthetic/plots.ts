/** The demo's plots: excess loss over iterations, median and quartiles on a log axis, as SVG without a browser. */
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { escapeHtml } from './html.js';
import type { Method } from './network.js';
import type { Quartiles } from './study.js';

/**
 * How a method is shown. Both colours keep a contrast of 3 and more on white and on near-black; the dashes serve
 * without colour.
 */
export const methodStyles: Readonly<Record<Method, { readonly label: string; readonly color: string; readonly dash: readonly number[] }>> =
  {
    lora: { label: 'LoRA', color: '#d9772b', dash: [6, 3] },
    balora: { label: 'BaLoRA', color: '#3d85c6', dash: [] },
  };

/** One method's curve in a panel. */
export interface Curve {
  readonly method: Method;
  /** Excess loss before the first step and after each, over the seeds. */
  readonly quartiles: readonly Quartiles[];
}

/** A panel. */
export interface Panel {
  readonly title: string;
  readonly curves: readonly Curve[];
  /** The least excess loss that means anything: what is below is drawn here. */
  readonly floor: number;
}

/** Draws one panel; its text and axes take the page's text colour. */
export async function panelSvg(panel: Panel): Promise<string> {
  const { title, curves, floor } = panel;
  const clamp = (value: number): number => Math.max(value, floor);
  const values = curves.flatMap(({ method, quartiles }) =>
    quartiles.map(({ lower, median, upper }, iteration) => ({
      iteration,
      method: methodStyles[method].label,
      lower: clamp(lower),
      median: clamp(median),
      upper: clamp(upper),
    })),
  );
  const powers = powersOfTen(Math.min(...values.map(({ lower }) => lower)), Math.max(...values.map(({ upper }) => upper)));
  const svg = await new View(parse(compile(panelSpec(title, values, powers)).spec), { renderer: 'none' }).toSVG();
  // Scaled by the page.
  return svg.replace(/ width="[^"]*" height="[^"]*"/, '').replace('<svg ', `<svg role="img" aria-label="${escapeHtml(title)}" `);
}

function panelSpec(title: string, values: object[], powers: readonly number[]): TopLevelSpec {
  const styles = curvesStyles();
  const y = {
    type: 'quantitative' as const,
    scale: { type: 'log' as const, domain: [powers[0], powers[powers.length - 1]], nice: false },
    axis: { values: [...powers], labelExpr: powerLabel, title: 'excess loss (dimensionless)' },
  };
  const x = { field: 'iteration', type: 'quantitative', title: 'iteration (steps)', axis: { tickCount: 6 } } as const;
  const color = { field: 'method', type: 'nominal', scale: { domain: styles.labels, range: styles.colors }, legend: null } as const;
  return {
    description: title,
    width: 420,
    // Taller than Vega's guess, without a canvas, of how long the axis title is: else it makes room for it.
    height: 280,
    padding: 4,
    data: { values },
    encoding: { x, color },
    layer: [
      { mark: { type: 'area', opacity: 0.22 }, encoding: { y: { ...y, field: 'lower' }, y2: { field: 'upper' } } },
      {
        mark: { type: 'line', strokeWidth: 2.2 },
        encoding: {
          y: { ...y, field: 'median' },
          strokeDash: { field: 'method', type: 'nominal', scale: { domain: styles.labels, range: styles.dashes }, legend: null },
        },
      },
    ],
    config: pageConfig,
  };
}

/** Colours come from the page, so that one drawing serves light and dark. */
const pageConfig = {
  background: 'transparent',
  font: 'system-ui, sans-serif',
  view: { stroke: null },
  axis: {
    labelColor: 'currentColor',
    titleColor: 'currentColor',
    domainColor: 'currentColor',
    tickColor: 'currentColor',
    gridColor: 'currentColor',
    gridOpacity: 0.13,
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    titlePadding: 8,
  },
} as const;

function curvesStyles(): { labels: string[]; colors: string[]; dashes: number[][] } {
  const styles = Object.values(methodStyles);
  return {
    labels: styles.map(({ label }) => label),
    colors: styles.map(({ color }) => color),
    // An empty dash array would be read as "no value".
    dashes: styles.map(({ dash }) => (dash.length === 0 ? [1, 0] : [...dash])),
  };
}

/**
 * 10ᵏ in print for the axis value 10ᵏ: a table in Vega's expression language, which cannot write superscripts itself.
 */
const exponents = Array.from({ length: 41 }, (_, i) => i - 20);
const powerLabel = `'10' + {${exponents.map((k) => `'${k}':'${superscript(k)}'`).join(',')}}[round(log(datum.value) / LN10)]`;

function superscript(exponent: number): string {
  return String(exponent).replace(/./g, (character) => (character === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(character)]));
}

/** The powers of ten that enclose a range, thinned to at most nine. */
function powersOfTen(least: number, largest: number): readonly number[] {
  const [first, last] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(largest))];
  const stride = Math.max(1, Math.ceil((last - first) / 8));
  const count = Math.ceil((last - first) / stride);
  return Array.from({ length: count + 1 }, (_, i) => 10 ** (last - (count - i) * stride));
}
