/** Parts of a page: escaped texts, tables, and the policy that lets it load nothing. */
import { createHash } from 'node:crypto';

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

/** Contents of a page. */
export interface PageParts {
  /** The exact contents of its `<style>` elements. */
  readonly styles?: readonly string[];
  /** The exact contents of its `<script>` elements. */
  readonly scripts?: readonly string[];
}

/**
 * Builds the content security policy of a self-contained page, for a meta element: nothing is loaded, no form is sent,
 * and only the given styles and scripts, known by their SHA-256 digests, run.
 *
 * @see W3C, "Content Security Policy Level 3".
 */
export function contentPolicy({ styles = [], scripts = [] }: PageParts): string {
  const hashes = (contents: readonly string[]): string =>
    contents.map((content) => `'sha256-${createHash('sha256').update(content, 'utf8').digest('base64')}'`).join(' ');
  return [
    "default-src 'none'",
    ...(styles.length === 0 ? [] : [`style-src ${hashes(styles)}`]),
    ...(scripts.length === 0 ? [] : [`script-src ${hashes(scripts)}`]),
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}
