/** Text for HTML and SVG: in elements and in double-quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Characters of a text that a page shows, at most. */
const mostCharacters = 10_000;

/** A text as far as a page shows it. */
export function cut(text: string): string {
  return text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters)} … (${text.length} characters)`;
}

/** How a table is laid out. */
export interface TableLayout {
  /** On a phone each row becomes a block of lines, the header beside each cell; for tables of few rows. */
  readonly stacked?: boolean;
  /** The last column is as narrow as the page requires. */
  readonly pairs?: boolean;
}

/** A table of texts. */
export function htmlTable(header: readonly string[], rows: readonly (readonly string[])[], layout: TableLayout = {}): string {
  const kind = layout.stacked ? ' class="stacked"' : layout.pairs ? ' class="pairs"' : '';
  const head = header.map((name) => `<th>${escapeHtml(name)}</th>`).join('');
  const body = rows.map(
    (cells) => `<tr>${cells.map((cell, i) => `<td data-label="${escapeHtml(header[i])}">${escapeHtml(cut(cell))}</td>`).join('')}</tr>`,
  );
  return `<div class="scroll"><table${kind}><tr class="head">${head}</tr>${body.join('')}</table></div>`;
}
