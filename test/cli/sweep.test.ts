/** Sweeps: which runs they are, that an interrupted one repeats nothing, tables and maps. */
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { validateConfig } from '../../src/cli/config/validate.js';
import { runSweep } from '../../src/cli/sweep/run-sweep.js';
import { sweepSchema } from '../../src/cli/sweep/sweep-config.js';
import { readSweep } from '../../src/cli/sweep/sweep-results.js';
import { planTrials } from '../../src/cli/sweep/trials.js';
import type { Terminal } from '../../src/cli/terminal.js';
import { readObjects } from '../../src/io/json-lines.node.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model, writeSplits } from './math-runs.js';
import { runCli } from './run-cli.js';
import { startCli } from './start-cli.js';

const root = temporaryFolder('sweep');
beforeAll(() => {
  writeSplits(path.join(root, 'data'), { tasks: ['digits'], seed: 3, train: 30, held: 6 });
});

const plan = (values: Record<string, unknown>) =>
  planTrials(validateConfig(sweepSchema, [{ values: { out: 'o', base: { rank: 2 }, ...values }, origin: () => 'here' }]));

it('a grid is all combinations with all seeds, each with a folder of its own', () => {
  const trials = plan({
    grid: { learningRate: [1e-3, 3e-3], 'methodOptions.moments': ['keep', 'transport'], targetModules: [['q'], ['v', 'q']] },
    seeds: [0, 5],
  });
  expect(trials).toHaveLength(16);
  expect(new Set(trials.map(({ name }) => name)).size).toBe(16);
  expect(trials[1]).toMatchObject({ seed: 5, values: { rank: 2, seed: 5, learningRate: 1e-3, methodOptions: { moments: 'keep' } } });
  for (const { name } of trials) expect(name).toMatch(/^[\w.=+-]{1,120}$/);
});

it('random draws are those of the seed, within their ranges', () => {
  const random = { learningRate: { min: 1e-5, max: 1e-1, log: true }, alpha: { min: 1, max: 2 }, rank: [2, 4, 8] };
  const trials = plan({ random, trials: 200, drawSeed: 3 });
  expect(plan({ random, trials: 200, drawSeed: 3 })).toEqual(trials);
  expect(plan({ random, trials: 200, drawSeed: 4 })).not.toEqual(trials);
  const rates = trials.map(({ varied }) => varied.learningRate as number);
  expect(Math.min(...rates)).toBeGreaterThanOrEqual(1e-5);
  expect(Math.max(...rates)).toBeLessThan(1e-1);
  // Logarithmic: half of them below the geometric mean.
  expect(rates.filter((rate) => rate < 1e-3).length / 200).toBeCloseTo(0.5, 0);
  expect(new Set(trials.map(({ varied }) => varied.rank))).toEqual(new Set([2, 4, 8]));
});

it('random draws of whole numbers are each number of the range', () => {
  for (const log of [false, true]) {
    const trials = plan({ random: { rank: { min: 0.7, max: 4.2, log, integer: true } }, trials: 300 });
    expect([...new Set(trials.map(({ varied }) => varied.rank))].sort()).toEqual([1, 2, 3, 4]);
  }
});

it.each([
  [{ base: { seed: 5 } }, 'base.seed must be given as a list, seeds: [0, 1, 2], beside base, got 5'],
  [{ grid: { seed: [7, 8] } }, 'grid.seed must be given as a list, seeds: [0, 1, 2], beside base, got an array of 2'],
  [{ grid: { rank: [] } }, 'grid.rank must have at least 1 entry, got an array of 0'],
  [{ random: { rank: { min: 2, max: 1 } } }, 'random.rank must have min ≤ max'],
  [{ random: { rank: { min: 1.2, max: 1.8, integer: true } } }, 'random.rank must contain a whole number'],
  [{ random: { rank: { min: 0, max: 1, log: true } } }, 'random.rank must have min > 0 if log is true'],
  [{ random: { rank: { min: 1, max: 3, whole: true } } }, "unknown key 'random.rank.whole'; the keys are min, max, log, integer"],
])('%j is refused', (values, message) => {
  expect(() => plan(values)).toThrow(message);
});

