/** Programs in several processes of the MPI that this machine has: the contract, and how they end together. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { launchedProcess, mpiStatus } from 'bures/distributed';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.js';
import { launchers, start, withoutMpi } from './mpirun.js';

const programs = 'test/distributed/programs';
const folder = temporaryFolder('mpi');

describe('launchedProcess', () => {
  it.each<[Record<string, string>, ReturnType<typeof launchedProcess>]>([
    [{}, undefined],
    [{ OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '1' }, undefined],
    [
      { OMPI_COMM_WORLD_RANK: '2', OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_LOCAL_SIZE: '2', PMIX_RANK: '2' },
      { launcher: 'mpirun of Open MPI', family: 'Open MPI', rank: 2, size: 4, localSize: 2 },
    ],
    [
      { PMI_RANK: '1', PMI_SIZE: '3' },
      { launcher: 'mpiexec of MPICH', family: 'MPICH', rank: 1, size: 3, localSize: undefined },
    ],
    [
      { PMIX_RANK: '1', SLURM_STEP_NUM_TASKS: '2' },
      { launcher: 'srun', family: undefined, rank: 1, size: 2, localSize: undefined },
    ],
    // A shell within a job of Slurm, whose programs were not started as several.
    [{ SLURM_PROCID: '0', SLURM_NTASKS: '8' }, undefined],
    [{ OMPI_COMM_WORLD_RANK: '2', OMPI_COMM_WORLD_SIZE: '4', BURES_MPI: 'off' }, undefined],
  ])('reads %o', (environment, expected) => {
    expect(launchedProcess(environment)).toEqual(expected);
  });
});

it('mpiStatus names the library, or says what to install', () => {
  const status = mpiStatus();
  if (status.available) expect(status).toMatchObject({ library: expect.stringContaining('mpi'), version: expect.stringMatching(/\d/) });
  else {
    expect(status.reason).toMatch(/install|unset/);
    // A line for people; what was tried is apart.
    expect(status.reason?.length).toBeLessThan(200);
    for (const attempt of status.attempts ?? []) expect(attempt).toMatch(/^\S*libmpi\S*: ./);
  }
});

it('UCX does not watch the memory of Node.js, nor its signals', () => {
  mpiStatus();
  expect(process.env).toMatchObject({ UCX_MEM_EVENTS: 'no', UCX_ERROR_SIGNALS: '' });
});

// Without a launcher there is one case, whose name says why it does not run.
describe.skipIf(launchers.length === 0).each(launchers.length === 0 ? [{ name: withoutMpi, program: '' }] : launchers)(
  '$name',
  (launcher) => {
    const mpi = launcher as (typeof launchers)[number];

    it.each([2, 3])('keeps the contract with %i processes', async (size) => {
      const { status, stdout, stderr } = await start(mpi, size, [`${programs}/contract.ts`]).ended;
      expect(status, stderr).toBe(0);
      const lines = stdout.trim().split('\n').sort();
      expect(lines.map((line) => line.slice(0, 6))).toEqual(Array.from({ length: size }, (_, rank) => `${rank} of ${size}`));
      expect(lines[0]).toContain(mpi.name === 'MPICH' ? 'MPICH' : 'Open MPI');
    });

    it('ends all processes if one throws', async () => {
      const { status, stderr } = await start(mpi, 3, [`${programs}/failing.ts`, 'throws', path.join(folder, 'thrown')]).ended;
      expect(status).not.toBe(0);
      expect(stderr).toContain('this process gives up');
    });

    it('ends all processes within 10 s if one is killed, and says so', async () => {
      const time = path.join(folder, `killed-${mpi.name}`);
      const { status, stdout, stderr } = await start(mpi, 3, [`${programs}/failing.ts`, 'killed', time]).ended;
      expect(status).not.toBe(0);
      expect(Date.now() - Number(readFileSync(time, 'utf8'))).toBeLessThan(10_000);
      // Open MPI's launcher lets the others speak, who name the process. MPICH's kills them within milliseconds.
      if (mpi.name === 'MPICH') expect(stdout + stderr).toMatch(/Killed \(signal 9\)|process 1 \(pid \d+ on \S+\) ended/);
      else expect(stderr).toMatch(/mpi: expected all 3 processes, but process 1 \(pid \d+ on \S+\) ended/);
    });

    it('refuses a library that is not that of the launcher', async () => {
      const other = launchers.find(({ name }) => name !== mpi.name);
      if (other === undefined) {
        // One family alone cannot be confused with another; a file that is no library at all can.
        const nowhere = path.join(folder, 'libmpi.so');
        const { stderr } = await start(mpi, 2, [`${programs}/contract.ts`], { env: { BURES_MPI: nowhere } }).ended;
        expect(stderr).toMatch(/mpi: .* started 2 processes, but there is BURES_MPI=.*; set BURES_MPI to/);
        return;
      }
      const library = other.name === 'MPICH' ? 'libmpich.so.12' : 'libmpi.so.40';
      const { status, stderr } = await start(mpi, 2, [`${programs}/contract.ts`], { env: { BURES_MPI: library } }).ended;
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/mpi: .* started 2 processes, but .* sees 1: it is not the MPI of that launcher; .*BURES_MPI/);
    });
  },
);
