/** `npm run parity` on a language model: some of the golden runs, and data that is changed. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { CheckpointLine } from '../examples/parity/checkpoint-directory.js';
import { parityMain } from '../examples/parity/directory.js';
import { tensorEngines } from './support/engines.js';

const fixtures = path.join(import.meta.dirname, 'fixtures');
const scratch = mkdtempSync(path.join(tmpdir(), 'bures-parity-models-'));
// The weights stand with the fixtures of the models.
const golden = path.join(scratch, 'golden');
cpSync(path.join(fixtures, 'tiny-qwen2'), golden, { recursive: true });
cpSync(path.join(fixtures, 'models/tiny-qwen2'), path.join(golden, 'base'), { recursive: true });
afterAll(() => rmSync(scratch, { recursive: true }));

async function run(...argv: string[]) {
  const lines: CheckpointLine[] = [];
  const notes: string[] = [];
  const code = await parityMain(argv, { line: (text) => lines.push(JSON.parse(text) as CheckpointLine), note: (text) => notes.push(text) });
  return { code, lines, notes: notes.join('\n') };
}

/** A copy with some of its folders, one JSON file changed. */
function changed(folders: readonly string[], file: string, change: (content: Record<string, unknown>) => void): string {
  const copy = mkdtempSync(path.join(scratch, 'copy-'));
  for (const part of ['base', 'logits.json', 'batches.json', ...folders])
    cpSync(path.join(golden, part), path.join(copy, part), { recursive: true });
  const content = JSON.parse(readFileSync(path.join(copy, file), 'utf8')) as Record<string, unknown>;
  change(content);
  writeFileSync(path.join(copy, file), JSON.stringify(content));
  return copy;
}

describe.each(tensorEngines)('on %s', (name) => {
  const backend = ['--backend', name.replace('tensor:', '')];

  it('all checks pass, and methods that are not there are named', async () => {
    const { code, lines, notes } = await run(golden, ...backend);
    expect(lines.filter(({ pass }) => !pass)).toEqual([]);
    expect(code).toBe(0);
    expect(lines.map(({ file, check }) => (check === 'run' ? file : check))).toEqual([
      'logits',
      'greedy',
      'balora',
      'balora_matrix',
      'balora_transport',
      'dora',
      'galore_signs',
      'lora',
      'lora_ga',
      'lora_rite',
      'loraplus',
      'pissa',
      'scaled_adamw',
    ]);
    expect(notes).toContain("parity: loft: skipped, the library has no method 'loft'");
    expect(notes).toMatch(/parity: 13 of 13 checks within tolerance/);
  });

  it.each(['logits.json', 'batches.json'])('a folder without %s is named, before anything is computed', async (file) => {
    const directory = mkdtempSync(path.join(scratch, 'without-'));
    for (const part of ['base', 'logits.json', 'batches.json'])
      if (part !== file) cpSync(path.join(golden, part), path.join(directory, part), { recursive: true });
    const { code, lines, notes } = await run(directory, ...backend);
    expect(code).toBe(2);
    expect(lines).toEqual([]);
    expect(notes).toContain(`parity: ${path.join(directory, file)} cannot be read`);
  });

  it.each(['tiny-qwen3', 'tiny-gemma3', 'tiny-phi3'])('all checks of %s pass', async (each) => {
    const directory = path.join(scratch, each);
    cpSync(path.join(fixtures, each), directory, { recursive: true });
    // The same batches for all.
    cpSync(path.join(golden, 'batches.json'), path.join(directory, 'batches.json'));
    const { code, lines } = await run(directory, ...backend);
    expect(lines.map(({ file, check, pass }) => [check === 'run' ? file : check, pass])).toEqual([
      ['logits', true],
      ['greedy', true],
      ['balora_transport', true],
      ['lora', true],
    ]);
    expect(code).toBe(0);
  });

  it.runIf(name === 'tensor:wasm').each(['keep', 'f32'])(
    'weights in bfloat16, loaded as %s: those of PyTorch on the same',
    async (weights) => {
      const { code, lines } = await run(path.join(fixtures, 'tiny-qwen2-bf16'), ...backend, '--weights', weights);
      expect(lines.map(({ file, check, pass }) => [check === 'run' ? file : check, pass])).toEqual([
        ['logits', true],
        ['greedy', true],
        ['balora_sgd', true],
        ['lora', true],
      ]);
      expect(code).toBe(0);
    },
  );

  it('a loss, a logit or a token that differs fails its check', async () => {
    const loss = changed(['lora'], 'lora/trajectory.json', (content) => {
      (content.losses as number[])[7] += 1e-4;
    });
    expect((await run(loss, ...backend)).lines.filter(({ pass }) => !pass)).toMatchObject([
      { file: 'lora', losses: expect.closeTo(1e-4, 5) },
    ]);
    const token = changed([], 'logits.json', (content) => {
      const { out } = content.greedy as { out: number[] };
      out[out.length - 1] += 1;
      const [first] = content.cases as { logits_last: number[] }[];
      first.logits_last[3] += 2e-4;
    });
    const { code, lines } = await run(token, ...backend);
    expect([code, lines.map(({ pass }) => pass)]).toEqual([1, [false, false]]);
  });

  it('data that is malformed is named, and exits 2', async () => {
    const broken = changed(['lora'], 'lora/trajectory.json', (content) => {
      content.lr = 'fast';
    });
    expect(await run(broken, ...backend)).toMatchObject({
      code: 2,
      notes: expect.stringContaining("lora/trajectory.json: 'lr' must be a positive number"),
    });
  });
});

it('a backend that is none exits 2', async () => {
  expect(await run(golden, '--backend', 'abacus')).toMatchObject({ code: 2, notes: expect.stringContaining('abacus') });
});
