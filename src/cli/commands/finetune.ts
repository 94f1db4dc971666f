import { ConfigError } from '../../core/errors.js';
import { namesIn, readBytes } from '../../io/files/entries.node.js';
import type { FileContent } from '../../io/files/file-content.js';
import { path } from '../../io/files/path.node.js';
import { writeAllAtomic } from '../../io/files/write-atomic.node.js';
import { type AdapterStart, adapterFiles, adapterStart, loraMethodDefaults, loraMethods } from '../../lora/index.js';
import { findAdapter } from '../adapter/adapter-folder.js';
import { defineCommand } from '../command.js';
import { checkColumnKeys } from '../config/data-keys.js';
import { type FinetuneConfig, finetuneSchema } from '../config/finetune-config.js';
import { configText } from '../config/yaml.js';
import { dataSetsOf, withWeightsApart } from '../data/data-sets.js';
import { findData } from '../data/find-data.js';
import { findModel } from '../hub/find-model.js';
import { crewOf } from '../processes/crew.js';
import { fingerprintsText } from '../run/fingerprints.js';
import { checkOutsideRuns } from '../run/outside-runs.js';
import { runFiles, runFolders } from '../run/run-layout.js';
import { isBeginning } from '../run/run-lock.js';
import type { Terminal } from '../terminal.js';
import { chatTemplateSource } from '../training/chat-template-source.js';
import { takeFingerprints } from '../training/check-inputs.js';
import { environmentText, runTraining } from '../training/run-command.js';
import { methodOf } from '../training/training-plan.js';

/** The command `bures finetune`, which trains an adapter. */
export const finetune = defineCommand({
  summary: 'Trains a LoRA adapter on a base model, with evaluations, checkpoints, samples and a record of everything.',
  details: [
    'Give the keys in a YAML file, as flags, or both; flags take precedence. Rows are {text}, {prompt, completion}, {messages}, rows of Alpaca or ShareGPT, or have the columns that are named.',
    '',
    '  bures finetune --model Qwen2.5-0.5B --data questions/ --method balora --rank 16 \\',
    '    --learning-rate 1e-3 --steps 300',
    '  bures finetune --model Qwen/Qwen2.5-0.5B --data openai/gsm8k:main --prompt-column question --completion-column answer',
    '  bures finetune config.yaml --learning-rate 3e-3 --method-options.moments keep',
    '',
    'mpirun -n 2 bures finetune … shares each step among two processes, on one machine or several.',
    'On Ctrl-C or SIGTERM the run finishes its step and saves; bures resume RUN continues it bit for bit, also after a crash.',
    `Methods: ${Object.keys(loraMethods).join(', ')}.`,
    'Options of the methods (--method-options.NAME), with their defaults:',
    ...Object.entries(loraMethodDefaults).map(([name, defaults]) => `  ${name}: ${optionList(defaults)}`),
  ].join('\n'),
  positionals: [{ name: 'config.yaml', description: 'file of keys and values', optional: true }],
  schema: finetuneSchema,
  fromFile: true,
  async run({ values, isGiven, terminal, communicator }) {
    const crew = crewOf(communicator);
    const config = await crew.told(() => wholeConfig(values, isGiven, terminal));
    const run = config.out;
    return runTraining({
      command: 'finetune',
      config,
      run,
      initial: config.initAdapter,
      terminal,
      crew,
      // Checked again: another run may have been created here while the model was loaded.
      async begin() {
        await checkEmpty(run);
        return undefined;
      },
      async prepare(session) {
        await writeAllAtomic(
          new Map<string, FileContent>([
            ...(await copyOf(config.initAdapter, path.join(run, runFolders.initial))),
            [path.join(run, runFiles.environment), environmentText(session, crew.size)],
            [path.join(run, runFiles.fingerprints), fingerprintsText(await takeFingerprints('finetune', session))],
            // Written last: a folder without it is not a run.
            [path.join(run, runFiles.config), configText('finetune', session.config)],
          ]),
          { caller: 'finetune' },
        );
        return { changes: 0, changed: [] };
      },
    });
  },
});

