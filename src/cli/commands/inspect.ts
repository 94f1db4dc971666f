import { z } from 'zod';
import { measurePair, type PairMeasures } from '../../diagnostics/index.js';
import { hostAlgebra } from '../../index.js';
import { type AdapterPair, openAdapter } from '../../lora/index.js';
import { findAdapter } from '../adapter/adapter-folder.js';
import { conditioningText, lossConditioning } from '../adapter/loss-conditioning.js';
import { defineCommand, UsageError } from '../command.js';
import { checkColumnKeys, columnKeys } from '../config/data-keys.js';
import { count, text } from '../config/keys.js';
import { short, table } from '../format.js';
import { modelKeys } from '../training/open-model.js';

/** Measures of a module. Condition numbers are `null` where they are not defined. */
interface ModuleReport extends Omit<PairMeasures, 'normA' | 'normB' | 'conditionNumber' | 'balancedConditionNumber'> {
  readonly module: string;
  /** The norms of the factors, by PEFT's names. */
  readonly normLoraB: number;
  readonly normLoraA: number;
  readonly conditionNumber: number | null;
  readonly balancedConditionNumber: number | null;
}

/** Measures one pair. A rank above the sizes of ΔW, which PEFT accepts, has no condition number. */
async function reportOf(module: string, pair: AdapterPair): Promise<ModuleReport> {
  const measures = await measurePair(hostAlgebra(), pair, { scale: pair.scale });
  const defined = (value: number): number | null => (Number.isNaN(value) ? null : value);
  const { shape, rank, scale, normA, normB, conditionNumber, balancedConditionNumber, ...others } = measures;
  return {
    module,
    ...{ shape, rank, scale, normLoraB: normA, normLoraA: normB },
    ...others,
    conditionNumber: defined(conditionNumber),
    balancedConditionNumber: defined(balancedConditionNumber),
  };
}

/** The command `bures inspect`, which describes the adapters of a file. */
export const inspect = defineCommand({
  summary: 'Measures an adapter module by module: size, spectrum, balance, conditioning.',
  details: [
    'The command works in float64 on any LoRA adapter in PEFT format and needs no base model. ΔW = (α/r)·lora_B·lora_A.',
    '',
    '  eff. rank  exp of the entropy of the singular values: how many directions ΔW uses',
    '  gap        ‖AᵀA − BBᵀ‖/(‖AᵀA‖ + ‖BBᵀ‖), 0 when balanced',
    '  κ          condition number of training at this pair, and the least over all gauges (balanced); none for a rank above m or n',
    '',
    'Of the results of --json, normLoraB and normLoraA are the norms of the factors, norm is that of ΔW. A table that is wider than the terminal leaves columns out; one that goes into a file has all.',
    '',
    'With --conditioning the command loads the model too and measures the Hessian of the real loss in all factors at once, at the factors as trained and balanced:',
    'its largest and smallest eigenvalue, the root mean square of all, and κ, the largest over the root mean square.',
  ].join('\n'),
  positionals: [{ name: 'ADAPTER|RUN', description: 'folder of an adapter or of a run; of a run, the best checkpoint is used' }],
  schema: z.strictObject({
    values: z.boolean().default(false).describe('list the singular values'),
    conditioning: z.boolean().default(false).describe('measure the Hessian of the loss on training rows'),
    rows: count(1).optional().describe('rows for --conditioning (default: 64)'),
    data: text.optional().describe('rows for --conditioning (default: the training data of the run)').meta({ placeholder: 'DATA' }),
    ...columnKeys,
    ...modelKeys,
  }),
  async run({
    positionals: [location],
    values: { values, conditioning, rows, promptColumn, completionColumn, messagesColumn, textColumn, ...keys },
    terminal,
  }) {
    const columns = { promptColumn, completionColumn, messagesColumn, textColumn };
    if (keys.data === undefined && Object.values(columns).some((value) => value !== undefined))
      throw new UsageError('bures inspect: the columns are those of --data, which is missing; add it, or leave them out');
    checkColumnKeys('inspect', columns);
    if (!conditioning && [rows, keys.data, keys.model].some((value) => value !== undefined))
      throw new UsageError('bures inspect: --rows, --data and --model are used by --conditioning only; add it, or leave them out');
    const folder = await findAdapter('inspect', location);
    const adapter = await openAdapter(folder, { caller: 'inspect' });
    try {
      const modules: ModuleReport[] = [];
      for (const module of adapter.modules) modules.push(await reportOf(module, await adapter.pair(module)));
      const loss = conditioning ? await lossConditioning(location, { ...keys, columns, rows: rows ?? 64 }, terminal) : undefined;
      const texts = [
        folder,
        // A file has no width.
        reportTable(modules, terminal.showsResults === true ? terminal.columns() : Number.POSITIVE_INFINITY),
        ...(values ? [spectra(modules)] : []),
        ...(loss === undefined ? [] : [conditioningText(loss)]),
      ];
      return { data: { folder, modules, ...(loss === undefined ? {} : { conditioning: loss }) }, text: texts.join('\n\n') };
    } finally {
      await adapter.close();
    }
  },
});

