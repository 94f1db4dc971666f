/** What the launcher of an MPI program has told its processes, by environment variables. */

/** A process that a launcher has started as one of several. */
export interface LaunchedProcess {
  /** The program that started it. */
  readonly launcher: string;
  /** The family of MPI libraries that understands this launcher; `undefined` if several may. */
  readonly family: 'Open MPI' | 'MPICH' | undefined;
  /** Number of this process: 0, 1, …. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** Number of processes of the program on this machine; `undefined` if it is not known. */
  readonly localSize: number | undefined;
}

/** Variables by launcher; the first whose rank and size are there counts. */
const launchers = [
  {
    launcher: 'mpirun of Open MPI',
    family: 'Open MPI',
    rank: 'OMPI_COMM_WORLD_RANK',
    size: 'OMPI_COMM_WORLD_SIZE',
    localSize: 'OMPI_COMM_WORLD_LOCAL_SIZE',
  },
  { launcher: 'mpiexec of MPICH', family: 'MPICH', rank: 'PMI_RANK', size: 'PMI_SIZE', localSize: 'MPI_LOCALNRANKS' },
  // srun sets SLURM_PROCID for programs without MPI as well; PMIX_RANK says that one of them was asked for.
  { launcher: 'srun', family: undefined, rank: 'PMIX_RANK', size: 'SLURM_STEP_NUM_TASKS', localSize: 'SLURM_NTASKS_PER_NODE' },
] as const;

/**
 * Reads how this process was started.
 *
 * BURES_MPI=off in the environment makes each process one by itself, whatever started it.
 *
 * @returns `undefined` if no launcher that is known started it, or it is the only process.
 */
export function launchedProcess(environment: Readonly<Record<string, string | undefined>>): LaunchedProcess | undefined {
  if (environment.BURES_MPI === 'off') return undefined;
  const count = (name: string): number | undefined => (/^\d+$/.test(environment[name] ?? '') ? Number(environment[name]) : undefined);
  for (const { launcher, family, ...names } of launchers) {
    const [rank, size] = [count(names.rank), count(names.size)];
    if (rank === undefined || size === undefined) continue;
    return size === 1 ? undefined : { launcher, family, rank, size, localSize: count(names.localSize) };
  }
  return undefined;
}
