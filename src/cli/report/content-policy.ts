import { createHash } from 'node:crypto';

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
