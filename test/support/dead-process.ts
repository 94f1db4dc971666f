/** A process that has died. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** The number of a process that was and is no more. */
export async function deadProcess(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'close');
  return child.pid ?? 0;
}
