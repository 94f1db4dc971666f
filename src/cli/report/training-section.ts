import { type Curve, linePlot, type PlotPoint } from './line-plot.js';
import type { RunRecord } from './read-run.js';

/** Number of steps from which a curve of losses is smoothed; fewer can be seen one by one. */
const leastSmoothed = 40;

/** Plots loss, learning rate and gradient of each run, with a note if curves are smoothed. */
export function trainingSection(runs: readonly RunRecord[]): string {
  const smoothed = runs.some(({ train }) => train.length >= leastSmoothed);
  const note = smoothed ? `<p class="muted">Training losses: pale each step's, bold their running mean.</p>` : '';
  return `${note}<div class="panels">${trainingPlots(runs).join('')}</div>`;
}

function trainingPlots(runs: readonly RunRecord[]): readonly string[] {
  const curves = (points: (run: RunRecord) => readonly PlotPoint[], dots = false): readonly Curve[] =>
    runs.map((run, series) => ({ label: run.name, series, points: points(run), dots }));
  const train = (y: (line: RunRecord['train'][number]) => number) =>
    curves(({ train: lines }) => lines.map((line) => [line.step, y(line)]));
  const losses = (x: (line: RunRecord['train'][number]) => number) =>
    curves(({ train: lines }) => lines.map((line) => [x(line), line.loss])).flatMap(withMean);
  const step = { xLabel: 'step', countX: true } as const;
  const loss = { yLabel: 'loss (nats a token)' } as const;
  return [
    linePlot({ title: 'Training loss', ...step, ...loss, curves: losses((line) => line.step) }),
    linePlot({ title: 'Training loss against time', xLabel: 'seconds of training', ...loss, curves: losses(({ seconds }) => seconds) }),
    linePlot({
      title: 'Validation loss',
      ...step,
      ...loss,
      curves: curves(({ evals }) => evals.map((line) => [line.step, line.loss]), true),
    }),
    linePlot({
      title: 'Validation loss against time',
      xLabel: 'seconds of training',
      ...loss,
      curves: curves(({ evals }) => evals.map((line) => [line.seconds, line.loss]), true),
    }),
    linePlot({ title: 'Learning rate', ...step, yLabel: 'learning rate', curves: train(({ learningRate }) => learningRate) }),
    linePlot({
      title: 'Gradient norm',
      ...step,
      yLabel: 'norm before clipping',
      logY: true,
      curves: train(({ gradientNorm }) => gradientNorm),
    }),
  ];
}

/**
 * Splits a long curve into its points, pale, and their exponential mean over about a twentieth of its length, corrected
 * like Adam's for starting at zero.
 */
function withMean(curve: Curve): readonly Curve[] {
  if (curve.points.length < leastSmoothed) return [curve];
  const kept = 1 - 20 / curve.points.length;
  let [mean, weight] = [0, 0];
  const points = curve.points
    .filter(([, y]) => Number.isFinite(y))
    .map(([x, y]): PlotPoint => {
      mean = kept * mean + (1 - kept) * y;
      weight = kept * weight + (1 - kept);
      return [x, mean / weight];
    });
  return [
    { ...curve, faint: true },
    { ...curve, points },
  ];
}
