/**
 * Builds the pages of examples/web into DIR/pages, and the programs of guides into DIR/programs, with buttons that run
 * them where DIR has TypeDoc's pages. Run by `npm run docs`, after TypeDoc; `npx tsx tools/build-pages.ts DIR`.
 */
import path from 'node:path';
import { buildPages } from './pages/build-pages.js';
import { addButtons, buildPrograms } from './pages/build-programs.js';

const directory = process.argv[2];
if (directory === undefined) {
  console.error('usage: npx tsx tools/build-pages.ts DIR');
  process.exit(2);
}
const target = path.join(directory, 'pages');
for (const page of await buildPages(target)) console.log(path.join(target, page));
await buildPrograms(path.join(directory, 'programs'));
addButtons(directory);
