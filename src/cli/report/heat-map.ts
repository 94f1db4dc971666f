/** Heat maps: tables whose cells are shaded by their numbers, from best to worst. */
import { least } from '../../core/extremes.js';
import { short } from '../format.js';
import { escapeHtml } from './html.js';
import { shades } from './page-style.js';

/** A table of numbers, to be drawn as a heat map. */
export interface HeatMap {
  readonly title: string;
  readonly rowLabel: string;
  readonly rows: readonly string[];
  readonly columnLabel: string;
  readonly columns: readonly string[];
  /** Values by row and column, less being better; `undefined` if there is no run, not finite if it diverged. */
  readonly values: readonly (readonly (number | undefined)[])[];
  /** A further text for each cell: the spread over seeds. */
  readonly notes?: readonly (readonly string[])[];
}

/**
 * Draws maps with the same shades, so that they can be compared. The shades follow ranks, not values, so that one bad
 * run does not flatten the others.
 */
export function heatMaps(maps: readonly HeatMap[]): string {
  const sorted = [...new Set(maps.flatMap(({ values }) => finite(values)))].sort((a, b) => a - b);
  const rank = new Map(sorted.map((value, place) => [value, place]));
  const shade = (value: number): number => Math.round((shades - 1) * (1 - (rank.get(value) ?? 0) / Math.max(1, sorted.length - 1)));
  const spread = maps.some(({ notes }) => notes?.some((row) => row.some((note) => note !== '')));
  const intro = `Least validation loss of a run${spread ? ': the median over seeds, quartiles beneath' : ''}. The stronger the shade, the better; the best of each table is outlined.`;
  return `<p class="muted">${intro}</p><div class="panels">${maps.map((map) => heatMap(map, shade)).join('')}</div>`;
}

function heatMap({ title, rowLabel, rows, columnLabel, columns, values, notes }: HeatMap, shade: (value: number) => number): string {
  const best = least(finite(values));
  const cell = (value: number | undefined, note: string | undefined): string => {
    if (value === undefined) return '<td class="cell none">–</td>';
    if (!Number.isFinite(value)) return '<td class="cell none">diverged</td>';
    const spread = note ? `<small>${escapeHtml(note)}</small>` : '';
    return `<td class="cell shade-${shade(value)}${value === best ? ' best' : ''}">${short(value)}${spread}</td>`;
  };
  const names = columns.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join('');
  const head =
    `<tr><td></td><th colspan="${columns.length}">${escapeHtml(columnLabel)}</th></tr>` +
    `<tr><th>${escapeHtml(rowLabel)}</th>${names}</tr>`;
  const body = rows.map(
    (name, i) =>
      `<tr><th scope="row">${escapeHtml(name)}</th>${columns.map((_, j) => cell(values[i]?.[j], notes?.[i]?.[j])).join('')}</tr>`,
  );
  return `<figure><figcaption>${escapeHtml(title)}</figcaption><div class="scroll"><table class="heat">${head}${body.join('')}</table></div></figure>`;
}

function finite(values: HeatMap['values']): readonly number[] {
  return values.flat().filter((value): value is number => value !== undefined && Number.isFinite(value));
}
