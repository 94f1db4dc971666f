/** Programs under the launchers of MPI that this machine has. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import { commandLine } from '../support/command-line.js';

const repository = path.resolve(import.meta.dirname, '../..');

/** A launcher: its program, and what it needs where there are fewer cores than processes, and for root. */
export interface Launcher {
  readonly name: 'Open MPI' | 'MPICH';
  readonly program: string;
}

const environment = {
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  // Version 4, and version 5 with its PRRTE.
  OMPI_MCA_rmaps_base_oversubscribe: '1',
  PRTE_MCA_rmaps_default_mapping_policy: ':oversubscribe',
  OMPI_MCA_hwloc_base_binding_policy: 'none',
  PRTE_MCA_hwloc_default_binding_policy: 'none',
  OMPI_MCA_btl_vader_single_copy_mechanism: 'none',
};

function launcherOf(program: string): Launcher | undefined {
  try {
    const version = execFileSync(program, ['--version'], { env: { ...process.env, ...environment }, encoding: 'utf8', stdio: 'pipe' });
    if (/Open MPI|OpenRTE/.test(version)) return { name: 'Open MPI', program };
    return /HYDRA|MPICH/i.test(version) ? { name: 'MPICH', program } : undefined;
  } catch {
    return undefined;
  }
}

/** The launchers of this machine, one of each family. Debian has names for both at once. */
export const launchers: readonly Launcher[] = ['mpirun', 'mpirun.openmpi', 'mpirun.mpich', 'mpiexec.hydra']
  .flatMap((program) => launcherOf(program) ?? [])
  .filter((one, i, all) => all.findIndex(({ name }) => name === one.name) === i);

/** Why tests of several processes do not run: part of their name. */
export const withoutMpi = launchers.length === 0 ? ' (skipped: this machine has no mpirun)' : '';

/** A program that runs in several processes. */
export interface StartedProgram {
  readonly process: ChildProcess;
  /** What it has written to the standard error until now. */
  stderr(): string;
  readonly ended: Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }>;
}

/** Starts a program from the sources, or another one, in some processes. */
export function start(
  launcher: Launcher,
  processes: number,
  words: readonly string[],
  more: { readonly flags?: readonly string[]; readonly env?: Readonly<Record<string, string>>; readonly program?: string } = {},
): StartedProgram {
  const program =
    more.program === undefined
      ? [process.execPath, ...(words[0] === commandLine.at(-1) ? commandLine.slice(0, -1) : ['--import', 'tsx'])]
      : [more.program];
  const command = ['-n', String(processes), ...(more.flags ?? []), ...program, ...words];
  const child = spawn(launcher.program, command, {
    cwd: repository,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment, ...more.env },
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
  return { process: child, stderr: () => stderr, ended };
}
