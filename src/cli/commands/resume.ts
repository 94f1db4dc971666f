import { z } from 'zod';
import { ConfigError, FormatError } from '../../core/errors.js';
import { exists } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { writeAtomic } from '../../io/files/write-atomic.node.js';
import { readJson } from '../../io/parse-json.js';
import { adapterFiles } from '../../lora/index.js';
import { defineCommand } from '../command.js';
import { type FinetuneConfig, finetuneSchema } from '../config/finetune-config.js';
import { count } from '../config/keys.js';
import { validateConfig } from '../config/validate.js';
import { changedYaml, readYaml } from '../config/yaml.js';
import { withWeightsApart } from '../data/data-sets.js';
import { environmentDifferences, readEnvironment } from '../environment.js';
import { crewOf } from '../processes/crew.js';
import { withToldFolder } from '../processes/told-folder.js';
import { settleBest } from '../run/best-folder.js';
import { runFiles, runFolders } from '../run/run-layout.js';
import { readSoundCheckpoint } from '../run/sound-checkpoint.js';
import { checkInputs } from '../training/check-inputs.js';
import { environmentText, runTraining } from '../training/run-command.js';
import type { Session } from '../training/session.js';

/** The command `bures resume`, which continues a run. */
export const resume = defineCommand({
  summary: 'Continues a run from its latest checkpoint, as if it had never stopped.',
  details:
    'With the same machine, backend, BLAS library and thread count the result is the same bit for bit: adapters, optimizer, order of the rows, schedule.\n' +
    'The run records these in environment.json, and the command warns if they differ.\n' +
    'Rows, base model, tokenizer and keys must be those with which the run began; a difference is an error that names it, unless --accept-changes is given.\n' +
    'The number of processes (mpirun -n 2 bures resume RUN) may differ from that before.\n' +
    '--steps N trains longer, or ends earlier; as steps in config.yaml of the run, where it is recorded. If a checkpoint is damaged, the one before it is used.',
  positionals: [{ name: 'RUN', description: 'folder of the run' }],
  schema: z.strictObject({
    steps: count(1).optional().describe('steps of the whole run from now on, those that are done included (default: as before)'),
    acceptChanges: z
      .boolean()
      .default(false)
      .describe('continue although rows, base model or keys that decide the result have changed, and choose the best adapter anew'),
  }),
  async run({ positionals: [location], values: { acceptChanges, steps }, terminal, communicator }) {
    const crew = crewOf(communicator);
    const { run, config: before } = await crew.told(() => readRun(path.resolve(location)));
    const { epochs, ...rest } = before;
    const config = steps === undefined ? before : { ...rest, steps };
    const notice = (line: string): void => terminal.notice(line);
    const train = (initial: string | undefined) =>
      runTraining({
        command: 'resume',
        config,
        run,
        initial,
        terminal,
        crew,
        begin: () => readSoundCheckpoint(run, notice),
        async prepare(session, from) {
          checkSteps(steps, from?.state.step);
          const { changes, changed } = await checkInputs(session, { run, from, accept: acceptChanges, notice });
          notice(beginning(session.steps, from?.state.step));
          await compareEnvironment(session, run, crew.size, notice);
          if (steps !== undefined) {
            const file = path.join(run, runFiles.config);
            // Written after the record of the inputs: if the program ends in between, the next resume says what
            // changed.
            await writeAtomic(file, await changedYaml('resume', file, { steps, epochs: undefined }), 'resume');
          }
          const at = from === undefined ? undefined : { step: from.state.step, progress: from.progress };
          const progress = await settleBest(run, at, changes, notice);
          return { changes, changed, ...(from === undefined || progress === undefined ? {} : { from: { ...from, progress } }) };
        },
      });
    if (config.initAdapter === undefined) return train(undefined);
    // The copy: the folder that the run was begun from may be gone.
    return withToldFolder(path.join(run, runFolders.initial), [adapterFiles.tensors, adapterFiles.config], crew, train);
  },
});

/** @throws ConfigError if more steps are done than the run is to have. */
function checkSteps(steps: number | undefined, done: number | undefined): void {
  if (steps === undefined || done === undefined || steps >= done) return;
  throw new ConfigError(`resume: --steps must be at least ${done}, the steps that are done, got ${steps}; pass more`);
}

/** Reads the configuration of a run. @throws ConfigError if there is no run. */
async function readRun(run: string): Promise<{ readonly run: string; readonly config: FinetuneConfig }> {
  const file = path.join(run, runFiles.config);
  if (!(await exists(file)))
    throw new ConfigError(`resume: expected the folder of a run, found no ${runFiles.config} in ${run}; check the path`);
  return { run, config: withWeightsApart('resume', validateConfig(finetuneSchema, [await readYaml('resume', file)])) };
}

/** Warns of changes in the environment since the run began. A run without a record of it gets one. */
async function compareEnvironment(session: Session, run: string, processes: number, notice: (line: string) => void): Promise<void> {
  const file = path.join(run, runFiles.environment);
  if (!(await exists(file))) return writeAtomic(file, environmentText(session, processes), 'resume');
  const before = await readJson('resume', file).catch((cause: Error) => {
    throw new FormatError(
      `resume: ${file}, the record of the machine, is damaged (${cause.message}); remove it, and it will be written anew`,
      {
        cause,
      },
    );
  });
  const differences = environmentDifferences(before, readEnvironment(session.model.algebra, processes));
  if (differences.length > 0) notice(`warning: the result may differ in rounding, because ${differences.join('; ')}`);
}

/** Describes where the run continues. */
function beginning(steps: number, step: number | undefined): string {
  if (step === undefined) return 'there is no checkpoint yet; the run begins at the start';
  return step < steps
    ? `continuing from step ${step}`
    : `${steps === 1 ? 'the one step is' : `all ${steps} steps are`} done; nothing is left to train`;
}
