import { z } from 'zod';
import { ConfigError } from '../../core/errors.js';
import { exists } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { writeAtomic } from '../../io/files/write-atomic.node.js';
import { defineCommand } from '../command.js';
import { text } from '../config/keys.js';
import { whileWriting } from '../interruption.js';
import type { HeatMap } from '../report/heat-map.js';
import { type RunRecord, readRun } from '../report/read-run.js';
import { reportPage } from '../report/report-page.js';
import { sweepFile } from '../sweep/sweep-config.js';
import { readSweep, sweepMaps } from '../sweep/sweep-results.js';

/** The command `bures report`, which writes a page about runs. */
export const report = defineCommand({
  summary: 'Writes one self-contained HTML page about a run, several runs side by side, or a sweep.',
  details:
    'The page shows loss, learning rate, gradient norm, balance and conditioning of every module, spectra, samples, and where configurations differ. It opens offline.',
  positionals: [{ name: 'RUN|SWEEP', description: 'folders of runs or sweeps', many: true }],
  schema: z.strictObject({
    out: text.optional().describe('file of the page (default: report.html in the first folder)').meta({ placeholder: 'FILE' }),
  }),
  async run({ positionals: folders, values: { out }, terminal }) {
    const runs: RunRecord[] = [];
    const maps: HeatMap[] = [];
    for (const folder of folders) {
      if (!(await exists(path.join(folder, sweepFile)))) runs.push(await readRun(folder));
      else {
        const sweep = await readSweep(folder);
        runs.push(...sweep.runs);
        maps.push(...sweepMaps(sweep));
      }
    }
    if (runs.length === 0) throw new ConfigError('report: expected runs, got a sweep in which none has begun; wait for the first');
    const page = path.resolve(out ?? path.join(folders[0], 'report.html'));
    const html = Buffer.from(reportPage({ runs, maps }));
    await whileWriting(terminal, (check) =>
      writeAtomic(
        page,
        async ({ write }) => {
          await write(html);
          await check();
        },
        'report',
      ),
    );
    return { data: { page, runs: runs.map(({ folder }) => folder) }, text: page };
  },
});
