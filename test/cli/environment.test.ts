/** What a resumed run compares its surroundings by: each of it, and files that are damaged. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Environment, environmentDifferences, readEnvironment } from '../../src/cli/environment.js';

const recorded: Environment = {
  ...readEnvironment(),
  blas: { available: true, library: 'libopenblas.so.0', core: 'Haswell', threads: 2 } as Environment['blas'],
  backend: { name: 'wasm', device: 'a processor', matmul: 'OpenBLAS' },
};

it('is the same where nothing but the memory has changed, also read back from the file', () => {
  const read = JSON.parse(JSON.stringify({ started: '2026-01-01', ...recorded, memory: 1 })) as unknown;
  expect(environmentDifferences(read, recorded)).toEqual([]);
});

it.each([
  [{ versions: { ...recorded.versions, bures: '0.0.1' } }, 'bures was 0.0.1 and is now '],
  [{ versions: { ...recorded.versions, node: 'v18.0.0' } }, 'Node was v18.0.0 and is now '],
  [{ platform: 'plan9 mips' }, 'platform was plan9 mips and is now '],
  [{ processor: 'an abacus' }, 'processor was an abacus and is now '],
  [{ cores: 999 }, 'cores was 999 and is now '],
  [{ blas: { ...recorded.blas, threads: 7 } }, 'BLAS threads was 7 and is now 2'],
  [{ blas: { ...recorded.blas, core: 'Zen' } }, 'BLAS was libopenblas.so.0 (Zen) and is now libopenblas.so.0 (Haswell)'],
  [{ blas: { ...recorded.blas, library: 'libblis.so' } }, 'BLAS was libblis.so (Haswell) and is now libopenblas.so.0 (Haswell)'],
  [{ backend: { ...recorded.backend, name: 'tensorflow' } }, 'backend was tensorflow and is now wasm'],
  [{ backend: { ...recorded.backend, device: 'a GPU' } }, 'device was a GPU and is now a processor'],
  [{ backend: { ...recorded.backend, matmul: 'XNNPACK' } }, 'matrix products was XNNPACK and is now OpenBLAS'],
])('%j is a difference, and the only one', (change, words) => {
  const differences = environmentDifferences({ ...recorded, ...change }, recorded);
  expect(differences).toHaveLength(1);
  expect(differences[0]).toContain(words);
});

it('of a damaged file is not recorded, and no error', () => {
  const damaged = fc.oneof(
    fc.jsonValue(),
    fc.record({ versions: fc.jsonValue(), blas: fc.jsonValue(), backend: fc.jsonValue(), cores: fc.jsonValue() }),
  );
  fc.assert(
    fc.property(damaged, (before) => {
      expect(environmentDifferences(before, recorded).length).toBeGreaterThan(0);
    }),
  );
});
