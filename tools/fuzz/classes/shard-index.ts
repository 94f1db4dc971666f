/** Checkpoints in several files, with their index. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { damageBytes } from '../damage-bytes.js';
import { damageJson, jsonText, nodeOf } from '../damage-json.js';
import type { FuzzClass } from '../fuzz-class.js';
import { readAllTensors, tensorBytes } from './safetensors.js';
import { soundTensors, tensorFileBytes } from './sound-tensors.js';

/** The class. */
export const shardIndex: FuzzClass = {
  name: 'shard-index',
  refusal: /^openSafetensors: /,
  prepare: async () => ({
    write(draw, folder, damaged) {
      const shards = draw.list(1, 3, (index) => ({
        name: `shard-${index}.safetensors`,
        ...soundTensors(
          draw,
          ['x', 'y', 'z'].map((tensor) => `${tensor}${index}`),
          1,
        ),
      }));
      const weightMap = shards.flatMap(({ name, header }) =>
        Object.keys(header)
          .filter((tensor) => tensor !== '__metadata__')
          .map((tensor) => [tensor, name] as const),
      );
      const index = { metadata: { total_size: 100 }, weight_map: Object.fromEntries(weightMap) };
      const spoilt = damaged ? draw.below(10) : 10;
      for (const { name, header, data } of shards) {
        const sound = tensorFileBytes(jsonText(nodeOf(header)), data);
        const bytes = spoilt === 0 ? damageBytes(draw, sound) : spoilt === 1 ? tensorBytes(draw, true) : sound;
        // One that is missing.
        if (spoilt !== 2 || draw.chance(0.5)) writeFileSync(path.join(folder, name), bytes);
      }
      const text = Buffer.from(jsonText(spoilt < 8 && spoilt > 2 ? damageJson(draw, index) : nodeOf(index)));
      const names = [
        '../shard-0.safetensors',
        '/dev/zero',
        'shard-0.safetensors/',
        '.',
        'a/../shard-0.safetensors',
        'SHARD-0.safetensors',
        'shard-0.bin',
      ];
      const renamed = spoilt === 8 ? Buffer.from(text.toString().replace('shard-0.safetensors', draw.pick(names))) : text;
      writeFileSync(path.join(folder, 'model.safetensors.index.json'), spoilt === 9 ? damageBytes(draw, renamed) : renamed);
    },
    use: (folder, attempt) => readAllTensors(folder, attempt),
  }),
};
