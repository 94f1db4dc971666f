/** The report: one self-contained page about one run or several beside one another. */
import { duration, short } from '../format.js';
import { type HeatMap, heatMap } from './heat-map.js';
import { escapeHtml } from './html.js';
import { type Curve, linePlot, type PlotPoint, seriesCount } from './line-plot.js';
import { pageStyle } from './page-style.js';
import type { RunRecord } from './read-run.js';

/** What the page is about. */
export interface ReportContent {
  readonly runs: readonly RunRecord[];
  /** Of a sweep: its maps. */
  readonly maps?: readonly HeatMap[];
}

/** Runs whose layers and samples are shown in full, at most. */
const mostDetailed = 6;

/** The whole page. It has no script and asks the network for nothing. */
export function reportPage({ runs, maps = [] }: ReportContent): string {
  const title = runs.length === 1 ? `Run ${runs[0].name}` : `${runs.length} runs`;
  const sections = [
    ...(maps.length === 0 ? [] : [`<h2>Sweep</h2>${maps.map(heatMap).join('')}`]),
    `<h2>Summary</h2>${summaryTable(runs)}`,
    `<h2>Training</h2>${legend(runs)}<div class="panels">${trainingPlots(runs).join('')}</div>`,
    layerSections(runs.slice(0, mostDetailed)),
    sampleSection(runs.slice(0, mostDetailed)),
    configSection(runs),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${sections.join('\n')}
</main>
</body>
</html>
`;
}

function legend(runs: readonly RunRecord[]): string {
  return `<p class="legend">${runs.map(({ name }, i) => `<span class="key"><i class="s${i % seriesCount}"></i>${escapeHtml(name)}</span>`).join('')}</p>`;
}

function summaryTable(runs: readonly RunRecord[]): string {
  const rows = runs.map(({ name, config, train, evals }) => {
    const best = evals.reduce((least, { loss }) => Math.min(least, loss), Number.POSITIVE_INFINITY);
    const last = train.at(-1);
    return [
      name,
      String(config.method ?? ''),
      String(config.rank ?? ''),
      String(config.learningRate ?? ''),
      String(last?.step ?? 0),
      last === undefined ? '' : short(last.loss),
      evals.length === 0 ? '' : `${short(best)} (step ${evals.find(({ loss }) => loss === best)?.step ?? ''})`,
      last === undefined ? '' : duration(last.seconds),
    ];
  });
  return htmlTable(['run', 'method', 'rank', 'learning rate', 'steps', 'last training loss', 'best validation loss', 'time'], rows);
}

function htmlTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  return `<div class="scroll"><table>${line('th', header)}${rows.map((row) => line('td', row)).join('')}</table></div>`;
}

function trainingPlots(runs: readonly RunRecord[]): readonly string[] {
  const curves = (points: (run: RunRecord) => readonly PlotPoint[], dots = false): readonly Curve[] =>
    runs.map((run, series) => ({ label: run.name, series, points: points(run), dots }));
  const train = (y: (line: RunRecord['train'][number]) => number) =>
    curves(({ train: lines }) => lines.map((line) => [line.step, y(line)]));
  return [
    linePlot({ title: 'Training loss', xLabel: 'step', yLabel: 'loss (nats a token)', curves: train(({ loss }) => loss) }),
    linePlot({
      title: 'Training loss against time',
      xLabel: 'seconds of training',
      yLabel: 'loss (nats a token)',
      curves: curves(({ train: lines }) => lines.map(({ seconds, loss }) => [seconds, loss])),
    }),
    linePlot({
      title: 'Validation loss',
      xLabel: 'step',
      yLabel: 'loss (nats a token)',
      curves: curves(({ evals }) => evals.map(({ step, loss }) => [step, loss]), true),
    }),
    linePlot({ title: 'Learning rate', xLabel: 'step', yLabel: 'learning rate', curves: train(({ learningRate }) => learningRate) }),
    linePlot({
      title: 'Gradient norm',
      xLabel: 'step',
      yLabel: 'norm before clipping',
      logY: true,
      curves: train(({ gradientNorm }) => gradientNorm),
    }),
  ];
}

type Layer = RunRecord['layers'][number]['layers'][number];

function layerSections(runs: readonly RunRecord[]): string {
  const measured = runs.filter(({ layers }) => layers.length > 0);
  if (measured.length === 0) return '';
  const perLayer = (run: RunRecord, series: number, y: (layer: Layer) => number): readonly Curve[] => {
    const modules = run.layers[0].layers.map(({ module }) => module);
    return modules.map((module, i) => ({
      label: `${run.name}: ${module}`,
      series,
      faint: true,
      points: run.layers.map(({ step, layers }): PlotPoint => [step, y(layers[i])]),
    }));
  };
  const all = (y: (layer: Layer) => number) => runs.flatMap((run, series) => (run.layers.length === 0 ? [] : perLayer(run, series, y)));
  const spectra = runs.flatMap((run, series) =>
    (run.layers.at(-1)?.layers ?? []).map(
      ({ module, singularValues }): Curve => ({
        label: `${run.name}: ${module}`,
        series,
        faint: true,
        points: singularValues.map((value, i): PlotPoint => [i + 1, value]),
      }),
    ),
  );
  const plots = [
    linePlot({
      title: 'Balance gap, each module',
      xLabel: 'step',
      yLabel: '‖AᵀA − BBᵀ‖/(‖AᵀA‖ + ‖BBᵀ‖)',
      logY: true,
      curves: all(({ balanceGap }) => balanceGap),
    }),
    linePlot({
      title: 'Condition number, each module',
      xLabel: 'step',
      yLabel: 'κ',
      logY: true,
      curves: all(({ conditionNumber }) => conditionNumber),
    }),
    linePlot({
      title: 'κ over the least possible (balanced)',
      xLabel: 'step',
      yLabel: 'ratio',
      logY: true,
      curves: all((layer) => layer.conditionNumber / layer.balancedConditionNumber),
    }),
    linePlot({
      title: 'Singular values of ΔW at the end, each module',
      xLabel: 'index',
      yLabel: 'singular value',
      logY: true,
      curves: spectra,
    }),
  ];
  return `<h2>Modules</h2><p class="muted">One thin line a module; its name shows where the pointer rests on it.</p><div class="panels">${plots.join('')}</div>`;
}

function sampleSection(runs: readonly RunRecord[]): string {
  const rows = runs.flatMap(({ name, samples }) => {
    const prompts = [...new Set(samples.map(({ prompt }) => prompt))];
    return prompts.map((prompt) => {
      const own = samples.filter((sample) => sample.prompt === prompt);
      return { name, prompt, first: own[0], last: own[own.length - 1] };
    });
  });
  if (rows.length === 0) return '';
  const body = rows.map(
    ({ name, prompt, first, last }) =>
      `<tr><td>${escapeHtml(name)}</td><td class="text">${escapeHtml(prompt)}</td><td class="text">${escapeHtml(first.completion)}</td><td class="text">${escapeHtml(last.completion)}</td></tr>`,
  );
  return `<h2>Samples</h2><div class="scroll"><table><tr><th>run</th><th>prompt</th><th>at the first evaluation</th><th>at the last</th></tr>${body.join('')}</table></div>`;
}

function configSection(runs: readonly RunRecord[]): string {
  const keys = [...new Set(runs.flatMap(({ config }) => Object.keys(config)))];
  const text = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value));
  const row = (key: string): readonly string[] => [key, ...runs.map(({ config }) => text(config[key]))];
  const differ = keys.filter((key) => new Set(runs.map(({ config }) => text(config[key]))).size > 1);
  const header = ['key', ...runs.map(({ name }) => name)];
  const difference = runs.length === 1 ? '' : `<h2>Where the configurations differ</h2>${htmlTable(header, differ.map(row))}`;
  const shared = keys.filter((key) => !differ.includes(key)).map((key) => [key, text(runs[0].config[key])]);
  return `${difference}<h2>Configuration</h2><details${runs.length === 1 ? ' open' : ''}><summary>${runs.length === 1 ? 'All keys' : 'What they share'}</summary>${htmlTable(['key', 'value'], shared)}</details>`;
}
