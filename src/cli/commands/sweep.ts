import { counted } from '../../core/counted.js';
import { ConfigError } from '../../core/errors.js';
import { exists } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { writeAtomic } from '../../io/files/write-atomic.node.js';
import { defineCommand } from '../command.js';
import { finetuneSchema } from '../config/finetune-config.js';
import { validateConfig } from '../config/validate.js';
import { configText, readYaml } from '../config/yaml.js';
import { findModel } from '../hub/find-model.js';
import { catchInterrupt } from '../interruption.js';
import { checkOutsideRuns } from '../run/outside-runs.js';
import { runSweep } from '../sweep/run-sweep.js';
import { withSettledSources } from '../sweep/settle-sources.js';
import { type SweepConfig, sweepFile, sweepSchema } from '../sweep/sweep-config.js';
import { readSweep, sweepTable } from '../sweep/sweep-results.js';
import { planTrials, type Trial } from '../sweep/trials.js';
import type { Terminal } from '../terminal.js';
import { methodOf } from '../training/training-plan.js';

/** A sweep as its folder keeps it. */
type KeptConfig = Omit<SweepConfig, 'plan'>;

/** The command `bures sweep`, which runs many fine-tunings over any keys. */
export const sweep = defineCommand({
  summary: 'Runs many fine-tunings over a grid of keys or random draws of them, with several seeds, in parallel processes.',
  details: [
    'A sweep is described by a file such as',
    '',
    '  base: { model: tiny, data: questions, steps: 300 }',
    '  grid: { method: [lora, balora], learningRate: [1e-3, 3e-3], rank: [4, 16] }',
    '  seeds: [0, 1, 2]',
    '  parallel: 2',
    '  out: sweeps/first',
    '',
    'Called again after Ctrl-C or a crash, the command runs what is not finished. bures report SWEEP shows tables and heat maps.',
  ].join('\n'),
  positionals: [{ name: 'config.yaml', description: 'file of the sweep' }],
  schema: sweepSchema,
  fromFile: true,
  async run({ values: { plan, ...loaded }, origin, terminal }) {
    const out = path.resolve(loaded.out);
    await checkOutsideRuns('sweep', out);
    const config: KeptConfig = { ...loaded, out, base: await withSettledSources(loaded.base, out, terminal) };
    const trials = planTrials(config);
    await checkTrials(trials, origin, terminal);
    if (plan) return { data: trials, text: trials.map(({ name }) => name).join('\n') };
    await keepConfig(out, config);
    const interruption = catchInterrupt(terminal, 'interrupted: the runs finish their steps and save (interrupt again to end at once)');
    try {
      const outcome = await runSweep(trials, { out, parallel: config.parallel, terminal, signal: interruption.signal });
      const { rows } = await readSweep(out);
      const failure = failureOf(outcome, path.join(out, sweepFile));
      const text =
        rows.length === 0
          ? ''
          : `${sweepTable(rows)}\n\n${out}: ${outcome.finished} of ${counted(trials.length, 'run')} finished, ${outcome.diverged} diverged`;
      return {
        data: { out, runs: trials.length, ...outcome, rows },
        text,
        ...(failure === undefined ? {} : { failure, ...(outcome.interrupted ? { endedBy: interruption.received() } : {}) }),
      };
    } finally {
      interruption.end();
    }
  },
});

/** Validates every run before any starts. @throws ConfigError if keys of a run are invalid. */
async function checkTrials(trials: readonly Trial[], origin: (keys: readonly PropertyKey[]) => string, terminal: Terminal): Promise<void> {
  const checked = new Set<string>();
  for (const { values, varied } of trials) {
    const place = (keys: readonly PropertyKey[]): string => {
      const key = Object.keys(varied).find((name) => name.split('.')[0] === keys[0]);
      return key === undefined ? origin(['base', ...keys]) : origin(['grid', key]);
    };
    const config = validateConfig(finetuneSchema, [{ values, origin: place }]);
    methodOf(config, (key) => place([key]));
    // Downloaded once, before processes begin that would each wait for it.
    if (!checked.has(config.model)) await findModel('sweep', config.model, terminal);
    checked.add(config.model);
  }
}

/** Stores the configuration. @throws ConfigError if the folder has another sweep: their runs would mix. */
async function keepConfig(out: string, config: KeptConfig): Promise<void> {
  const file = path.join(out, sweepFile);
  const kept = ({ parallel: _parallel, ...rest }: KeptConfig): string => configText('sweep', rest);
  if (await exists(file)) {
    const { plan: _plan, ...before } = validateConfig(sweepSchema, [await readYaml('sweep', file)]);
    if (kept(before) === kept(config)) return;
    throw new ConfigError(`sweep: ${out} holds another sweep (${file} differs); choose another out, or pass the file of that sweep`);
  }
  await writeAtomic(file, configText('sweep', config), 'sweep');
}

function failureOf({ failed, interrupted }: Awaited<ReturnType<typeof runSweep>>, file: string): string | undefined {
  if (interrupted) return `interrupted; continue with: bures sweep ${file}`;
  return failed.length === 0
    ? undefined
    : `${counted(failed.length, 'run')} failed: ${failed.map(({ name, message }) => `${name} (${message})`).join('; ')}`;
}
