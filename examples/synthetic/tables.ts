/** The demo's numbers as tables: the same cells for the terminal and for the page. */
import type { ParityLine } from '../parity/format.js';
import { escapeHtml } from './html.js';
import { methodStyles } from './plots.js';
import { quartiles } from './study.js';
import type { ExperimentSummary, MethodSummary } from './summary.js';

/** A table of text. */
export interface TextTable {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** How to read it, a line each, below it in the terminal; the page says more in its notes. */
  readonly footnotes?: readonly string[];
}

/** How the engine's runs deviate from the golden ones, by experiment and method. */
export function agreementTable(lines: readonly ParityLine[]): TextTable {
  const groups = new Map<string, ParityLine[]>();
  for (const line of lines) {
    const key = `${line.file} ${line.method}`;
    groups.set(key, [...(groups.get(key) ?? []), line]);
  }
  const largest = (values: readonly (number | null)[]): string =>
    scientific(Math.max(...values.map((value) => value ?? Number.POSITIVE_INFINITY)));
  return {
    title: 'Agreement with the golden runs (JAX): largest relative deviation',
    header: ['file', 'method', 'runs', 'losses', 'products A·B', 'within tolerance'],
    rows: [...groups.values()].map((group) => [
      group[0].file,
      methodStyles[group[0].method as keyof typeof methodStyles].label,
      String(group.length),
      largest(group.map(({ losses }) => losses)),
      largest(group.map(({ products }) => products)),
      group.every(({ pass }) => pass) ? 'yes' : 'NO',
    ]),
  };
}

/** Where each method ends. */
export function resultsTable(summaries: readonly ExperimentSummary[], seeds: number): TextTable {
  return {
    title: `Excess loss after the last step, and the point reached (${seeds} paired ${seeds === 1 ? 'seed' : 'seeds'}; medians)`,
    header: ['experiment', 'method', 'learning rate', 'excess loss', 'quartiles', 'lower on', 'balance gap', 'κ'],
    rows: eachMethod(summaries, ({ balancedWins }, summary) => {
      const { lower, median, upper } = quartiles(summary.ends);
      return [
        significant(summary.learningRate),
        significant(median),
        `${significant(lower)} – ${significant(upper)}`,
        `${summary.method === 'balora' ? balancedWins : seeds - balancedWins} of ${seeds}`,
        summary.balanceGap < 1e-6 ? scientific(summary.balanceGap) : significant(summary.balanceGap),
        significant(summary.conditionNumber),
      ];
    }),
    footnotes: [
      '… on the published grid: of its rates only the smallest, 1e-5, does not diverge under gradient descent on two layers; nothing converges at it.',
      'lower on: seeds on which this method ends below the other.',
      'κ: condition number at the solution, small is fast. One layer: of the loss, off the gauge directions; two: the largest of a layer’s own map.',
    ],
  };
}

/** The asymptotic rates of the runs of plain descent. */
export function ratesTable(summaries: readonly ExperimentSummary[]): TextTable {
  const descents = summaries.filter(({ methods }) => methods.some(({ rates }) => rates !== undefined));
  return {
    title: 'Asymptotic rate of gradient descent: factor by which the distance to the minimizer shrinks in a step (medians)',
    header: ['experiment', 'method', 'predicted max|1−τλ|', 'measured, last fifth', 'best (κ−1)/(κ+1)', 'sharpness τλ₁'],
    rows: eachMethod(descents, (_, { rates, bestRate }) => {
      const shown = [rates?.predicted, rates?.measured, bestRate, rates?.sharpness];
      return shown.map((value) => (value === undefined ? '–' : value.toFixed(3)));
    }),
  };
}

function eachMethod(
  summaries: readonly ExperimentSummary[],
  cells: (summary: ExperimentSummary, method: MethodSummary) => readonly string[],
): string[][] {
  return summaries.flatMap((summary) =>
    summary.methods.map((method) => [summary.experiment.title, methodStyles[method.method].label, ...cells(summary, method)]),
  );
}

/** Three significant digits, in plain notation where that is short. */
function significant(value: number): string {
  return Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? scientific(value) : String(Number(value.toPrecision(3)));
}

const scientific = (value: number): string => value.toExponential(1);

/** The table with columns aligned, for a terminal. */
export function renderText({ title, header, rows, footnotes = [] }: TextTable): string {
  const widths = header.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd();
  return [
    title,
    line(header),
    widths.map((width) => '─'.repeat(width)).join('  '),
    ...rows.map(line),
    ...footnotes.map((note) => `  ${note}`),
  ].join('\n');
}

/** The table as HTML. Cells hold no markup: they are numbers and names of this program, escaped all the same. */
export function renderHtml({ title, header, rows }: TextTable): string {
  const row = (tag: 'td' | 'th', cells: readonly string[]): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  const body = rows.map((cells) => row('td', cells)).join('\n');
  // The caption stands outside of what scrolls on narrow screens.
  const caption = `<figcaption>${escapeHtml(title)}</figcaption>`;
  const table = `<table>\n<thead>${row('th', header)}</thead>\n<tbody>\n${body}\n</tbody></table>`;
  return `<figure class="table">${caption}\n<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(title)}">${table}</div></figure>`;
}
