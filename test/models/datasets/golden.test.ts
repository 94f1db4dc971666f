/** The batches on which the golden runs were trained, from the rows that they came from. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { batchStream, loadTokenizer, readDataset } from 'bures/models';
import { expect, it } from 'vitest';

const fixtures = path.resolve(import.meta.dirname, '../../fixtures/tiny-qwen2');

interface GoldenBatch {
  readonly input_ids: readonly (readonly number[])[];
  readonly attention_mask: readonly (readonly number[])[];
  readonly labels: readonly (readonly number[])[];
}

it('train.jsonl gives batches.json', async () => {
  const batches = JSON.parse(await readFile(path.join(fixtures, 'batches.json'), 'utf8')) as readonly GoldenBatch[];
  const tokenizer = await loadTokenizer(path.join(fixtures, 'base'));
  const { rows, truncated, dropped } = await readDataset(path.join(fixtures, 'train.jsonl'), tokenizer);
  expect({ rows: rows.length, truncated, dropped }).toEqual({ rows: 256, truncated: 0, dropped: 0 });
  const stream = batchStream(rows, { padId: tokenizer.specials.pad?.id ?? -1, order: 'file' });
  for (const { input_ids, attention_mask, labels } of batches) {
    expect(stream.next()).toEqual({
      batch: input_ids.length,
      length: input_ids[0].length,
      inputIds: Int32Array.from(input_ids.flat()),
      attentionMask: Uint8Array.from(attention_mask.flat()),
      labels: Int32Array.from(labels.flat()),
    });
  }
});
