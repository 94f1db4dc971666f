/**
 * `npm run docs:methods`: writes the tables of LoRA methods, starts and directions into the pages that show them, from
 * the values that the library exports, and the table of keys of a configuration, from its schema.
 * test/lora/methods-tables.test.ts fails where a page says something else.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { finetuneSchema } from '../src/cli/config/finetune-config.js';
import { choicesOf } from '../src/cli/config/keys.js';
import { type LoraMethod, loraDirections, loraMethods, loraStarts } from '../src/lora/index.js';

const docs = path.resolve(import.meta.dirname, '../docs');

/** The pages with the tables that each has. */
export const pagesWithTables: Readonly<Record<string, readonly (() => readonly string[])[]>> = {
  'design.md': [methodsTable],
  'fine-tuning.md': [keysTable, methodsTable, startsTable, directionsTable],
};

/** A row for every method of `loraMethods`, with its defaults. */
export function methodsTable(): readonly string[] {
  const header = ['method', 'geometry', 'direction', 'start', 'α for rank r', 'scale s', 'besides'];
  return markdown(
    header,
    Object.entries(loraMethods).map(([name, make]) => methodRow(name, make())),
  );
}

/** The parts of a method, by name. */
function methodRow(name: string, { geometry, direction, start, alpha, scaling, magnitudes, rates = {} }: LoraMethod): readonly string[] {
  const faster = Object.entries(rates).map(([block, rate]) => `${block} at ${rate} times the rate`);
  const besides = [...(magnitudes ? ['a magnitude for each row'] : []), ...faster].join(', ');
  return [
    `\`${name}\``,
    geometry.name,
    `\`${direction.name}\``,
    `\`${start.name}\``,
    ...(geometry.trains === 'weights' ? ['–', '–'] : [alphaRule((rank) => alpha(rank, start)), scaling === 'rank' ? 'α/r' : 'α/√r']),
    besides,
  ];
}

/** The rule for α in words: a constant or a multiple of r. */
function alphaRule(alpha: (rank: number) => number): string {
  const ranks = [1, 8, 16, 128];
  if (ranks.every((rank) => alpha(rank) === alpha(1))) return String(alpha(1));
  if (ranks.every((rank) => alpha(rank) === rank * alpha(1))) return `${alpha(1)}r`;
  throw new Error(`methodsTable: α is ${ranks.map(alpha).join(', ')} for the ranks ${ranks.join(', ')}; write this rule in alphaRule`);
}

/** A row for every start of `loraStarts`. */
function startsTable(): readonly string[] {
  const rows = Object.values(loraStarts).map(({ name, changesBase, gradientBatches }) => [
    `\`${name}\``,
    changesBase ? 'loses s·AB' : 'stays',
    gradientBatches === undefined ? 'none' : String(gradientBatches),
  ]);
  return markdown(['start', 'weight of the model', 'batches for a gradient'], rows);
}

/** A row for every direction of `loraDirections`. */
function directionsTable(): readonly string[] {
  const rows = Object.values(loraDirections).map(({ name, needsPairs, needsWeights }) => [
    `\`${name}\``,
    needsPairs === true ? 'of factor pairs' : needsWeights === true ? 'of whole weights' : 'any',
  ]);
  return markdown(['direction', 'geometry'], rows);
}

/** A row for every key of a fine-tuning configuration. */
function keysTable(): readonly string[] {
  const rows = Object.entries(finetuneSchema.shape).map(([key, schema]) => {
    const parsed = schema.safeParse(undefined);
    const standard = !parsed.success ? 'required' : parsed.data === undefined ? '' : `\`${JSON.stringify(parsed.data)}\``;
    const choices = choicesOf(schema)?.map((choice) => `\`${choice}\``);
    return [`\`${key}\``, standard, `${schema.description}${choices === undefined ? '' : `: ${choices.join(', ')}`}`];
  });
  return markdown(['key', 'default', 'meaning'], rows);
}

function markdown(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

/**
 * The table of a page that has a table's header.
 *
 * @throws Error if the page has no such header, or more than one.
 */
export function tableOfPage(text: string, [header]: readonly string[]): readonly string[] {
  const lines = text.split('\n');
  const places = lines.flatMap((line, i) => (line === header ? [i] : []));
  if (places.length !== 1) throw new Error(`tableOfPage: expected one table that begins with '${header}', got ${places.length}`);
  const after = lines.findIndex((line, i) => i > places[0] && !line.startsWith('|'));
  return lines.slice(places[0], after === -1 ? undefined : after);
}

/** The text of a page of docs/. */
export function readPage(name: string): string {
  return readFileSync(path.join(docs, name), 'utf8');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, tables] of Object.entries(pagesWithTables)) {
    const text = tables.reduce(
      (page, table) => page.replace(tableOfPage(page, table()).join('\n'), () => table().join('\n')),
      readPage(name),
    );
    writeFileSync(path.join(docs, name), text);
  }
}
