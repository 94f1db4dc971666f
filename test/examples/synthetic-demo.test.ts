/** The demo's parts: statistics, what a run's end says, the drawing, and the program on one seed. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { endOfRun } from '../../examples/synthetic/ends.js';
import { experiments } from '../../examples/synthetic/instance.js';
import { panelSvg } from '../../examples/synthetic/plots.js';
import { bestRun, quartiles } from '../../examples/synthetic/study.js';

const repository = path.resolve(import.meta.dirname, '../..');

it('quartiles interpolate between order statistics', () => {
  expect(quartiles([4, 1, 3, 2])).toEqual({ lower: 1.75, median: 2.5, upper: 3.25 });
  expect(quartiles([5])).toEqual({ lower: 5, median: 5, upper: 5 });
});

it('a settled run converges at the rate that the Hessian predicts', async () => {
  const experiment = { ...experiments[0], rates: [0.05] };
  const run = await bestRun(experiment, 'balora', 7);
  const { balanceGap, conditionNumber, rates } = await endOfRun(experiment, run);
  expect(balanceGap).toBeLessThan(1e-14);
  // Balanced, κ of this instance is 14.2; the best rate for it is 0.868, and no learning rate converges faster.
  expect(Math.abs(conditionNumber - 14.15)).toBeLessThan(0.1);
  expect(rates?.predicted).toBeGreaterThan((conditionNumber - 1) / (conditionNumber + 1));
  expect(Math.abs((rates?.measured ?? 0) - (rates?.predicted ?? 1))).toBeLessThan(2e-3);
});

it('the published two-layer grid leaves gradient descent its smallest rate only', async () => {
  const published = experiments.find(({ plotted }) => !plotted) as (typeof experiments)[number];
  for (const method of ['lora', 'balora'] as const) {
    expect(await bestRun(published, method, 3)).toMatchObject({ survivors: 1, learningRate: 1e-5 });
  }
});

it('an experiment in which every rate diverges says so', async () => {
  await expect(bestRun({ ...experiments[2], rates: [0.2, 0.3] }, 'lora', 0)).rejects.toThrow(
    'every learning rate diverges for lora on seed 0',
  );
});

it('a panel draws what is not positive at its floor', async () => {
  const at = (median: number) => ({ lower: median, median, upper: median });
  const svg = await panelSvg({ title: 'a < b', floor: 1e-9, curves: [{ method: 'lora', quartiles: [at(1), at(0), at(-1e-12)] }] });
  expect(svg).toMatch(/^<svg role="img" aria-label="a &lt; b"/);
  expect(svg).toContain('>10⁻¹⁰<');
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
});

it('the program prints its tables and writes its page', async () => {
  const out = mkdtempSync(path.join(tmpdir(), 'bures-demo-'));
  const { code, stdout, stderr } = await runDemo('--seeds', '1', '--out', out);
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('Agreement with the golden runs');
  // Not on a terminal: one plain line a task.
  expect(stderr).toContain('two layers, sign descent\n');
  expect(stderr).toContain('100 %');
  expect(stdout).toContain('… on the published grid: of its rates only the smallest, 1e-5, does not diverge');
  const page = readFileSync(path.join(out, 'index.html'), 'utf8');
  rmSync(out, { recursive: true });
  expect(page.match(/<svg role="img"/g)).toHaveLength(4);
  expect(page).not.toMatch(/NaN|<script|https?:\/\/(?!www\.w3\.org)/);
});

it('the program explains itself', async () => {
  expect(await runDemo('--help')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('usage: npm run demo:synthetic -- [--out DIR] [--seeds N]'),
  });
});

it('the program refuses options that it does not know', async () => {
  expect(await runDemo('--seeds', 'many')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--seeds must be a positive integer'),
  });
  expect(await runDemo('--output', 'x')).toMatchObject({ code: 2, stderr: expect.stringContaining('--output') });
});

function runDemo(...argv: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', 'examples/synthetic-demo.ts', ...argv], { cwd: repository }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}
