/** The command as a process of its own, which can be sent signals. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { commandLine } from '../support/command-line.js';

const repository = path.resolve(import.meta.dirname, '../..');

/** A command that runs. */
export interface StartedCommand {
  readonly pid: number;
  /** Its exit status, `null` where a signal ended it, and what it wrote. */
  readonly ended: Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }>;
  /** Sends a signal. */
  kill(signal: NodeJS.Signals): void;
  /** Waits for a condition, or for the end of the process if that comes first. */
  until(condition: () => boolean): Promise<void>;
}

/** Starts `bures …argv`, as the leader of a process group of its own, as a shell starts a command. */
export function startCli(...argv: readonly string[]): StartedCommand {
  const child = spawn(process.execPath, [...commandLine, ...argv], {
    cwd: repository,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
  return {
    pid: child.pid ?? 0,
    ended,
    kill: (signal) => void child.kill(signal),
    async until(condition) {
      while (!condition() && child.exitCode === null && child.signalCode === null) await setTimeout(3);
    },
  };
}
