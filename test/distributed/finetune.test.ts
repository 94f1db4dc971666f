/** `mpirun -n N bures finetune`: the losses of one process, how a run ends, and how it goes on. */
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { model, writeSplits } from '../cli/math-runs.js';
import { runCli } from '../cli/run-cli.js';
import { commandLine } from '../support/command-line.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { launchers, start, withoutMpi } from './mpirun.js';

const root = temporaryFolder('processes');
const data = path.join(root, 'data');
/** Rates are constant, so that a run of 10 steps can go on to 20. */
const common = (steps: number): readonly string[] => [
  ...['--model', model, '--data', data, '--backend', 'wasm', '--method', 'lora', '--rank', '3', '--steps', String(steps)],
  ...['--batch-size', '3', '--accumulate', '2', '--learning-rate', '1e-3', '--dropout', '0.1', '--save-every', '5', '--eval-every', '10'],
  ...['--eval-rows', '5', '--log-every', '1', '--schedule', 'constant', '--target-modules', '[q_proj, v_proj, down_proj]'],
];
/** The command, whose arguments of Node `start` adds. */
const bures = commandLine.at(-1) as string;

interface Line {
  readonly kind: string;
  readonly step: number;
  readonly loss: number;
  readonly tokens: number;
}

/** The losses of the steps and of the evaluations. */
function losses(run: string): readonly Line[] {
  const lines = readFileSync(path.join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Line).filter(({ kind }) => kind !== 'layers');
}

function expectSameLosses(run: string, other: string): void {
  const [found, expected] = [losses(run), losses(other)];
  expect(found.map(({ kind, step, tokens }) => [kind, step, tokens])).toEqual(
    expected.map(({ kind, step, tokens }) => [kind, step, tokens]),
  );
  for (const [i, { loss }] of found.entries()) expect(Math.abs(loss / expected[i].loss - 1)).toBeLessThan(1e-5);
}

describe.skipIf(launchers.length === 0)(`bures finetune in several processes${withoutMpi}`, () => {
  // The files are those of one family; which library it is makes no difference to the command.
  const [launcher] = launchers;
  const alone = path.join(root, 'alone');

  beforeAll(async () => {
    writeSplits(data, { tasks: ['digits', 'gcd'], seed: 3, train: 60, held: 12 });
    const { status, stderr } = await runCli('finetune', ...common(20), '--out', alone);
    expect(status, stderr).toBe(0);
  });

  it('with 2, resumed with 3, has the losses of one, and each line once', async () => {
    const run = path.join(root, 'shared');
    const first = await start(launcher, 2, [bures, 'finetune', ...common(10), '--out', run]).ended;
    expect(first.status, first.stderr).toBe(0);
    expect(first.stderr.match(/^step 10\/10 /gm)).toHaveLength(1);
    expect(first.stderr).toMatch(/^2 processes over .*: process 0 \(pid \d+ on \S+\), process 1/m);
    expect(first.stdout.match(/10 of 10 steps/g)).toHaveLength(1);
    expect(JSON.parse(readFileSync(path.join(run, 'environment.json'), 'utf8'))).toMatchObject({ processes: 2 });
    const config = path.join(run, 'config.yaml');
    writeFileSync(config, readFileSync(config, 'utf8').replace(/^steps: 10$/m, 'steps: 20'));
    const second = await start(launcher, 3, [bures, 'resume', run]).ended;
    expect(second.status, second.stderr).toBe(0);
    expect(second.stderr).toContain('processes was 2 and is now 3');
    expectSameLosses(run, alone);
  });

  it('with 3 has the losses of one', async () => {
    const run = path.join(root, 'three');
    const { status, stderr } = await start(launcher, 3, [bures, 'finetune', ...common(20), '--out', run]).ended;
    expect(status, stderr).toBe(0);
    expectSameLosses(run, alone);
  });

  it('ends within 10 s when a process is killed, says so, and resumes from the last checkpoint', async () => {
    const run = path.join(root, 'killed');
    const started = start(launcher, 2, [bures, 'finetune', ...common(20), '--out', run]);
    while (!/^step 6\/20/m.test(started.stderr()) && started.process.exitCode === null) await setTimeout(5);
    const victim = Number(/process 1 \(pid (\d+)/.exec(started.stderr())?.[1]);
    expect(victim).toBeGreaterThan(0);
    const killed = performance.now();
    process.kill(victim, 'SIGKILL');
    const { status, stdout, stderr } = await started.ended;
    expect(performance.now() - killed).toBeLessThan(10_000);
    expect(status).not.toBe(0);
    // MPICH's launcher mostly ends the other process before it can speak.
    const named = `error: mpi: expected all 2 processes, but process 1 \\(pid ${victim} on .*continue with: bures resume`;
    expect(stdout + stderr).toMatch(new RegExp(launcher.name === 'MPICH' ? `${named}|Killed \\(signal 9\\)` : named));
    expect(readdirSync(path.join(run, 'checkpoints'))).toContain('step-5');
    const { status: resumed, stderr: said } = await runCli('resume', run);
    expect(resumed, said).toBe(0);
    expectSameLosses(run, alone);
  });

  it('saves and stops everywhere when one process gets SIGTERM, and goes on', async () => {
    const run = path.join(root, 'stopped');
    const started = start(launcher, 2, [bures, 'finetune', ...common(20), '--out', run]);
    while (!/^step 6\/20/m.test(started.stderr()) && started.process.exitCode === null) await setTimeout(5);
    process.kill(Number(/process 1 \(pid (\d+)/.exec(started.stderr())?.[1]), 'SIGTERM');
    const { stderr } = await started.ended;
    const step = Number(/interrupted at step (\d+); continue with/.exec(stderr)?.[1]);
    expect(readdirSync(path.join(run, 'checkpoints'))).toContain(`step-${step}`);
    expect(await runCli('resume', run)).toMatchObject({ status: 0 });
    expectSameLosses(run, alone);
  });

  it('says an error of one process once, with the process', async () => {
    const run = path.join(root, 'elsewhere');
    // One process lacks a library, as on a machine without it.
    const script = path.join(root, 'one-without.sh');
    writeFileSync(
      script,
      `#!/bin/sh\n[ "\${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" = 1 ] && export BURES_BLAS=${root}/nowhere.so\nexec ${process.execPath} ${commandLine.join(' ')} "$@"\n`,
    );
    chmodSync(script, 0o755);
    const { status, stderr } = await start(launcher, 2, ['finetune', ...common(4), '--out', run], { program: script }).ended;
    expect(status).not.toBe(0);
    expect(stderr.match(/^error: .*/gm)).toEqual([expect.stringMatching(/^error: process 1 \(pid .*nowhere\.so/)]);
    expect(existsSync(run)).toBe(false);
  });

  it('refuses other commands', async () => {
    const { status, stderr } = await start(launcher, 2, [bures, 'sweep', 'sweep.yaml']).ended;
    expect(status).not.toBe(0);
    expect(stderr.match(/bures sweep: expected one process, got 2 from mpi.*; start it without the launcher/g)).toHaveLength(1);
  });
});
