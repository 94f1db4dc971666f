/** Tables whose cells are shaded by their numbers, best to worst. */
import { short } from '../format.js';
import { escapeHtml } from './html.js';

/** A heat map. */
export interface HeatMap {
  readonly title: string;
  readonly rowLabel: string;
  readonly rows: readonly string[];
  readonly columnLabel: string;
  readonly columns: readonly string[];
  /** By row and column; `undefined` where there is no run, NaN where it diverged. */
  readonly values: readonly (readonly (number | undefined)[])[];
  /** What a cell shows besides: the spread over seeds. */
  readonly notes?: readonly (readonly string[])[];
}

/** Draws it: the darker a cell, the lower its number; ranks rather than values are shaded, so that a diverged run does not flatten the rest. */
export function heatMap({ title, rowLabel, rows, columnLabel, columns, values, notes }: HeatMap): string {
  const sorted = values
    .flat()
    .filter((value): value is number => Number.isFinite(value))
    .sort((a, b) => a - b);
  const shade = (value: number): string => (1 - sorted.indexOf(value) / Math.max(1, sorted.length - 1)).toFixed(2);
  const cell = (value: number | undefined, note: string | undefined): string => {
    if (value === undefined) return '<td class="cell none">–</td>';
    if (!Number.isFinite(value)) return '<td class="cell none">diverged</td>';
    const best = value === sorted[0] ? ' best' : '';
    return `<td class="cell${best}" style="--shade:${shade(value)}">${short(value)}${note ? `<small>${escapeHtml(note)}</small>` : ''}</td>`;
  };
  const head = `<tr><th>${escapeHtml(rowLabel)} \\ ${escapeHtml(columnLabel)}</th>${columns.map((name) => `<th>${escapeHtml(name)}</th>`).join('')}</tr>`;
  const body = rows.map(
    (name, i) => `<tr><th>${escapeHtml(name)}</th>${columns.map((_, j) => cell(values[i]?.[j], notes?.[i]?.[j])).join('')}</tr>`,
  );
  return `<figure class="wide"><figcaption>${escapeHtml(title)}</figcaption><div class="scroll"><table class="heat">${head}${body.join('')}</table></div></figure>`;
}
