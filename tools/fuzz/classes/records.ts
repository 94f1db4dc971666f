/** Rows of training data in the other formats: JSON lists, tables, Parquet, and what is compressed. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { loadTokenizer, readDataset } from '../../../src/models/index.js';
import { damageBytes } from '../damage-bytes.js';
import type { Draw } from '../draw.js';
import type { FuzzClass } from '../fuzz-class.js';
import { inRepository } from './fixtures.js';

const names = ['rows.json', 'rows.csv', 'rows.tsv', 'rows.parquet', 'rows.jsonl.gz', 'rows.csv.gz', 'rows.parquet.gz'] as const;
const parquets = ['messages-zstd', 'sharegpt-gzip'] as const;

/** The class. */
export const records: FuzzClass = {
  name: 'records',
  refusal: /^readDataset: .*rows\.(json|csv|tsv|parquet)/s,
  async prepare() {
    const tokenizer = await loadTokenizer(inRepository('test/fixtures/models/tiny-qwen2'));
    const samples = parquets.map((name) => readFileSync(inRepository(`test/fixtures/records/${name}.parquet`)));
    return {
      write(draw, folder, damaged) {
        const name = draw.pick(names);
        const content = contentOf(draw, name, samples);
        // Either the text inside is damaged, or what lies on the disk.
        const isInside = draw.chance(0.5);
        const inner = damaged && isInside ? damageBytes(draw, content) : content;
        const outer = name.endsWith('.gz') ? gzipSync(inner) : inner;
        writeFileSync(path.join(folder, name), damaged && !isInside ? damageBytes(draw, outer) : outer);
      },
      async use(folder, attempt) {
        for (const name of names) {
          const file = path.join(folder, name);
          if (existsSync(file)) await attempt(() => readDataset(file, tokenizer, { maxLength: 64 }));
        }
      },
    };
  },
};

function contentOf(draw: Draw, name: string, samples: readonly Buffer[]): Uint8Array {
  if (name.includes('parquet')) return draw.pick(samples);
  const text = (): string => draw.pick(['1 + 1 = 2', 'a é\n', '😀 ', 'say "x", [y]', '\\', 'word '.repeat(40)]);
  const rows = draw.list(1, 6, () => ({ prompt: text(), completion: `${text()}y` }));
  if (name.includes('jsonl')) return Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  if (name.includes('json')) return Buffer.from(JSON.stringify(rows, null, draw.pick([0, 2])));
  const quote = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
  const lines = rows.map((row) => [quote(row.prompt), quote(row.completion)].join(name.includes('tsv') ? '\t' : ','));
  const end = draw.pick(['\n', '\r\n']);
  const header = name.includes('tsv') ? 'prompt\tcompletion' : 'prompt,completion';
  return Buffer.from(`${draw.chance(0.1) ? '\ufeff' : ''}${[header, ...lines].join(end)}${end}`);
}
