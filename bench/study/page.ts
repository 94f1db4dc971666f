/** Writes tables and pictures of the study into docs/study.md and docs/images. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { RANKS } from './plan.js';
import { reportPicture, screeningPicture } from './plots.js';
import type { Results } from './results.js';
import { conditioningTable, coverageTable, momentumTable, reportTable, scaleTable, screeningTable, tuningTable } from './tables.js';

const docs = path.resolve(import.meta.dirname, '../../docs');

/** The tables by the name of their place in the page. */
const TABLES: Readonly<Record<string, (results: Results) => readonly string[]>> = {
  coverage: coverageTable,
  screening: screeningTable,
  scale: scaleTable,
  momentum: momentumTable,
  conditioning: conditioningTable,
  ...Object.fromEntries(
    Object.keys(RANKS).flatMap((model) => [
      [`tuning ${model}`, (results: Results) => tuningTable(results, model)],
      [`report ${model}`, (results: Results) => reportTable(results, model)],
    ]),
  ),
};

/** Contents of the generated files, by path. */
async function studyFiles(results: Results): Promise<ReadonlyMap<string, string>> {
  const page = path.join(docs, 'study.md');
  let text = readFileSync(page, 'utf8');
  for (const [name, table] of Object.entries(TABLES)) text = withTable(text, name, table(results));
  return new Map([
    [page, text],
    [path.join(docs, 'images/study-screening.svg'), await screeningPicture(results)],
    [path.join(docs, 'images/study-report.svg'), await reportPicture(results)],
  ]);
}

/** Replaces the table between `<!-- study: NAME -->` and `<!-- end -->`. */
function withTable(text: string, name: string, table: readonly string[]): string {
  const mark = `<!-- study: ${name} -->`;
  const start = text.indexOf(mark);
  const end = text.indexOf('<!-- end -->', start);
  if (start < 0 || end < 0) throw new Error(`docs/study.md has no place '${mark} … <!-- end -->'; add it`);
  return `${text.slice(0, start + mark.length)}\n\n${table.join('\n')}\n\n${text.slice(end)}`;
}

/** Writes the files. @returns the paths of those that changed. */
export async function writeStudy(results: Results): Promise<readonly string[]> {
  const changed: string[] = [];
  for (const [file, content] of await studyFiles(results)) {
    if (current(file) === content) continue;
    writeFileSync(file, content);
    changed.push(path.relative(process.cwd(), file));
  }
  return changed;
}

/** Returns the files that differ from what the results give. */
export async function outdatedFiles(results: Results): Promise<readonly string[]> {
  const files = await studyFiles(results);
  return [...files].filter(([file, content]) => current(file) !== content).map(([file]) => path.relative(docs, file));
}

function current(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