/** Fills in what depends on other keys, and finds model and data. @throws ConfigError if keys contradict each other. */
async function wholeConfig(
  values: FinetuneConfig,
  isGiven: (key: string) => boolean,
  terminal: Terminal,
): Promise<FinetuneConfig & { readonly out: string }> {
  const { config: loaded, start } = await withInitialAdapter(withWeightsApart('finetune', values), isGiven);
  if (loaded.steps !== undefined && loaded.epochs !== undefined)
    throw new ConfigError('finetune: expected steps or epochs, got both; give one of them');
  checkColumnKeys('finetune', loaded);
  dataSetsOf('finetune', loaded);
  const out = path.resolve(loaded.out ?? path.join('runs', defaultName(loaded)));
  // The default is stored with the run, because other versions may have another one.
  const method = methodOf(loaded);
  const ownStart = method.start;
  if (start !== undefined && ownStart.startsAtZero !== true && ownStart.trains !== 'weights') {
    terminal.notice(
      `the start '${ownStart.name}' of the method ${method.name} is not made: training starts from the adapter ${loaded.initAdapter}`,
    );
  }
  const alpha = loaded.alpha ?? method.alpha(loaded.rank, start ?? ownStart);
  await checkEmpty(out);
  await checkOutsideRuns('finetune', out);
  // What is on the hub is recorded at its commit, so that the run can be resumed with it.
  const { name: model } = await findModel('finetune', loaded.model, terminal);
  const data: Exclude<FinetuneConfig['data'], string> = [];
  for (const entry of [loaded.data].flat()) {
    const { name, choice } = await findData('finetune', typeof entry === 'string' ? entry : entry.data, 'training', terminal);
    if (choice !== undefined) terminal.notice(choice);
    data.push(typeof entry === 'string' ? name : { ...entry, data: name });
  }
  const today = loaded.today ?? dateText(new Date());
  // The file of a template may change or go: the run has its text.
  const { chatTemplate: template } = loaded;
  const chatTemplate = template === undefined ? {} : { chatTemplate: await chatTemplateSource('finetune', template) };
  return { ...loaded, ...chatTemplate, alpha, model, data: data.length === 1 && typeof data[0] === 'string' ? data[0] : data, today, out };
}

/** Formats a day of the local calendar: YYYY-MM-DD. */
function dateText(day: Date): string {
  const parts = [day.getFullYear(), day.getMonth() + 1, day.getDate()];
  return parts.map((part) => String(part).padStart(2, '0')).join('-');
}

/** Takes rank and modules from the adapter that the run starts from, as far as they are not given. */
async function withInitialAdapter(
  config: FinetuneConfig,
  isGiven: (key: string) => boolean,
): Promise<{ readonly config: FinetuneConfig; readonly start?: AdapterStart }> {
  if (config.initAdapter === undefined) return { config };
  if (config.start !== undefined)
    throw new ConfigError(`finetune: expected --init-adapter or --start, got both; leave out the start '${config.start}'`);
  const initAdapter = path.resolve(await findAdapter('finetune', config.initAdapter));
  const start = await adapterStart(initAdapter, { caller: 'finetune' });
  const { ranks } = start;
  const [rank] = mostFrequent([...ranks.values()]);
  const others = Object.fromEntries([...ranks].filter(([, own]) => own !== rank));
  const whole = {
    ...config,
    initAdapter,
    ...(isGiven('rank') ? {} : { rank, ...(isGiven('rankPattern') ? {} : { rankPattern: others }) }),
    ...(isGiven('targetModules') ? {} : { targetModules: [...ranks.keys()] }),
  };
  return { config: whole, start };
}

/** Returns the values, the most frequent first. */
function mostFrequent(values: readonly number[]): readonly number[] {
  const count = (value: number): number => values.filter((one) => one === value).length;
  return [...new Set(values)].sort((a, b) => count(b) - count(a));
}

/** Returns the files of an adapter as those of another folder; none without an adapter. */
async function copyOf(adapter: string | undefined, folder: string): Promise<readonly (readonly [string, Uint8Array])[]> {
  if (adapter === undefined) return [];
  const names = [adapterFiles.tensors, adapterFiles.config];
  return Promise.all(names.map(async (name) => [path.join(folder, name), await readBytes(path.join(adapter, name))] as const));
}

function defaultName({ method }: FinetuneConfig): string {
  return `${method.replaceAll('+', '-plus')}-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`;
}

/** Requires an empty folder. @throws ConfigError if it is not: two runs would mix. */
async function checkEmpty(run: string): Promise<void> {
  const entries = await namesIn(run).catch((error: Error) => {
    throw new ConfigError(`finetune: ${run} cannot be the folder of a run (${error.message}); choose another --out`, { cause: error });
  });
  if (entries.length === 0 || isBeginning(entries)) return;
  const isRun = entries.includes(runFiles.config);
  throw new ConfigError(`finetune: ${run} is not empty; ${isRun ? `continue with bures resume ${run}, or ` : ''}choose another --out`);
}

/** Lists options with their defaults, on one line. */
function optionList(defaults: object): string {
  return Object.entries(defaults)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}
