/** The example of several processes finds in two what it finds in one. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';
import { launchers, start, withoutMpi } from './mpirun.js';

const example = 'examples/distributed-completion.ts';

it.skipIf(launchers.length === 0)(`examples/distributed-completion.ts finds the same matrix with 2 processes${withoutMpi}`, async () => {
  const cwd = path.resolve(import.meta.dirname, '../..');
  const alone = execFileSync(process.execPath, ['--import', 'tsx', example], { cwd, encoding: 'utf8' }).split('\n');
  const { status, stdout, stderr } = await start(launchers[0], 2, [example]).ended;
  expect(status, stderr).toBe(0);
  const shared = stdout.split('\n');
  expect(alone[0]).toContain('in 1 process:');
  expect(shared[0]).toContain('in 2 processes:');
  expect(shared[1]).toBe(alone[1]);
  for (const [, , error] of [alone, shared]) expect(Number(/: (\S+)$/.exec(error)?.[1])).toBeLessThan(1e-6);
});
