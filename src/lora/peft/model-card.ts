/** The model card beside an adapter: a README.md as the Hugging Face hub reads it. */
import { stringify } from 'yaml';
import { counted } from '../../core/counted.js';
import { type Files, isThere } from '../../io/files/files.js';
import { isOfAnotherHand, markText, readMarked } from '../../io/files/marked-text.js';
import { shownName } from '../../io/files/portable-name.js';
import { lastName } from '../../io/files/slash-path.js';
import { resolvedPath } from '../../io/files/staging-files.js';
import { parseRepositoryName } from '../../io/hub/repository-name.js';
import { packageVersion } from '../../io/package-version.js';
import type { JsonObject } from '../../io/parse-json.js';
import type { Quantization } from '../../linalg/tensor/quantized/quantize.js';
import type { AdapterCard } from './adapter-card.js';
import type { Place } from './adapter-files.js';
import { quantizedIn, quantizedText, useSection } from './card-use.js';

/** Name of the model card in the folder of an adapter. */
export const modelCardFile = 'README.md';

/** Heading of the section on training, which cards of adapters made from this one take over. */
const trainingHeading = '## Training';

/**
 * Formats the card of an adapter.
 *
 * @param config - the contents of adapter_config.json.
 * @param card - what is known of the training.
 * @param files - where the data sets lie that it names.
 */
export async function trainedCard(config: JsonObject, card: AdapterCard, files: Files): Promise<string> {
  const names: string[] = [];
  for (const name of card.data ?? []) names.push(await dataName(name, files));
  const datasets = names.flatMap((name) => parseRepositoryName(name.split(':')[0])?.repository ?? []);
  const weighted = names.map((name, i) => (card.dataWeights?.[i] === undefined ? name : `${name} (weight ${card.dataWeights[i]})`));
  const some = (value: number | undefined, format: (value: number) => string): string[] => (value === undefined ? [] : [format(value)]);
  const rows = [
    ...some(card.trainingRows, (value) => `${counted(value, 'row')} to train on`),
    ...some(card.validationRows, (value) => `${value} to validate`),
  ].join(', ');
  const lines: readonly (readonly [string, string])[] = [
    ['method', card.method ?? ''],
    ['started from', card.startedFrom === undefined ? '' : `the adapter ${shownName(card.startedFrom)}`],
    ['weights of the base', card.quantized === undefined ? '' : quantizedText(card.quantized)],
    ['data', [weighted.join(', '), rows].filter((part) => part !== '').join(': ')],
    ['trained on', card.trainOn === undefined || card.trainOn === 'answers' ? '' : card.trainOn],
    ['end of rows', card.appendEnd === false ? 'no end token: the model need not have learned to stop' : ''],
    ['steps', [...some(card.steps, String), ...some(card.batchSize, (value) => `${counted(value, 'row')} each`)].join(', ')],
    ['learning rate', [figure(card.learningRate), card.schedule ?? ''].filter((part) => part !== '').join(', ')],
    ['training loss, last step', figure(card.trainingLoss)],
    ['validation loss', figure(card.validationLoss)],
    ['changed while training', (card.changes ?? []).join('; ')],
  ];
  const known = lines.filter(([, value]) => value !== '');
  const training = known.length === 0 ? '' : `${trainingHeading}\n\n${table(known)}\n`;
  return cardText(config, { title: card.title, datasets, sections: [training], quantized: card.quantized });
}

/** An adapter whose card tells of the training of another. */
export interface CardSource extends Place {
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
  const trainings: string[] = [];
  for (const { files, folder, name } of sources) {
    const text = (await readMarked(files.join(folder, modelCardFile), files)) ?? '';
    const heading = name === undefined ? '' : ` of ${escaped(name)}`;
    for (const [section] of text.matchAll(/^## Training[\s\S]*?(?=^## )/gm)) {
      trainings.push(section);
      sections.push(section.replace(/^## Training(.*)$/m, `## Training$1${heading.replaceAll('$', '$$$$')}`));
    }
    for (const [, dataset] of (/^datasets:\n((?: *- .*\n)+)/m.exec(text)?.[1] ?? '').matchAll(/- (.*)\n/g)) datasets.add(dataset);
  }
  return cardText(config, { datasets: [...datasets], sections, quantized: quantizedIn(trainings) });
}

/** The parts of a card that are not in the configuration. */
interface CardParts {
  readonly title?: string | undefined;
  readonly datasets: readonly string[];
  readonly sections: readonly string[];
  readonly quantized: Quantization | undefined;
}

function cardText(config: JsonObject, { title, datasets, sections, quantized }: CardParts): string {
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
    useSection(base ?? 'BASE', quantized),
    `## Versions\n\nWritten by bures ${packageVersion()}, ${runtimeName()}.\n`,
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
    ['modules', Array.isArray(config.target_modules) ? moduleText(config.target_modules.map(String)) : list(config.target_modules)],
    ['magnitudes', config.use_dora === true ? 'DoRA' : ''],
    ['biases', config.bias === 'none' || config.bias === undefined ? '' : String(config.bias)],
    ['whole modules', list(config.modules_to_save)],
  ];
  return lines.filter(([, value]) => value !== '');
}

/** Lists modules; many that are named one by one, by what the names end with. */
function moduleText(names: readonly string[]): string {
  const whole = names.filter((name) => /\.\d+\./.test(name));
  const ends = new Set(whole.map((name) => name.slice(name.lastIndexOf('.') + 1)));
  if (whole.length <= ends.size) return names.join(', ');
  const others = names.filter((name) => !whole.includes(name));
  const ofThem = `${counted(whole.length, 'module')} by their whole names, which end with ${[...ends].sort().join(', ')}`;
  return [...others, ofThem].join(', ');
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
async function dataName(name: string, files: Files): Promise<string> {
  return (await isThere(files, name)) ? lastName(resolvedPath(files, name)) : shownName(name);
}

/** Names what runs the library. */
function runtimeName(): string {
  const { process } = globalThis as { readonly process?: { readonly version?: string } };
  return process?.version === undefined ? 'in a browser' : `Node ${process.version}`;
}

/**
 * Returns the card as a file of a folder; none if there is a README.md of another hand, which stays.
 *
 * @param into - the folder that it is written into.
 * @param out - the folder that it will be in, if that is another.
 */
export async function cardFile(text: string, into: Place, out: Place = into): Promise<ReadonlyMap<string, string>> {
  if (await isOfAnotherHand(out.files.join(out.folder, modelCardFile), out.files)) return new Map();
  return new Map([[into.files.join(into.folder, modelCardFile), text]]);
}
