/** `bures merge` with several folders: their adapters as one. */

import { counted } from '../../core/counted.js';
import { type CombinedAdapter, combineAdapters, type OpenAdapter, openAdapter } from '../../lora/index.js';
import type { CommandResult } from '../command.js';
import { UsageError } from '../command.js';
import { short, table } from '../format.js';
import { whileWriting } from '../interruption.js';
import type { Terminal } from '../terminal.js';
import { checkNoAdapter, findAdapter } from './adapter-folder.js';

/** What is combined, and how. */
export interface Combination {
  /** Folders of runs or adapters. */
  readonly locations: readonly string[];
  readonly out: string;
  /** The weights as they were written. */
  readonly weights?: string | number | readonly number[] | undefined;
  readonly rank?: number | undefined;
  readonly keepDtype: boolean;
  /** The name of the base model, if the adapters do not agree on it. */
  readonly baseModel: string | undefined;
  readonly terminal: Terminal;
}

/** Combines the adapters of several folders, completely or not at all. */
export async function combineFolders({ locations, out, terminal, ...given }: Combination): Promise<CommandResult> {
  const weights = readWeights(given.weights, locations);
  const { rank, keepDtype, baseModel } = given;
  const folders: string[] = [];
  for (const location of locations) folders.push(await findAdapter('merge', location));
  await checkNoAdapter('merge', out);
  const adapters: OpenAdapter[] = [];
  try {
    for (const folder of folders) adapters.push(await openAdapter(folder, { caller: 'merge' }));
    const combined = await whileWriting(terminal, (check) =>
      combineAdapters(adapters, out, {
        weights,
        keepDtype,
        names: locations,
        check,
        caller: 'merge',
        ...(rank === undefined ? {} : { rank }),
        ...(baseModel === undefined ? {} : { baseModel }),
      }),
    );
    return { data: { adapters: folders, weights, out, ...combined }, text: report(out, locations.length, combined) };
  } finally {
    for (const adapter of adapters) await adapter.close();
  }
}

/** Reads `0.7,0.3`, or a list. @throws UsageError unless there is a number for each folder. */
function readWeights(given: Combination['weights'], locations: readonly string[]): readonly number[] {
  const example = `--weights ${locations.map(() => Number((1 / locations.length).toPrecision(2))).join(',')}`;
  const several = `${locations.length} folders are combined into one adapter`;
  if (given === undefined)
    throw new UsageError(`bures merge: --weights is missing; ${several}, each with its weight: add, say, ${example}`);
  const numbers =
    typeof given === 'string' ? given.split(',').map((word) => (word.trim() === '' ? Number.NaN : Number(word))) : [given].flat();
  if (numbers.length !== locations.length || !numbers.every(Number.isFinite)) {
    throw new UsageError(
      `bures merge: --weights must be ${locations.length} numbers, one for each folder in their order, got ${typeof given === 'string' ? JSON.stringify(given) : numbers.join(',')}; ${several}: write, say, ${example}`,
    );
  }
  return numbers;
}

function report(out: string, count: number, { modules, error, keptReadme }: CombinedAdapter): string {
  const rows = modules.map(({ module, shape: [m, n], ranks, rank, error: own }) => [
    module,
    `${m}×${n}`,
    ranks.map((one) => (one === 0 ? '–' : String(one))).join(' + '),
    String(rank),
    short(own),
  ]);
  const exact = modules.every(({ ranks, rank }) => rank === ranks.reduce((sum, one) => sum + one, 0));
  const accuracy = exact ? 'the sum is exact' : `the truncation leaves out ${short(error)} of ‖ΔW‖ (Frobenius norm, all modules together)`;
  return [
    table([['module', 'm×n', 'ranks', 'r', 'left out'], ...rows]),
    `${out}: ${count} adapters combined into one, on ${counted(modules.length, 'module')}; ${accuracy}${keptReadme ? '; README.md there is of another hand, and stays as it is' : ''}`,
  ].join('\n\n');
}
