/**
 * `npm run docs:gallery`: runs the programs of docs/gallery, writes what they print into their pages, and draws their
 * plots into docs/images/gallery. With `--check` nothing is written, and the run fails where a page says something else
 * than its program prints. Names of pages restrict it to these.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { charts } from './gallery/charts.js';
import { drawChart } from './gallery/draw-chart.js';
import { pageFile, pageNames, runPage, shownOutput, showOutput } from './gallery/pages.js';
import { sameOutput } from './gallery/same-output.js';

const { values, positionals } = parseArgs({ options: { check: { type: 'boolean', default: false } }, allowPositionals: true });
const images = 'docs/images/gallery';
for (const name of positionals.length > 0 ? positionals : pageNames()) {
  const began = performance.now();
  const { output, rows } = await runPage(name);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const chart = charts[name];
  if (chart === undefined) throw new Error(`tools/gallery/charts.ts: expected a chart for the page '${name}'`);
  const image = path.join(images, `${name}.svg`);
  if (!values.check) {
    showOutput(name, output);
    mkdirSync(images, { recursive: true });
    writeFileSync(image, await drawChart(chart, rows));
    console.log(`${name}: ${seconds} s\n${output}\n`);
    continue;
  }
  const shown = shownOutput(name);
  const complaint = sameOutput(shown, output)
    ? existsSync(image)
      ? undefined
      : `${image} is missing`
    : `the page says\n${shown}\nthe program prints\n${output}`;
  if (complaint !== undefined) process.exitCode = 1;
  console.log(
    `${pageFile(name)}: ${complaint === undefined ? `as the page says, ${seconds} s` : `${complaint}\nrun npm run docs:gallery`}`,
  );
}
