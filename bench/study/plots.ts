/** The pictures of docs/study.md. */
import { quantile } from '../../src/core/quantile.js';
import { lineColors, lineDashes, pictureSvg } from '../picture.js';
import { bestOf, RANKS, reportRuns, resultsOf, SCREEN, screened, validOf } from './plan.js';
import type { Results } from './results.js';
import { groupsOf, variantName } from './tables.js';

/** Losses above this are not drawn: they hide the differences that matter. */
const HIGHEST = 2.2;

/** A point of a line. */
interface PlotPoint {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly lower?: number;
  readonly upper?: number;
}

/** Screening: validation loss over the learning rate, each method with its best momentum and scale. */
export function screeningPicture(results: Results): Promise<string> {
  const best = new Map<string, ReturnType<typeof screened>[number]>();
  for (const one of screened(results)) {
    const before = best.get(one.variant.method);
    if (before === undefined || validOf(bestOf(one.own)) < validOf(bestOf(before.own))) best.set(one.variant.method, one);
  }
  const points = [...best.values()].flatMap(({ variant, own }) =>
    own.flatMap(({ rate, valid }) => (valid === null || valid > HIGHEST ? [] : [{ name: variantName(variant), x: rate, y: valid }])),
  );
  const panel = linePanel(`${SCREEN.model}, rank ${SCREEN.rank}, ${SCREEN.steps} steps`, points, {
    x: { title: 'learning rate', scale: { type: 'log' } },
    y: 'validation loss (nats a token)',
  });
  return pictureSvg({ ...panel, width: 640, height: 380 });
}

/** Report: median and quartiles of the test loss over the rank, a panel for each model. */
export function reportPicture(results: Results): Promise<string> {
  const panels = Object.entries(RANKS).map(([model, ranks]) => {
    const points = groupsOf(resultsOf(results, reportRuns(model, results))).flatMap((runs) => {
      const losses = runs.map(({ test }) => test ?? Number.POSITIVE_INFINITY);
      const [lower, y, upper] = [0.25, 0.5, 0.75].map((part) => quantile(losses, part));
      if (!Number.isFinite(upper)) return [];
      const name = variantName(runs[0]);
      // Full fine-tuning has no rank: a line across.
      return (runs[0].rank === 0 ? ranks : [runs[0].rank]).map((x) => ({ name, x, y, lower, upper }));
    });
    return linePanel(model, points, {
      x: { title: 'rank', scale: { type: 'log', base: 2 } },
      y: 'test loss (nats a token), median and quartiles',
    });
  });
  return pictureSvg({ hconcat: panels, spacing: 30, resolve: { scale: { y: 'independent' } } });
}

function linePanel(title: string, points: readonly PlotPoint[], axes: { readonly x: object; readonly y: string }): object {
  const domain = [...new Set(points.map(({ name }) => name))];
  const legend = { title: null, orient: 'bottom', columns: 2, symbolStrokeWidth: 3, labelLimit: 0 };
  const x = { field: 'x', type: 'quantitative', ...axes.x };
  const color = {
    field: 'name',
    type: 'nominal',
    scale: { domain, range: domain.map((_, i) => lineColors[i % lineColors.length]) },
    legend,
  };
  const dashes = domain.map((_, i) => lineDashes[Math.floor(i / lineColors.length) % lineDashes.length]);
  const strokeDash = { field: 'name', type: 'nominal', scale: { domain, range: dashes }, legend };
  const y = { field: 'y', type: 'quantitative', scale: { zero: false }, title: axes.y };
  const layer = [
    { mark: { type: 'line', point: { size: 28 }, strokeWidth: 2 }, encoding: { x, y, color, strokeDash } },
    {
      transform: [{ filter: 'isValid(datum.lower)' }],
      mark: { type: 'rule', strokeWidth: 1.4 },
      encoding: { x, y: { field: 'lower', type: 'quantitative', title: axes.y }, y2: { field: 'upper' }, color },
    },
  ];
  return { title, width: 420, height: 320, data: { values: [...points] }, layer };
}
