/** The model card beside an adapter: a README.md as the Hugging Face hub reads it. */
import { stringify } from 'yaml';
import { ConfigError } from '../../core/errors.js';
import { checkScalar, count, declareOptions, describeValue, number, type OptionsDeclaration, option } from '../../core/options.js';
import { exists } from '../../io/files/entries.js';
import { isOfAnotherHand, markText, readMarked } from '../../io/files/marked-text.js';
import { path } from '../../io/files/path.js';
import { shownName } from '../../io/files/portable-name.js';
import { parseRepositoryName } from '../../io/hub/repository-name.js';
import { packageVersion } from '../../io/package-version.js';
import type { JsonObject } from '../../io/parse-json.js';

/** Name of the model card in the folder of an adapter. */
export const modelCardFile = 'README.md';

/** What the model card of an adapter says of its training. What is left out is not mentioned. */
export interface AdapterCard {
  /** Name of the adapter, the title of the card. Default: what the adapter is, and of which base. */
  readonly title?: string;
  /** Name of the method, such as `'balora'`. Default: it is not mentioned. */
  readonly method?: string;
  /** Names of the data sets, on the hub or of files; of a path the last part is written. Default: not mentioned. */
  readonly data?: readonly string[];
  /** Number of rows trained on. Default: not mentioned. */
  readonly trainingRows?: number;
  /** Number of rows validated on. Default: not mentioned. */
  readonly validationRows?: number;
  /** Number of steps so far. Default: not mentioned. */
  readonly steps?: number;
  /** Number of rows in a step. Default: not mentioned. */
  readonly batchSize?: number;
  /** The highest learning rate. Default: not mentioned. */
  readonly learningRate?: number;
  /** Name of the schedule of the learning rate. Default: not mentioned. */
  readonly schedule?: string;
  /** Training loss of the last step. Default: not mentioned. */
  readonly trainingLoss?: number;
  /** Validation loss of this adapter. Default: not mentioned. */
  readonly validationLoss?: number;
}

const text = option<string, { readonly optional: true }>({ optional: true }, (caller, name, value) => {
  if (typeof value !== 'string') throw new ConfigError(`${caller}: ${name} must be a text, got ${describeValue(value)}; leave it out`);
});

/** Declares the keys of {@link AdapterCard}. */
export const adapterCard: OptionsDeclaration<AdapterCard, never> = declareOptions<AdapterCard>()({
  title: text,
  method: text,
  data: option({ optional: true }, (caller, name, value) => {
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return;
    throw new ConfigError(`${caller}: ${name} must be a list of names, got ${describeValue(value)}; pass, say, ['train.jsonl']`);
  }),
  trainingRows: count({ optional: true }),
  validationRows: count({ optional: true }),
  steps: count({ optional: true }),
  batchSize: count({ optional: true }),
  learningRate: number({ optional: true }),
  schedule: text,
  // A loss may be infinite.
  trainingLoss: option({ optional: true }, checkScalar),
  validationLoss: option({ optional: true }, checkScalar),
});

/** Heading of the section on training, which cards of adapters made from this one take over. */
const trainingHeading = '## Training';

/**
 * Formats the card of an adapter.
 *
 * @param config - the contents of adapter_config.json.
 * @param card - what is known of the training.
 */
export async function trainedCard(config: JsonObject, card: AdapterCard): Promise<string> {
  const names: string[] = [];
  for (const name of card.data ?? []) names.push(await dataName(name));
  const datasets = names.flatMap((name) => parseRepositoryName(name.split(':')[0])?.repository ?? []);
  const counted = (value: number | undefined, what: string): string[] => (value === undefined ? [] : [`${value} ${what}`]);
  const rows = [...counted(card.trainingRows, 'rows to train on'), ...counted(card.validationRows, 'to validate')].join(', ');
  const lines: readonly (readonly [string, string])[] = [
    ['method', card.method ?? ''],
    ['data', [names.join(', '), rows].filter((part) => part !== '').join(': ')],
    ['steps', [...counted(card.steps, ''), ...counted(card.batchSize, 'rows each')].join(', ').replace(/ ,/g, ',').trim()],
    ['learning rate', [figure(card.learningRate), card.schedule ?? ''].filter((part) => part !== '').join(', ')],
    ['training loss, last step', figure(card.trainingLoss)],
    ['validation loss', figure(card.validationLoss)],
  ];
  const known = lines.filter(([, value]) => value !== '');
  const training = known.length === 0 ? '' : `${trainingHeading}\n\n${table(known)}\n`;
  return cardText(config, { title: card.title, datasets, sections: [training] });
}

/** An adapter whose card tells of the training of another. */
export interface CardSource {
  readonly folder: string;
  /** Its name; absent if it is the only one. */
  readonly name?: string;
}

/**
 * Formats the card of an adapter that was made from others: how, and what their own cards say of their training.
 *
 * @param config - the contents of adapter_config.json.
 * @param made - how it was made, as whole sentences.
 */
