import { type Curve, linePlot, type PlotPoint } from './line-plot.js';
import type { RunRecord } from './read-run.js';

type Layer = RunRecord['layers'][number]['layers'][number];

/** Plots balance, conditioning and spectrum of each pair of factors; empty if no run has measured its modules. */
export function moduleSection(runs: readonly RunRecord[], legend: string): string {
  if (runs.every(({ layers }) => layers.length === 0)) return '';
  const all = (y: (layer: Layer) => number) => runs.flatMap((run, series) => overSteps(run, series, y));
  const step = { xLabel: 'step', countX: true, logY: true } as const;
  const plots = [
    linePlot({
      title: 'Balance gap',
      ...step,
      yLabel: '‖AᵀA − BBᵀ‖/(‖AᵀA‖ + ‖BBᵀ‖)',
      curves: all(({ balanceGap }) => balanceGap),
    }),
    linePlot({ title: 'Condition number κ', ...step, yLabel: 'κ', curves: all(({ conditionNumber }) => conditionNumber) }),
    linePlot({
      title: 'κ over that of balanced factors',
      ...step,
      yLabel: 'ratio',
      curves: all((layer) => layer.conditionNumber / layer.balancedConditionNumber),
    }),
    linePlot({
      title: 'Singular values of ΔW at the end',
      xLabel: 'index',
      countX: true,
      yLabel: 'singular value',
      logY: true,
      curves: runs.flatMap(spectra),
    }),
  ];
  const note =
    'One thin line a module, its name shown where the pointer rests. κ is that of the Hessian of ½‖AB − Z‖², least when the factors are balanced. ' +
    'Where ΔW = 0, as LoRA begins, there is nothing to measure.';
  return `<h2>Modules</h2><p class="muted">${note}</p>${legend}<div class="panels">${plots.join('')}</div>`;
}

/**
 * Draws a curve for each module that was measured. If ΔW = 0, its numbers are 0 or infinite, and a logarithmic axis
 * leaves them out.
 */
function overSteps({ name, layers: lines }: RunRecord, series: number, y: (layer: Layer) => number): readonly Curve[] {
  const curves = new Map<string, PlotPoint[]>();
  for (const { step, layers } of lines) {
    for (const layer of layers) {
      const points = curves.get(layer.module);
      if (points === undefined) curves.set(layer.module, [[step, y(layer)]]);
      else points.push([step, y(layer)]);
    }
  }
  return [...curves].map(([module, points]) => ({ label: `${name}: ${module}`, series, faint: true, points }));
}

function spectra({ name, layers }: RunRecord, series: number): readonly Curve[] {
  return (layers.at(-1)?.layers ?? []).map(({ module, singularValues }) => ({
    label: `${name}: ${module}`,
    series,
    faint: true,
    points: singularValues.map((value, i): PlotPoint => [i + 1, value]),
  }));
}
