/** The text of `bures doctor`, which people read. */
import { expect, it } from 'vitest';
import { reportText } from '../../src/cli/commands/doctor.js';
import { readEnvironment } from '../../src/cli/environment.js';

const host = { name: 'host', speed: { matmulGflops: 1, projectionMilliseconds: 1 } };
const backends = [{ name: 'cpu', available: false, reason: 'none' }] as const;
const attempts = ['libmpi.so.40: cannot open', 'libmpich.so.12: cannot open'];
const mpi = { available: false, reason: 'no MPI library serves; install one', attempts };

it('a library that is missing is one line, and what was tried is for --debug', () => {
  const environment = readEnvironment();
  const lines = (debug: boolean): readonly string[] => reportText(environment, mpi, host, backends, debug).split('\n');
  expect(lines(false).filter((line) => line.includes('MPI'))).toEqual([
    expect.stringMatching(/^ +MPI +none: no MPI library serves; install one$/),
  ]);
  for (const attempt of attempts) {
    expect(lines(false).join()).not.toContain(attempt);
    expect(lines(true)).toContain(`  ${attempt}`);
  }
});

it('a program that imitates a GPU is there, and not what is used by default', () => {
  const speed = { matmulGflops: 1, projectionMilliseconds: 1 };
  const found = { available: true, device: 'a device', matmul: 'kernels', speed } as const;
  const text = reportText(
    readEnvironment(),
    mpi,
    host,
    [
      { name: 'webgpu', ...found, imitation: 'the adapter is no GPU' },
      { name: 'wasm', ...found },
    ],
    false,
  );
  expect(text).toMatch(/^ +webgpu +a device.*; taken only by its name: the adapter is no GPU$/m);
  expect(text).toMatch(/^ +wasm \* +a device.*ms$/m);
});
