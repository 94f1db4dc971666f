/** The sections of the report about training, modules and samples. */

import { counted } from '../../core/counted.js';
import { short } from '../format.js';
import { cut, escapeHtml, htmlTable } from './html.js';
import { type Curve, linePlot, type PlotPoint } from './line-plot.js';
import type { RunRecord } from './read-run.js';

/** Number of steps from which a curve of losses is smoothed; fewer can be seen one by one. */
const leastSmoothed = 40;

/** Plots loss, learning rate and gradient of each run, with a note if curves are smoothed. */
export function trainingSection(runs: readonly RunRecord[]): string {
  const smoothed = runs.some(({ train }) => train.length >= leastSmoothed);
  const note = smoothed
    ? `<p class="muted">Training losses: the pale line is the loss of each step, the bold line their running mean.</p>`
    : '';
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
    'Each thin line is a module; point at it to see its name, or open the table below. κ is the condition number of the Hessian of ½‖AB − Z‖², which is least when the factors are balanced. ' +
    'Where ΔW = 0, as at the start of LoRA, there is nothing to measure.';
  return `<h2>Modules</h2><p class="muted">${note}</p>${legend}<div class="panels">${plots.join('')}</div>${runs.map(moduleTable).join('')}`;
}

/** Tabulates the last measures of a run's modules. */
function moduleTable({ name, layers }: RunRecord): string {
  const last = layers.at(-1);
  if (last === undefined) return '';
  const rows = last.layers.map(({ module, balanceGap, conditionNumber, balancedConditionNumber, singularValues }) => [
    module,
    ...[balanceGap, conditionNumber, balancedConditionNumber, singularValues[0] ?? 0, singularValues.at(-1) ?? 0].map(short),
  ]);
  const table = htmlTable(['module', 'balance gap', 'κ', 'κ balanced', 'σ₁ of ΔW', 'σᵣ'], rows);
  return `<details><summary>Modules of ${escapeHtml(name)} at step ${last.step}</summary>${table}</details>`;
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

/** Maximum number of prompts shown. */
const mostPrompts = 200;

/** Tabulates the first and last continuation of each prompt; empty if no run has samples. */
export function sampleSection(runs: readonly RunRecord[]): string {
  const byPrompt = runs.map(({ samples }) => endsByPrompt(samples));
  const prompts = [...new Set(byPrompt.flatMap((ends) => [...ends.keys()]))];
  if (prompts.length === 0) return '';
  const body = prompts.slice(0, mostPrompts).flatMap((prompt) =>
    runs.flatMap(({ name }, run) => {
      const ends = byPrompt[run].get(prompt);
      if (ends === undefined) return [];
      const [first, last] = ends;
      const cells = [
        cell('prompt', prompt.trim(), 'text'),
        cell('run', name),
        cell('first', completionAt(first), 'text'),
        cell('last', first === last ? '–' : completionAt(last), 'text'),
      ];
      return [`<tr>${cells.join('')}</tr>`];
    }),
  );
  const head = '<tr class="head"><th>prompt</th><th>run</th><th>at the first evaluation</th><th>at the last</th></tr>';
  const note = prompts.length > mostPrompts ? `<p class="muted">The first ${mostPrompts} of ${counted(prompts.length, 'prompt')}.</p>` : '';
  return `<h2>Samples</h2>${note}<div class="scroll"><table class="stacked">${head}${body.join('')}</table></div>`;
}

/** Returns the first and the last sample of every prompt. */
function endsByPrompt(samples: RunRecord['samples']) {
  const ends = new Map<string, readonly [first: RunRecord['samples'][number], last: RunRecord['samples'][number]]>();
  for (const sample of samples) ends.set(sample.prompt, [ends.get(sample.prompt)?.[0] ?? sample, sample]);
  return ends;
}

function completionAt({ step, completion }: RunRecord['samples'][number]): string {
  return `${completion === '' ? '(nothing)' : completion}  [step ${step}]`;
}

function cell(label: string, content: string, kind = ''): string {
  return `<td data-label="${label}"${kind === '' ? '' : ` class="${kind}"`}>${escapeHtml(cut(content))}</td>`;
}