export async function derivedCard(config: JsonObject, made: string, sources: readonly CardSource[]): Promise<string> {
  const sections: string[] = [`## How it was made\n\n${made}\n`];
  const datasets = new Set<string>();
  for (const { folder, name } of sources) {
    const text = (await readMarked(path.join(folder, modelCardFile))) ?? '';
    const heading = name === undefined ? '' : ` of ${escaped(name)}`;
    for (const [section] of text.matchAll(/^## Training[\s\S]*?(?=^## )/gm)) {
      sections.push(section.replace(/^## Training(.*)$/m, `## Training$1${heading.replaceAll('$', '$$$$')}`));
    }
    for (const [, dataset] of (/^datasets:\n((?: *- .*\n)+)/m.exec(text)?.[1] ?? '').matchAll(/- (.*)\n/g)) datasets.add(dataset);
  }
  return cardText(config, { datasets: [...datasets], sections });
}

/** The parts of a card that are not in the configuration. */
interface CardParts {
  readonly title?: string | undefined;
  readonly datasets: readonly string[];
  readonly sections: readonly string[];
}

function cardText(config: JsonObject, { title, datasets, sections }: CardParts): string {
  const { base_model_name_or_path: named, revision } = config;
  const base = typeof named === 'string' && named !== '' ? shownName(named) : undefined;
  // The hub takes names of repositories only.
  const onHub = base !== undefined && /^[\w.-]+(\/[\w.-]+)?$/.test(base) ? base : undefined;
  const front = {
    ...(onHub === undefined ? {} : { base_model: onHub }),
    library_name: 'peft',
    pipeline_tag: 'text-generation',
    ...(datasets.length === 0 ? {} : { datasets }),
    tags: [...(onHub === undefined ? [] : [`base_model:adapter:${onHub}`]), 'bures', 'lora'],
  };
  const at = typeof revision === 'string' ? ` at revision ${escaped(revision)}` : '';
  const of = base === undefined ? '' : ` of ${escaped(base)}`;
  const parts = [
    `---\n${stringify(front)}---\n`,
    `# ${title === undefined ? `LoRA adapter${of}` : escaped(shownName(title))}\n`,
    `A LoRA adapter in PEFT's format${base === undefined ? '' : ` for ${escaped(base)}${at}`}.\n`,
    `${table(configLines(config, base))}\n`,
    ...sections.filter((section) => section !== ''),
    useText(base ?? 'BASE'),
    `## Versions\n\nWritten by bures ${packageVersion()}, Node ${process.version}.\n`,
  ];
  return markText(parts.map((part) => part.trimEnd()).join('\n\n'));
}

function configLines(config: JsonObject, base: string | undefined): readonly (readonly [string, string])[] {
  const patterned = (key: string): string => {
    const values = Object.values((config[key] ?? {}) as JsonObject);
    return values.length === 0 ? '' : ` (some modules ${[...new Set(values.map(String))].sort().join(', ')})`;
  };
  const list = (value: unknown): string => (Array.isArray(value) ? value.join(', ') : typeof value === 'string' ? value : '');
  const lines: readonly (readonly [string, string])[] = [
    ['base model', base ?? ''],
    ['rank r', `${config.r}${patterned('rank_pattern')}`],
    ['α', `${config.lora_alpha}${patterned('alpha_pattern')}; ΔW = α/${config.use_rslora === true ? '√r' : 'r'} · lora_B · lora_A`],
    ['modules', list(config.target_modules)],
    ['magnitudes', config.use_dora === true ? 'DoRA' : ''],
    ['biases', config.bias === 'none' || config.bias === undefined ? '' : String(config.bias)],
    ['whole modules', list(config.modules_to_save)],
  ];
  return lines.filter(([, value]) => value !== '');
}

function useText(base: string): string {
  const name = JSON.stringify(base);
  return [
    '## Use',
    '',
    'In Python, with PEFT (`DIR` is the folder of this file):',
    '',
    '```python',
    'from peft import PeftModel',
    'from transformers import AutoModelForCausalLM',
    '',
    `base = AutoModelForCausalLM.from_pretrained(${name})`,
    'model = PeftModel.from_pretrained(base, "DIR")',
    '```',
    '',
    'With bures, on the command line or in TypeScript, where the base is a directory:',
    '',
    '```sh',
    `npx bures generate DIR --model ${/^[\w./-]+$/.test(base) ? base : 'BASE'} --prompt "…"`,
    '```',
    '',
    '```ts',
    "import { tensorAlgebra } from 'bures/tensor';",
    "import { loadAdapter } from 'bures/lora';",
    "import { loadCausalLM } from 'bures/models';",
    '',
    "const model = await loadCausalLM('BASE', { algebra: await tensorAlgebra() });",
    "const adapter = await loadAdapter(model, 'DIR');",
    '```',
    '',
  ].join('\n');
}

function table(lines: readonly (readonly [string, string])[]): string {
  return ['| | |', '| --- | --- |', ...lines.map(([name, value]) => `| ${name} | ${escaped(value)} |`)].join('\n');
}

/** Keeps a name from being read as Markdown, and in one line. */
function escaped(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[|<>`*[\]\\]/g, '\\$&');
}

function figure(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? '' : String(Number(value.toPrecision(6)));
}

/** Returns the name of a data set without a path of this machine. */
async function dataName(name: string): Promise<string> {
  return (await exists(name)) ? path.basename(path.resolve(name)) : shownName(name);
}

/**
 * Returns the card as a file of a folder; none if there is a README.md of another hand, which stays.
 *
 * @param folder - where it is written.
 * @param out - the folder that it will be in, if that is another.
 */
export async function cardFile(folder: string, text: string, out: string = folder): Promise<ReadonlyMap<string, string>> {
  return (await isOfAnotherHand(path.join(out, modelCardFile))) ? new Map() : new Map([[path.join(folder, modelCardFile), text]]);
}
