import { z } from 'zod';
import { measurePair, type PairMeasures } from '../../diagnostics/index.js';
import { hostAlgebra } from '../../index.js';
import { type AdapterPair, openAdapter } from '../../lora/index.js';
import { findAdapter } from '../adapter/adapter-folder.js';
import { conditioningText, lossConditioning } from '../adapter/loss-conditioning.js';
import { defineCommand, UsageError } from '../command.js';
import { checkColumnKeys, columnKeys } from '../config/finetune-config.js';
import { count, text } from '../config/keys.js';
import { short, table } from '../format.js';
import { modelKeys } from '../training/open-model.js';

/** Measures of a module. Condition numbers are `null` where they are not defined. */
interface ModuleReport extends Omit<PairMeasures, 'conditionNumber' | 'balancedConditionNumber'> {
  readonly module: string;
  readonly conditionNumber: number | null;
  readonly balancedConditionNumber: number | null;
}

/** Measures one pair. A rank above the sizes of ΔW, which PEFT accepts, has no condition number. */
async function reportOf(module: string, pair: AdapterPair): Promise<ModuleReport> {
  const measures = await measurePair(hostAlgebra(), pair, { scale: pair.scale });
  const defined = (value: number): number | null => (Number.isNaN(value) ? null : value);
  const { conditionNumber, balancedConditionNumber } = measures;
  return {
    module,
    ...measures,
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
        reportTable(modules),
        ...(values ? [spectra(modules)] : []),
        ...(loss === undefined ? [] : [conditioningText(loss)]),
      ];
      return { data: { folder, modules, ...(loss === undefined ? {} : { conditioning: loss }) }, text: texts.join('\n\n') };
    } finally {
      await adapter.close();
    }
  },
});

function reportTable(modules: readonly ModuleReport[]): string {
  const header = ['module', 'm×n', 'r', 'α/r', '‖lora_B‖', '‖lora_A‖', '‖ΔW‖', 'σ₁', 'σᵣ', 'eff. rank', 'gap', 'κ', 'κ balanced'];
  const rows = modules.map((one) => [
    one.module,
    one.shape.join('×'),
    String(one.rank),
    // If the rank exceeds the sizes of ΔW, σᵣ is 0.
    ...[one.scale, one.normA, one.normB, one.norm, one.singularValues[0], one.singularValues[one.rank - 1] ?? 0].map(short),
    ...[one.effectiveRank, one.balanceGap].map(short),
    ...[one.conditionNumber, one.balancedConditionNumber].map((value) => (value === null ? '–' : short(value))),
  ]);
  return table([header, ...rows]);
}

function spectra(modules: readonly ModuleReport[]): string {
  return `singular values of ΔW:\n${table(modules.map(({ module, singularValues }) => [module, singularValues.map(short).join(' ')]))}`;
}
