import { z } from 'zod';
import { largest } from '../../core/extremes.js';
import { type BalancedModule, balanceAdapter, openAdapter } from '../../lora/index.js';
import { checkNoAdapter, findAdapter } from '../adapter/adapter-folder.js';
import { defineCommand } from '../command.js';
import { folder } from '../config/keys.js';
import { short, table } from '../format.js';
import { whileWriting } from '../interruption.js';

/** The command `bures balance`, which rewrites an adapter in balanced gauge. */
export const balance = defineCommand({
  summary: 'Rewrites an adapter in balanced gauge (AᵀA = BBᵀ): other factors, the same ΔW, the best conditioning there is.',
  details:
    'Works on any LoRA adapter in PEFT format, without its base model, in float64. The change of ΔW is measured on what is written, and has to be below 1e-6 ' +
    '(with --keep-dtype below what rounding to F16 or BF16 explains). Tensors that are no LoRA pair are copied byte for byte, and adapter_config.json too, ' +
    'but for the path of a base model on this machine.',
  positionals: [{ name: 'ADAPTER|RUN', description: 'folder of an adapter, or of a run, whose best checkpoint is taken' }],
  schema: z.strictObject({
    out: folder.describe('folder for the balanced adapter'),
    keepDtype: z.boolean().default(false).describe('write F16 and BF16 factors as such, not as F32'),
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
    `${out}: ${modules.length} modules balanced; ΔW changed by at most ${short(worst)} relative (allowed ${short(allowed)})`,
  ].join('\n\n');
}
