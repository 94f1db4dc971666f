/**
 * Combined and resized adapters against PEFT's on other numbers than the golden ones, and loaded there. Runs where
 * BURES_PEER_PYTHON names a Python with PyTorch, transformers and PEFT; listed as skipped elsewhere.
 */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, it } from 'vitest';
import { expectSameUpdates, ourCombinations, peftUpdates } from '../support/peft-combinations.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const python = process.env.BURES_PEER_PYTHON || undefined;
const script = path.join(import.meta.dirname, 'golden_combine.py');
const peft = (...argv: readonly string[]) => promisify(execFile)(python ?? '', [script, ...argv]);

describe.skipIf(python === undefined)('PEFT', () => {
  const scratch = temporaryFolder('combine-peer');

  // Most of the time is PyTorch's start, twice.
  it('makes the same of two adapters, and loads what is made here', { timeout: 300_000 }, async () => {
    const [theirs, ours] = [path.join(scratch, 'theirs'), path.join(scratch, 'ours')];
    await peft('make', theirs, '20261130');
    const made = await ourCombinations(theirs, ours);
    for (const [name, adapter] of made) {
      await expectSameUpdates(adapter, await peftUpdates(path.join(theirs, 'expected.safetensors'), `${name}/`));
    }
    await peft('load', ours, ...made.keys());
    for (const [name, adapter] of made) await expectSameUpdates(adapter, await peftUpdates(path.join(ours, `${name}.safetensors`)));
  });
});
