/** Tells whether the process that made a file is still alive. */
import { readFile } from 'node:fs/promises';

/**
 * Tells whether a process is alive and when it began, in the system's own count. The beginning is empty if the system
 * does not report it.
 */
export async function lifeOf(pid: number): Promise<{ readonly alive: boolean; readonly start: string }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return { alive: isAlive(pid), start: '' };
  // proc_pid_stat(5): the state is the third field, the start the 22nd; the second, a name in parentheses, may hold
  // anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended, and only waits for its parent to notice.
  return { alive: fields[0] !== 'Z' && fields[0] !== 'X', start: fields[19] };
}

/**
 * Returns true if the process of this number is alive and is the one that began at `start`: the system reuses the
 * numbers of processes that have died.
 */
export async function isSameProcess(pid: number, start: string): Promise<boolean> {
  const now = await lifeOf(pid);
  return now.alive && (start === '' || now.start === '' || now.start === start);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
