/** Rows of training data: a line of JSON each. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { loadTokenizer, readDataset } from '../../../src/models/index.js';
import { damageBytes } from '../damage-bytes.js';
import { damageJson, jsonText, nodeOf } from '../damage-json.js';
import type { Draw } from '../draw.js';
import type { FuzzClass } from '../fuzz-class.js';
import { inRepository } from './fixtures.js';

const file = 'rows.jsonl';

/** The class. */
export const rows: FuzzClass = {
  name: 'rows',
  refusal: /^readDataset: .*(rows\.jsonl:\d+|rows\.jsonl: row \d+|rows\.jsonl must hold a record)/s,
  async prepare() {
    const tokenizer = await loadTokenizer(inRepository('test/fixtures/models/tiny-qwen2'));
    return {
      write: (draw, folder, damaged) => writeFileSync(path.join(folder, file), rowBytes(draw, damaged)),
      async use(folder, attempt, draw) {
        const overflow = draw.pick(['error', 'truncate', 'drop'] as const);
        await attempt(() => readDataset(path.join(folder, file), tokenizer, { maxLength: 64, overflow: 'truncate' }));
        await attempt(() => readDataset(path.join(folder, file), tokenizer, { maxLength: 8, overflow, maskPrompt: draw.chance(0.5) }));
      },
    };
  },
};

function rowBytes(draw: Draw, damaged: boolean): Uint8Array {
  const text = (): string => draw.pick(['1 + 1 = 2', 'a é\n', '', '😀 ', '<|im_end|>', 'word '.repeat(40), '\u0000', '\u2028']);
  const row = (): unknown =>
    draw.pick([
      () => ({ text: `${text()}x` }),
      () => ({ prompt: text(), completion: `${text()}y`, id: [1, { x: null }] }),
      () => ({
        messages: [
          { role: 'user', content: text() },
          { role: 'assistant', content: `${text()}z` },
        ],
      }),
    ])();
  const documents = draw.list(1, 6, row);
  const spoilt = damaged && !draw.chance(0.1) ? draw.below(documents.length) : -1;
  const lines = documents.map((document, index) =>
    jsonText(index === spoilt && draw.chance(0.8) ? damageJson(draw, document) : nodeOf(document)),
  );
  const end = draw.pick(['\n', '\n', '\r\n']);
  const whole = `${draw.chance(0.1) ? '\ufeff' : ''}${lines.join(end + (draw.chance(0.1) ? end : ''))}${draw.chance(0.8) ? end : ''}`;
  const bytes = Buffer.from(whole, damaged && draw.chance(0.05) ? draw.pick(['latin1', 'utf16le'] as const) : 'utf8');
  return damaged && draw.chance(0.2) ? damageBytes(draw, bytes) : bytes;
}
