/** The help texts, laid out from the tables of the commands. */
import type { Command } from './command.js';
import { configFlags } from './config/config-flags.js';
import { commonFlags, type Flag, type Flags } from './flags.js';

/** Width of the help, in characters. */
const helpColumns = 92;

/** Formats `bures --help`, with one line per command. */
export function programHelp(version: string, commands: readonly { readonly name: string; readonly summary: string }[]): string {
  const list = commands.map(({ name, summary }) => [name, summary] as const);
  return [
    `bures ${version}: fine-tunes language models with LoRA and balanced LoRA, and inspects, balances and merges adapters.`,
    '',
    'usage: bures COMMAND …',
    '',
    twoColumns(list),
    '',
    'bures COMMAND --help explains one. Every command takes --json and --debug.',
    'Exit status: 0 done, 1 failed, 2 misuse.',
    '',
  ].join('\n');
}

/** Formats `bures COMMAND --help`. */
export function commandHelp<F extends Flags>(name: string, command: Command<F>): string {
  const { summary, details, positionals, flags } = command;
  const flagRows = (table: Flags) => Object.entries(table).map(([flag, spec]) => [flagUsage(flag, spec), flagDescription(spec)] as const);
  const parts = [`usage: ${usage(name, command)}`, summary];
  if (details !== '') parts.push(details);
  if (positionals.length > 0) parts.push(twoColumns(positionals.map((one) => [one.name, one.description])));
  if (Object.keys(flags).length > 0) parts.push(twoColumns(flagRows(flags)));
  if (command.configSchema !== undefined)
    parts.push(`Keys of the file, and flags:\n${twoColumns(flagRows(configFlags(command.configSchema)))}`);
  parts.push(twoColumns(flagRows(commonFlags)));
  return `${parts.join('\n\n')}\n`;
}

function usage<F extends Flags>(name: string, { positionals, flags, configSchema }: Command<F>): string {
  const words = positionals.map(({ name: word, optional, many }) => {
    const repeated = many ? `${word}…` : word;
    return optional ? `[${repeated}]` : repeated;
  });
  return ['bures', name, ...words, ...(Object.keys(flags).length > 0 || configSchema !== undefined ? ['[--flag …]'] : [])].join(' ');
}

function flagUsage(name: string, flag: Flag): string {
  return flag.kind === 'switch' ? `--${name}` : `--${name} ${flag.placeholder}`;
}

function flagDescription(flag: Flag): string {
  return flag.kind === 'text' && flag.choices !== undefined ? `${flag.description}: ${flag.choices.join(', ')}` : flag.description;
}

/** Sets names on the left and wraps their descriptions on the right. A name wider than its column gets its own line. */
export function twoColumns(rows: readonly (readonly [string, string])[]): string {
  const widest = Math.min(26, Math.max(...rows.map(([left]) => left.length)));
  const indent = ' '.repeat(widest + 4);
  return rows
    .map(([left, right]) => {
      const text = wrap(right, helpColumns - indent.length).join(`\n${indent}`);
      return left.length > widest ? `  ${left}\n${indent}${text}` : `  ${left.padEnd(widest + 2)}${text}`;
    })
    .join('\n');
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
