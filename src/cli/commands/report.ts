/** `bures report`: a page about runs. */
import path from 'node:path';
import { writeAtomic } from '../../core/write-atomic.js';
import { defineCommand } from '../command.js';
import { type RunRecord, readRun } from '../report/read-run.js';
import { reportPage } from '../report/report-page.js';

/** The command. */
export const report = defineCommand({
  summary: 'Writes one self-contained HTML page about a run, or several beside one another.',
  details:
    'Loss, learning rate, gradient norm, balance and conditioning of every module, spectra, samples, where configurations differ. Opens offline.',
  positionals: [{ name: 'RUN', description: 'folders of runs', many: true }],
  flags: {
    out: { kind: 'text', placeholder: 'FILE', description: 'the page (default report.html in the first folder)' },
  },
  async run({ positionals: folders, flags: { out } }) {
    const runs: RunRecord[] = [];
    for (const folder of folders) runs.push(await readRun(folder));
    const page = path.resolve(out ?? path.join(folders[0], 'report.html'));
    await writeAtomic(page, reportPage({ runs }));
    return { data: { page, runs: runs.map(({ folder }) => folder) }, text: page };
  },
});