/** A column of the table: its heading, a shorter one, and the cells. */
interface Column {
  readonly heading: string;
  readonly brief?: string;
  /** Whether a table that is too wide leaves it out. */
  readonly wide?: true;
  /** Whether it is a setting, which a table that is too wide says once if all have the same. */
  readonly setting?: true;
  cell(one: ModuleReport): string;
}

const columns: readonly Column[] = [
  { heading: 'm×n', wide: true, cell: ({ shape }) => shape.join('×') },
  { heading: 'r', setting: true, cell: ({ rank }) => String(rank) },
  { heading: 'α/r', setting: true, cell: ({ scale }) => short(scale) },
  { heading: '‖lora_B‖', wide: true, cell: ({ normLoraB }) => short(normLoraB) },
  { heading: '‖lora_A‖', wide: true, cell: ({ normLoraA }) => short(normLoraA) },
  { heading: '‖ΔW‖', cell: ({ norm }) => short(norm) },
  { heading: 'σ₁', cell: ({ singularValues }) => short(singularValues[0]) },
  // If the rank exceeds the sizes of ΔW, σᵣ is 0.
  { heading: 'σᵣ', cell: ({ singularValues, rank }) => short(singularValues[rank - 1] ?? 0) },
  { heading: 'eff. rank', brief: 'eff.', cell: ({ effectiveRank }) => short(effectiveRank) },
  { heading: 'gap', cell: ({ balanceGap }) => short(balanceGap) },
  { heading: 'κ', cell: ({ conditionNumber }) => (conditionNumber === null ? '–' : short(conditionNumber)) },
  {
    heading: 'κ balanced',
    brief: 'κ bal.',
    cell: ({ balancedConditionNumber }) => (balancedConditionNumber === null ? '–' : short(balancedConditionNumber)),
  },
];

/**
 * Lays out the measures. A table that is wider than the terminal begins names where they begin to differ, says once
 * what is the same for all, and leaves out some columns, which it names.
 */
function reportTable(modules: readonly ModuleReport[], width: number): string {
  const whole = table([
    ['module', ...columns.map(({ heading }) => heading)],
    ...modules.map((one) => [one.module, ...columns.map(({ cell }) => cell(one))]),
  ]);
  if (modules.length < 2 || whole.split('\n').every((line) => [...line].length <= width)) return whole;
  const same = columns.filter(({ setting, cell }) => setting === true && new Set(modules.map(cell)).size === 1);
  const shown = columns.filter((column) => column.wide === undefined && !same.includes(column));
  const prefix = commonPrefix(modules.map(({ module }) => module));
  const rows = modules.map((one) => [one.module.slice(prefix.length), ...shown.map(({ cell }) => cell(one))]);
  const facts = same.map(({ heading, cell }) => `${heading} ${cell(modules[0])}`).join(', ');
  return [
    `  modules of ${prefix}*${facts === '' ? '' : `, all with ${facts}`}`,
    '  (m×n, ‖lora_A‖ and ‖lora_B‖: in a wider terminal, or with --json)',
    table([['module', ...shown.map(({ heading, brief }) => brief ?? heading)], ...rows]),
  ].join('\n');
}

/** Returns what all names begin with, up to a dot. */
function commonPrefix([first, ...others]: readonly string[]): string {
  let length = first.lastIndexOf('.') + 1;
  while (length > 0 && !others.every((name) => name.startsWith(first.slice(0, length)))) length = first.lastIndexOf('.', length - 2) + 1;
  return first.slice(0, length);
}

function spectra(modules: readonly ModuleReport[]): string {
  return `singular values of ΔW:\n${table(modules.map(({ module, singularValues }) => [module, singularValues.map(short).join(' ')]))}`;
}
