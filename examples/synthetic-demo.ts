/**
 * `npm run demo:synthetic`: LoRA and BaLoRA as two geometries of one descent engine, on the published synthetic
 * experiment.
 *
 * Repeats the golden runs, then compares the methods on paired random instances; prints tables and writes a page of
 * plots. Options: --out DIR (default demo-output), --seeds N (default 8), --help.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readDirectory } from './parity/directory.js';
import type { ParityLine } from './parity/format.js';
import { experiments } from './synthetic/instance.js';
import { notes } from './synthetic/notes.js';
import { demoOptions } from './synthetic/options.js';
import { panelOf, renderPage } from './synthetic/page.js';
import { renderPicture } from './synthetic/picture.js';
import { methodStyles } from './synthetic/plots.js';
import { progressTo } from './synthetic/progress.js';
import { type ExperimentSummary, summarize } from './synthetic/summary.js';
import { agreementTable, ratesTable, renderText, resultsTable } from './synthetic/tables.js';

const { out, seeds } = demoOptions(process.argv.slice(2));
const begun = performance.now();
const repository = path.resolve(import.meta.dirname, '..');
const progress = progressTo(process.stderr);

const golden = readDirectory(path.join(repository, 'test/fixtures/synthetic')).runs;
const agreement: ParityLine[] = [];
for (const [i, run] of golden.entries()) {
  progress.show('golden runs', `${i + 1} of ${golden.length}`, 0);
  agreement.push(await run());
}

const summaries: ExperimentSummary[] = [];
for (const [i, experiment] of experiments.entries()) {
  const seedList = Array.from({ length: seeds }, (_, seed) => seed);
  summaries.push(
    await summarize(experiment, seedList, (method, seed) => {
      const searched = (method === 'lora' ? 0 : seeds) + seed;
      const where = `${methodStyles[method].label}, seed ${seed + 1} of ${seeds}, ${experiment.rates.length} learning rates`;
      progress.show(experiment.title, where, (i + searched / (2 * seeds)) / experiments.length);
    }),
  );
}
progress.show('tables and plots', 'done', 1);
progress.clear();

const plotted = summaries.filter(({ experiment }) => experiment.plotted);
const tables = [resultsTable(summaries, seeds), ratesTable(plotted), agreementTable(agreement)];
console.log(tables.map(renderText).join('\n\n'));
const page = path.resolve(out, 'index.html');
mkdirSync(path.dirname(page), { recursive: true });
writeFileSync(page, await renderPage({ summaries: plotted, tables, notes, seeds }));
// The README's picture is a copy of this one: one and two layers by gradient descent.
const gradientDescentPanels = plotted.filter(({ experiment }) => experiment.optimizer === 'gd').map(panelOf);
writeFileSync(path.join(path.dirname(page), 'picture.svg'), await renderPicture(gradientDescentPanels, seeds));
console.log(`\n${path.relative(process.cwd(), page) || page}: plots and tables; ${((performance.now() - begun) / 1000).toFixed(0)} s`);
if (!agreement.every(({ pass }) => pass)) {
  console.error(
    'demo: a golden run is not reproduced within its tolerance; see the last table, and run npm run parity -- test/fixtures/synthetic',
  );
  process.exitCode = 1;
}
