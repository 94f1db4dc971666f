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
  /** By row and column, the less the better; `undefined` where there is no run, not finite where it diverged. */
  readonly values: readonly (readonly (number | undefined)[])[];
  /** What a cell shows besides: the spread over seeds. */
  readonly notes?: readonly (readonly string[])[];
}

/** Draws maps that are shaded alike, so that they can be compared. Ranks rather than values are shaded: one bad run does not flatten the rest. */
export function heatMaps(maps: readonly HeatMap[]): string {
  const sorted = [...new Set(maps.flatMap(({ values }) => finite(values)))].sort((a, b) => a - b);
  const shade = (value: number): string => (1 - sorted.indexOf(value) / Math.max(1, sorted.length - 1)).toFixed(2);
  const spread = maps.some(({ notes }) => notes?.some((row) => row.some((note) => note !== '')));
  const intro = `Least validation loss of a run${spread ? ': the median over seeds, quartiles beneath' : ''}. The stronger the shade, the better; the best of each table is outlined.`;
  return `<p class="muted">${intro}</p><div class="panels">${maps.map((map) => heatMap(map, shade)).join('')}</div>`;
}

function heatMap({ title, rowLabel, rows, columnLabel, columns, values, notes }: HeatMap, shade: (value: number) => string): string {
  const best = Math.min(...finite(values));
  const cell = (value: number | undefined, note: string | undefined): string => {
    if (value === undefined) return '<td class="cell none">–</td>';
    if (!Number.isFinite(value)) return '<td class="cell none">diverged</td>';
    const spread = note ? `<small>${escapeHtml(note)}</small>` : '';
    return `<td class="cell${value === best ? ' best' : ''}" style="--shade:${shade(value)}">${short(value)}${spread}</td>`;
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
