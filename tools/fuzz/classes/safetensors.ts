/** Files of tensors: header, offsets, types, lengths. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { openSafetensors } from '../../../src/io/index.js';
import { damageBytes } from '../damage-bytes.js';
import { damageJson, jsonText, nodeOf } from '../damage-json.js';
import type { Draw } from '../draw.js';
import type { Attempt, FuzzClass } from '../fuzz-class.js';
import { soundTensors, tensorFileBytes } from './sound-tensors.js';

const file = 'model.safetensors';

/** The class. */
export const safetensors: FuzzClass = {
  name: 'safetensors',
  refusal: /^openSafetensors: .*model\.safetensors/s,
  reference: { kind: 'safetensors', file },
  prepare: async () => ({
    write: (draw, folder, damaged) => writeFileSync(path.join(folder, file), tensorBytes(draw, damaged)),
    use: (folder, attempt) => readAllTensors(path.join(folder, file), attempt),
  }),
};

/** A file of tensors, damaged or not. */
export function tensorBytes(draw: Draw, damaged: boolean): Uint8Array {
  const { header, data } = soundTensors(draw);
  const padding = ' '.repeat(draw.below(9));
  const sound = tensorFileBytes(jsonText(nodeOf(header)) + padding, data);
  if (!damaged || draw.chance(0.1)) return sound;
  const kind = draw.below(10);
  if (kind < 2) return damageBytes(draw, sound);
  if (kind < 7) return tensorFileBytes(jsonText(damageJson(draw, header)) + padding, data);
  const text = jsonText(nodeOf(header)) + draw.pick(['', ' ', '\n', '\t', '\u0000', 'x', '}', ' '.repeat(5000)]);
  const lengths = [
    0n,
    1n,
    2n,
    8n,
    BigInt(text.length - 1),
    BigInt(text.length + 1),
    100_000_001n,
    2n ** 31n,
    2n ** 53n + 1n,
    2n ** 63n,
    -1n,
  ];
  if (kind < 8) return tensorFileBytes(text, data, draw.pick(lengths));
  const tail = draw.pick([data.subarray(1), Buffer.concat([data, Buffer.alloc(1)]), data.subarray(0, draw.below(data.length + 1)), data]);
  return tensorFileBytes(text, tail);
}

/** Opens a file or folder, and reads every tensor in each way there is for its type. */
export async function readAllTensors(location: string, attempt: Attempt): Promise<void> {
  const store = await attempt(() => openSafetensors(location));
  if (store === undefined) return;
  for (const [name, { dtype }] of store.entries) {
    await attempt(() => store.readBytes(name));
    if (['F32', 'F16', 'BF16', 'I32', 'I64'].includes(dtype)) await attempt(() => store.read(name));
  }
  await store.close();
}
