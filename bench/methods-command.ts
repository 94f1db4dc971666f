/** The `bures` command as a process, as a user starts it. */
import { spawn } from 'node:child_process';
import path from 'node:path';

const program = path.resolve(import.meta.dirname, '../src/cli/main.ts');

/** What came of a command. */
export interface CommandEnd {
  readonly status: number | null;
  /** Its result; `undefined` where it failed without one. */
  readonly result: unknown;
  /** What it said besides. */
  readonly messages: string;
}

/**
 * Runs `bures WORDS --json`. Ctrl-C reaches it as it reaches this process, and SIGTERM is handed on: it saves and ends.
 *
 * @param threads - of the products of matrices: cores are shared by what runs at the same time.
 */
export function bures(words: readonly string[], threads: number): Promise<CommandEnd> {
  const child = spawn(process.execPath, [...process.execArgv, program, ...words, '--json'], {
    env: { ...process.env, OPENBLAS_NUM_THREADS: process.env.OPENBLAS_NUM_THREADS ?? String(threads) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const terminate = (): void => void child.kill('SIGTERM');
  process.on('SIGTERM', terminate);
  let [stdout, messages] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    messages += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      process.off('SIGTERM', terminate);
      resolve({ status, result: stdout === '' ? undefined : JSON.parse(stdout), messages: messages.trim() });
    });
  });
}
