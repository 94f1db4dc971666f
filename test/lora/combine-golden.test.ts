/** Combinations and resized adapters against PEFT's, from files that PEFT wrote. */
import path from 'node:path';
import { expect, it } from 'vitest';
import { expectSameUpdates, ourCombinations, peftUpdates } from '../support/peft-combinations.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const golden = path.join(import.meta.dirname, '../fixtures/lora/combine');

it("the sum, its truncations and lower ranks are PEFT's cat, svd and conversion, to 1e-5", async () => {
  const made = await ourCombinations(golden, temporaryFolder('combine-golden'));
  expect([...made.keys()].sort()).toEqual(['cat', 'convert2', 'convert4', 'svd2', 'svd4']);
  for (const [name, adapter] of made)
    await expectSameUpdates(adapter, await peftUpdates(path.join(golden, 'expected.safetensors'), `${name}/`));
});