it('that is killed ends its runs, repeats no finished one, and is shown as tables and heat maps', async () => {
  const file = path.join(root, 'sweep.yaml');
  const out = path.join(root, 'sweep');
  const base = {
    model,
    data: path.join(root, 'data'),
    // So many that the second run cannot end between two looks at it.
    steps: 60,
    batchSize: 4,
    backend: 'wasm',
    targetModules: ['q_proj'],
    evalEvery: 30,
  };
  // The first run diverges at once; the second is at work when the sweep is killed.
  const config = { base, grid: { learningRate: [1e30, 1e-3], rank: [2] }, seeds: [0], out };
  writeFileSync(file, JSON.stringify({ ...config, base: { ...base, clip: null, method: 'lora' } }));
  const runs = (): string[] =>
    existsSync(path.join(out, 'runs')) ? readdirSync(path.join(out, 'runs')).map((name) => path.join(out, 'runs', name)) : [];
  const outcomes = (): string[] =>
    runs()
      .map((run) => path.join(run, 'outcome.json'))
      .filter((one) => existsSync(one));
  const trains = (run: string): boolean =>
    existsSync(path.join(run, 'metrics.jsonl')) && readFileSync(path.join(run, 'metrics.jsonl'), 'utf8').includes('"train"');
  const unfinished = (): string | undefined => runs().find((run) => trains(run) && !existsSync(path.join(run, 'outcome.json')));
  const sweep = startCli('sweep', file);
  let run: string | undefined;
  await sweep.until(() => {
    if (outcomes().length === 1) run = unfinished();
    return run !== undefined;
  });
  sweep.kill('SIGKILL');
  await sweep.ended;
  const before = outcomes().map((one) => [one, statSync(one).mtimeMs] as const);
  // The sweep begins again at once, while its orphan may still be at the step that it saves.
  const { status, stdout, stderr } = await startCli('sweep', file).ended;
  expect(status, stderr).toBe(0);
  expect(stderr).toMatch(/2 runs, [12] finished before/);
  expect(outcomes()).toHaveLength(2);
  for (const [one, time] of before) expect(statSync(one).mtimeMs).toBe(time);
  if (run === undefined) throw new Error('the second run ended before it was seen at work');
  // The orphan saved at the step that it was at, and nobody repeated its steps.
  const steps = (await readObjects('test', path.join(run, 'metrics.jsonl'))).filter(({ kind }) => kind === 'train').map(({ step }) => step);
  expect(steps).toEqual(Array.from({ length: base.steps }, (_, i) => i + 1));
  expect(readdirSync(path.join(run, 'checkpoints')).length, stderr).toBe(2);
  expect(stdout).toMatch(/learningRate .*median validation loss/);
  expect(stdout).toContain('2 of 2 runs finished, 1 diverged');
  expect((await runCli('sweep', file)).stderr).toContain('2 runs, 2 finished before');

  // One that goes on still has no result yet.
  const outcome = path.join(run, 'outcome.json');
  renameSync(outcome, `${outcome}.aside`);
  expect((await readSweep(out)).rows).toHaveLength(1);
  renameSync(`${outcome}.aside`, outcome);
  expect((await readSweep(out)).rows).toHaveLength(2);

  const page = path.join(root, 'report.html');
  expect(await runCli('report', out, '--out', page)).toMatchObject({ status: 0 });
  const html = readFileSync(page, 'utf8');
  expect(html).toContain('<table class="heat">');
  expect(html).toContain('diverged');
  writeFileSync(file, JSON.stringify({ ...config, seeds: [7] }));
  expect(await runCli('sweep', file)).toMatchObject({ status: 2, stderr: expect.stringContaining('holds another sweep') });
});

it('that is interrupted before it begins runs nothing', async () => {
  const terminal: Terminal = {
    result: () => undefined,
    notice: () => undefined,
    raw: () => undefined,
    interactive: false,
    columns: () => 80,
  };
  const out = path.join(root, 'early');
  const options = { out, parallel: 1, terminal, signal: AbortSignal.abort() };
  expect(await runSweep(plan({ seeds: [0, 1] }), options)).toEqual({ finished: 0, diverged: 0, failed: [], interrupted: true });
  expect(existsSync(out)).toBe(false);
});

it('with a wrong key anywhere runs nothing', async () => {
  const file = path.join(root, 'wrong.yaml');
  writeFileSync(file, 'base:\n  model: m\n  data: d\ngrid:\n  rnak: [1]\nout: never\n');
  expect(await runCli('sweep', file)).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/wrong\.yaml:5: unknown key 'rnak'; did you mean 'rank'\?/),
  });
  writeFileSync(file, 'base:\n  model: m\n  data: d\n  rank: x\nout: never\n');
  expect(await runCli('sweep', file)).toMatchObject({ status: 2, stderr: expect.stringMatching(/wrong\.yaml:4: rank must be/) });
  writeFileSync(file, 'base:\n  model: m\nseed: 3\nout: never\n');
  expect(await runCli('sweep', file)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("unknown key 'seed'; did you mean 'seeds'?"),
  });
  writeFileSync(file, 'base:\n  model: m\n  data: d\nout: never\n');
  expect(await runCli('sweep', file)).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/sweep: expected a model, found no config\.json in .*m; /),
  });
  writeFileSync(file, `base:\n  model: ${model}\n  data: d\ngrid:\n  method: [lora, balor]\nout: never\n`);
  expect(await runCli('sweep', file, '--plan')).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/wrong\.yaml:5: method must be .*did you mean 'balora'\?/),
  });
  writeFileSync(file, `base:\n  model: ${model}\n  data: d\n  method: balora\n  methodOptions: { a: 1 }\nout: never\n`);
  expect(await runCli('sweep', file, '--plan')).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/wrong\.yaml:5: methodOptions: balora: unknown option 'a'; the options are /),
  });
  writeFileSync(file, `base:\n  model: ${model}\n  data: d\ngrid:\n  rank: [1, 2]\nseeds: [3, 4]\nout: ${path.join(root, 'planned')}\n`);
  expect((await runCli('sweep', file, '--plan')).stdout.trim().split('\n')).toHaveLength(4);
  expect(existsSync(path.join(root, 'planned'))).toBe(false);
});
