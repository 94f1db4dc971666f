import { z } from 'zod';
import { counted } from '../../core/counted.js';
import { openAdapter, type ResizedAdapter, resizeAdapter } from '../../lora/index.js';
import { checkNoAdapter, findAdapter } from '../adapter/adapter-folder.js';
import { defineCommand, UsageError } from '../command.js';
import { count, folder } from '../config/keys.js';
import { short, table } from '../format.js';
import { whileWriting } from '../interruption.js';

/** The command `bures resize`, which changes the rank of an adapter. */
export const resize = defineCommand({
  summary: 'Changes the rank of an adapter, from its factors alone, and says how much of ΔW is left out.',
  details:
    'A lower rank is the best approximation of ΔW in Frobenius norm, by QR of the factors and a small SVD in float64, and its factors are balanced (AᵀA = BBᵀ). With --error each ' +
    'module gets the smallest rank within that relative error, and the file a rank_pattern. A higher rank leaves ΔW as it is: lora_B gets columns of zeros and lora_A random rows, as a ' +
    'fresh adapter starts, so that all of it is trainable from the first step. α follows the rank, so that every scale stays. Tensors that do not belong to a LoRA pair are copied byte for byte. ' +
    'No base model is needed; adapters with magnitudes (DoRA) are refused.',
  positionals: [{ name: 'ADAPTER|RUN', description: 'folder of an adapter or of a run; of a run, the best checkpoint is used' }],
  schema: z.strictObject({
    out: folder.describe('folder for the resized adapter'),
    rank: count(1).optional().describe('rank of every module').meta({ placeholder: 'R' }),
    error: z
      .number()
      .gt(0)
      .lt(1)
      .optional()
      .describe('instead of a rank: the smallest rank of each module with at most this relative error, such as 0.01'),
    seed: z.int().default(0).describe('seed of the random rows of a rank that grows'),
    keepDtype: z.boolean().default(false).describe('keep F16 and BF16 factors in their format instead of writing F32'),
  }),
  async run({ positionals: [location], values: { out, rank, error, seed, keepDtype }, terminal }) {
    if ((rank === undefined) === (error === undefined)) {
      throw new UsageError(
        `bures resize: ${rank === undefined ? '--rank or --error is missing; add --rank R, or --error E for the smallest ranks within a relative error' : '--rank and --error exclude each other; leave one of them out'}`,
      );
    }
    const folder = await findAdapter('resize', location);
    await checkNoAdapter('resize', out);
    const adapter = await openAdapter(folder, { caller: 'resize' });
    try {
      const by = rank === undefined ? { error: error as number } : { rank };
      const resized = await whileWriting(terminal, (check) =>
        resizeAdapter(adapter, out, { ...by, seed, keepDtype, check, caller: 'resize' }),
      );
      return { data: { folder, out, ...resized }, text: report(out, resized) };
    } finally {
      await adapter.close();
    }
  },
});

function report(out: string, { modules, error, keptReadme }: ResizedAdapter): string {
  const rows = modules.map(({ module, shape: [m, n], rank: { before, after }, error: own }) => [
    module,
    `${m}×${n}`,
    String(before),
    String(after),
    short(own),
  ]);
  const truncated = modules.some(({ rank: { before, after } }) => after < before);
  const grown = modules.some(({ rank: { before, after } }) => after > before);
  const notes = [
    truncated ? `the truncation leaves out ${short(error)} of ‖ΔW‖ (Frobenius norm, all modules together)` : 'ΔW is unchanged',
    ...(grown ? ['the new directions are zero in lora_B and random in lora_A, and train from the first step'] : []),
    ...(keptReadme ? ['README.md there is of another hand, and stays as it is'] : []),
  ];
  return [
    table([['module', 'm×n', 'r before', 'r after', 'left out'], ...rows]),
    `${out}: ${counted(modules.length, 'module')} resized; ${notes.join('; ')}`,
  ].join('\n\n');
}
