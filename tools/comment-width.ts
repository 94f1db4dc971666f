/**
 * Comments at one width: finds those that are wider, or with `--write` breaks all of them anew.
 *
 *     npm run lint:comments -- [--write]
 *
 * Blocks of code, tables, displayed formulas and commands stay as they are, and nothing is broken within `code`,
 * $formulas$ and {@link references}.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { commentsTooWide, withWrappedComments } from './lint/wrap-comments.js';

const write = process.argv.includes('--write');
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts', '*.mjs'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && !file.startsWith('test/fixtures/'));
let wide = 0;
for (const file of files) {
  const text = readFileSync(file, 'utf8');
  const wrapped = write ? withWrappedComments(text) : text;
  if (wrapped !== text) writeFileSync(file, wrapped);
  for (const line of commentsTooWide(wrapped)) {
    console.error(`${file}:${line}: a comment of more than 120 columns; run npm run lint:comments -- --write`);
    wide++;
  }
}
process.exit(wide > 0 ? 1 : 0);
