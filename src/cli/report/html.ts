/** Escapes a text for HTML and SVG, in elements and in double-quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Maximum number of characters of a text on a page. */
const mostCharacters = 10_000;

/** Shortens a text for a page. */
export function cut(text: string): string {
  return text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters)} … (${text.length} characters)`;
}

/** Layout of a table. */
export interface TableLayout {
  /** If true, a phone shows each row as a block of lines, the header beside each cell; for tables of few rows. */
  readonly stacked?: boolean;
  /** If true, the last column is as narrow as the page requires. */
  readonly pairs?: boolean;
}

/** Builds a table of texts. */
export function htmlTable(header: readonly string[], rows: readonly (readonly string[])[], layout: TableLayout = {}): string {
  const kind = layout.stacked ? ' class="stacked"' : layout.pairs ? ' class="pairs"' : '';
  const head = header.map((name) => `<th>${escapeHtml(name)}</th>`).join('');
  const body = rows.map(
    (cells) => `<tr>${cells.map((cell, i) => `<td data-label="${escapeHtml(header[i])}">${escapeHtml(cut(cell))}</td>`).join('')}</tr>`,
  );
  return `<div class="scroll"><table${kind}><tr class="head">${head}</tr>${body.join('')}</table></div>`;
}
