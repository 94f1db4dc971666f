/** `bures resume`: goes on with a run. */
import path from 'node:path';
import { ConfigError } from '../../core/errors.js';
import { readJson } from '../../core/parse-json.js';
import { writeAtomic } from '../../core/write-atomic.js';
import { exists } from '../adapter/adapter-folder.js';
import { defineCommand } from '../command.js';
import { finetuneSchema } from '../config/finetune-config.js';
import { loadConfig } from '../config/load-config.js';
import { environmentDifferences, readEnvironment } from '../environment.js';
import { latestCheckpoint, readCheckpoint } from '../run/checkpoint.js';
import { runFiles } from '../run/run-layout.js';
import { environmentText, runTraining } from '../training/run-command.js';

/** The command. */
export const resume = defineCommand({
  summary: 'Goes on with a run from its latest checkpoint, as if it had never stopped.',
  details:
    'On the same machine, backend, BLAS library and thread count the result is the same bit for bit: adapters, optimizer, order of the rows, schedule.\n' +
    'environment.json of the run records these; a difference is warned of.',
  positionals: [{ name: 'RUN', description: 'folder of the run' }],
  flags: {},
  async run({ positionals: [location], terminal }) {
    const run = path.resolve(location);
    const file = path.join(run, runFiles.config);
    if (!(await exists(file))) throw new ConfigError(`resume: ${run} is no run, it has no ${runFiles.config}; check the path`);
    const config = await loadConfig('resume', finetuneSchema, file);
    return runTraining({
      config,
      run,
      terminal,
      async begin() {
        const latest = await latestCheckpoint(run);
        return latest === undefined ? undefined : readCheckpoint(latest.folder);
      },
      async prepare(session, from) {
        terminal.notice(beginning(session.steps, from?.state.step));
        const environment = path.join(run, runFiles.environment);
        if (!(await exists(environment))) return writeAtomic(environment, environmentText(session));
        const before = await readJson('resume', environment);
        const differences = environmentDifferences(before, readEnvironment(session.model.algebra));
        if (differences.length > 0) terminal.notice(`warning: the result may differ in rounding, since ${differences.join('; ')}`);
      },
    });
  },
});

/** Where it goes on. */
function beginning(steps: number, step: number | undefined): string {
  if (step === undefined) return 'no checkpoint yet: from the start';
  return step < steps ? `from step ${step}` : `all of its ${steps} steps are done: nothing is left to train`;
}
