/**
 * Builds the pages of examples/web into DIR/pages. Run by `npm run docs`, after TypeDoc;
 * `npx tsx tools/build-pages.ts DIR`.
 */
import path from 'node:path';
import { buildPages } from './pages/build-pages.js';

const directory = process.argv[2];
if (directory === undefined) {
  console.error('usage: npx tsx tools/build-pages.ts DIR');
  process.exit(2);
}
const target = path.join(directory, 'pages');
for (const page of await buildPages(target)) console.log(path.join(target, page));
