import { z } from 'zod';
import { counted } from '../../core/counted.js';
import { largest } from '../../core/extremes.js';
import { type BalancedModule, balanceAdapter, openAdapter } from '../../lora/index.js';
import { checkNoAdapter, findAdapter } from '../adapter/adapter-folder.js';
import { defineCommand } from '../command.js';
import { folder } from '../config/keys.js';
import { short, table } from '../format.js';
import { whileWriting } from '../interruption.js';

/** The command `bures balance`, which rewrites an adapter in balanced gauge. */
export const balance = defineCommand({
  summary: 'Rewrites an adapter in balanced gauge (AᵀA = BBᵀ): ΔW stays the same, and its factors are as well conditioned as they can be.',
  details:
    'The command works in float64 on any LoRA adapter in PEFT format and needs no base model. The change of ΔW is measured on the written files and must be ' +
    'below 1e-6 (with --keep-dtype below what rounding to F16 or BF16 explains). Tensors that do not belong to a LoRA pair are copied byte for byte. So is ' +
    'adapter_config.json, except for the path of a base model on this machine.',
  positionals: [{ name: 'ADAPTER|RUN', description: 'folder of an adapter or of a run; of a run, the best checkpoint is used' }],
  schema: z.strictObject({
    out: folder.describe('folder for the balanced adapter'),
    keepDtype: z.boolean().default(false).describe('keep F16 and BF16 factors in their format instead of writing F32'),
  }),
  async run({ positionals: [location], values: { out, keepDtype }, terminal }) {
    const folder = await findAdapter('balance', location);
    await checkNoAdapter('balance', out);
    const adapter = await openAdapter(folder, { caller: 'balance' });
    try {
      const modules = await whileWriting(terminal, (check) => balanceAdapter(adapter, out, { keepDtype, check, caller: 'balance' }));
      return { data: { folder, out, modules }, text: report(out, modules) };
    } finally {
      await adapter.close();
    }
  },
});

function report(out: string, modules: readonly BalancedModule[]): string {
  const rows = modules.map(({ module, size: [m, n, r], gap, change }) => [
    module,
    `${m}×${n}`,
    String(r),
    short(gap.before),
    short(gap.after),
    short(change),
  ]);
  const worst = largest(modules.map(({ change }) => change));
  const allowed = largest(modules.map((one) => one.allowed));
  return [
    table([['module', 'm×n', 'r', 'gap before', 'gap after', 'change of ΔW'], ...rows]),
    `${out}: ${counted(modules.length, 'module')} balanced; ΔW changed by at most ${short(worst)} relative (allowed ${short(allowed)})`,
  ].join('\n\n');
}
