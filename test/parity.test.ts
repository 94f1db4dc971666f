/**
 * `npm run parity`: the golden runs of the synthetic experiment, and what happens to directories and files that are not
 * right.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hostAlgebra } from 'bures';
import { afterAll, describe, expect, it } from 'vitest';
import { parityMain, readDirectory } from '../examples/parity/directory.js';
import type { ParityLine } from '../examples/parity/format.js';
import { type Adapters, byLayer, type Network } from '../examples/synthetic/passes.js';
import { runExperiment } from '../examples/synthetic/run.js';

const la = hostAlgebra();
const repository = path.resolve(import.meta.dirname, '..');
const goldenDirectory = path.join(repository, 'test/fixtures/synthetic');
const scratch = mkdtempSync(path.join(tmpdir(), 'bures-parity-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A directory of its own with the given files. */
let directories = 0;
function directoryOf(files: Readonly<Record<string, string>>): string {
  const directory = path.join(scratch, String(directories++));
  mkdirSync(directory);
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(directory, name), text);
  return directory;
}

/** The parts of a golden file that the tests below change. */
interface Editable {
  [key: string]: unknown;
  target?: unknown;
  frozen: number[][][];
  rank: unknown;
  runs: { [key: string]: unknown; losses: unknown[]; product: unknown[][][] }[];
}

/** A golden file with one run, changed. */
function changed(file: string, change: (content: Editable) => void, run = 0): string {
  const content = JSON.parse(readFileSync(path.join(goldenDirectory, file), 'utf8')) as Editable;
  content.runs = content.runs.slice(run, run + 1);
  change(content);
  return JSON.stringify(content);
}
const oneLayer = 'synth_one_layer_gd.json';

async function inProcess(...argv: string[]): Promise<{ code: number; lines: ParityLine[]; notes: string }> {
  const lines: ParityLine[] = [];
  const notes: string[] = [];
  const code = await parityMain(argv, { line: (text) => lines.push(JSON.parse(text) as ParityLine), note: (text) => notes.push(text) });
  return { code, lines, notes: notes.join('\n') };
}

describe('the golden runs', () => {
  const { runs } = readDirectory(goldenDirectory);

  it('are all found', () => {
    expect(runs).toHaveLength(14);
  });

  it.each(runs.map((run, i) => [i, run] as const))('run %i agrees', async (_, run) => {
    const line = await run();
    expect(line).toMatchObject({ pass: true });
    if (line.method === 'lora' || line.optimizer === 'gd') {
      expect(line.losses).toBeLessThanOrEqual(1e-9);
      expect(line.products).toBeLessThanOrEqual(1e-9);
    }
  });

  it('end with a summary that names the tolerances', async () => {
    const { notes } = await inProcess(directoryOf({ 'one.json': changed(oneLayer, () => {}) }));
    expect(notes).toMatch(/^parity: 1 of 1 runs within tolerance \(synthetic: losses and products to 1e-9 relative/);
  });

  it('fail when a loss or a product differs by more than the tolerance', async () => {
    const wrongLoss = changed(oneLayer, ({ runs: [run] }) => {
      run.losses[50] = (run.losses[50] as number) * (1 + 2e-9);
    });
    const wrongProduct = changed(oneLayer, ({ runs: [run] }) => {
      run.product[0][3][4] = (run.product[0][3][4] as number) + 1e-6;
    });
    const { code, lines } = await inProcess(directoryOf({ 'loss.json': wrongLoss, 'product.json': wrongProduct }));
    expect(code).toBe(1);
    expect(lines.map(({ file, pass }) => [file, pass])).toEqual([
      ['loss.json', false],
      ['product.json', false],
    ]);
    expect(lines[0].losses).toBeCloseTo(2e-9, 12);
  });

  it('of BaLoRA with sign descent may drift after the second loss, the last by 5 %', async () => {
    const signs = 'synth_one_layer_sign.json';
    const scaled = (step: number, factor: number) =>
      changed(signs, ({ runs: [run] }) => Object.assign(run.losses, { [step]: (run.losses[step] as number) * factor }), 2);
    const files = { 'a.json': scaled(30, 2), 'b.json': scaled(59, 1.04), 'c.json': scaled(59, 1.06), 'd.json': scaled(1, 1 + 1e-8) };
    const { lines } = await inProcess(directoryOf(files));
    expect(lines.map(({ pass }) => pass)).toEqual([true, true, false, false]);
    expect(lines[0]).toMatchObject({ method: 'balora', optimizer: 'sign' });
  });

  it('agree where both diverge, whether the file says null or NaN, and fail where one does', async () => {
    // At this rate the loss passes the largest number within ten steps.
    const diverging = changed(oneLayer, ({ runs: [run] }) => {
      run.lr = 1e9;
      run.losses = [run.losses[0], ...Array.from({ length: 19 }, () => null)];
      run.product = run.product.map((layer) => layer.map((row) => row.map(() => null)));
    });
    const content = JSON.parse(diverging) as Editable;
    const { network, start } = oneLayerProblem(content);
    const { losses } = await runExperiment(network, start, { method: 'lora', optimizer: 'gd', learningRate: 1e9, steps: 20 });
    expect(losses[19]).toBeNaN();
    const agreeing = JSON.stringify({ ...content, runs: [{ ...content.runs[0], losses }] });
    const files = { 'all-null.json': diverging, 'nan.json': agreeing.replaceAll('null', 'NaN'), 'null.json': agreeing };
    const { lines } = await inProcess(directoryOf(files));
    expect(lines.map((line) => [line.losses, line.products, line.pass])).toEqual([
      [null, 0, false],
      [0, 0, true],
      [0, 0, true],
    ]);
  });
});

/** The network and start of a one-layer file. */
function oneLayerProblem({ target, frozen, A, B }: Editable): { network: Network; start: Adapters } {
  const matrix = (rows: unknown) =>
    la.fromArray((rows as number[][]).flat(), [(rows as number[][]).length, (rows as number[][])[0].length]);
  const [pairA, pairB] = [A, B].map((layers) => matrix((layers as number[][][])[0]));
  return { network: { algebra: la, target: matrix(target), frozen: frozen.map(matrix) }, start: byLayer([{ A: pairA, B: pairB }]) };
}

describe('misuse', () => {
  it.each([
    ['no directory', []],
    ['two directories', [goldenDirectory, goldenDirectory]],
    ['an option', ['--verbose']],
  ])('%s exits 2 with the usage', async (_, argv) => {
    const { code, notes } = await inProcess(...argv);
    expect(code).toBe(2);
    expect(notes).toContain('usage: npm run parity -- DIR');
  });

  it('--help prints the usage and exits 0', async () => {
    const text: string[] = [];
    expect(await parityMain(['--help'], { line: (line) => text.push(line), note: () => {} })).toBe(0);
    expect(text.join()).toContain('usage: npm run parity -- DIR');
  });

  it('a directory that is not there, or holds nothing known, exits 2', async () => {
    expect(await inProcess(path.join(scratch, 'nowhere'))).toMatchObject({ code: 2, notes: expect.stringContaining('nowhere') });
    expect(await inProcess(directoryOf({ 'other.json': '{"logits": []}', 'notes.txt': '' }))).toMatchObject({
      code: 2,
      notes: expect.stringContaining('no file of a known format (synthetic)'),
    });
  });

  it.each<[string, string, (content: Editable) => void]>([
    ["'target'", 'a missing key', (content) => delete content.target],
    ["'target[0]'", 'a ragged matrix', (content) => (content.target = [[1, 2], ...(content.target as number[][]).slice(1)])],
    ["'frozen[0][2][1]'", 'a string among numbers', (content) => Object.assign(content.frozen[0][2], { 1: 'x' })],
    ["'frozen[1]'", 'layers that do not chain', (content) => content.frozen.push([[1, 2]])],
    ["'A'", 'too few factors', (content) => Object.assign(content, { frozen: [content.frozen[0], content.frozen[0]] })],
    ["'rank'", 'a rank that is no integer', (content) => Object.assign(content, { rank: 2.5 })],
    ["'A[0][0]'", 'a rank that the factors do not have', (content) => Object.assign(content, { rank: 3 })],
    ["'runs'", 'no runs', (content) => Object.assign(content, { runs: [] })],
    ["'runs[0].method'", 'an unknown method', ({ runs: [run] }) => Object.assign(run, { method: 'dora' })],
    ["'runs[0].optimizer'", 'an unknown optimizer', ({ runs: [run] }) => Object.assign(run, { optimizer: 'adam' })],
    ["'runs[0].lr'", 'a negative learning rate', ({ runs: [run] }) => Object.assign(run, { lr: -1 })],
    ["'runs[0].losses[1]'", 'a loss that is no number', ({ runs: [run] }) => Object.assign(run.losses, { 1: 'low' })],
    ["'runs[0].product'", 'a product for each of too many layers', ({ runs: [run] }) => run.product.push(run.product[0])],
  ])('names the file and %s, given %s', async (key, _, change) => {
    const { code, lines, notes } = await inProcess(directoryOf({ 'broken.json': changed(oneLayer, change) }));
    expect(code).toBe(2);
    expect(lines).toEqual([]);
    expect(notes).toMatch(/^parity: broken\.json: /);
    expect(notes).toContain(key);
  });

  it('names the file that is not JSON', async () => {
    expect(await inProcess(directoryOf({ 'cut.json': '{"target": [[1,' }))).toMatchObject({
      code: 2,
      notes: expect.stringContaining('parity: cut.json: expected JSON'),
    });
  });
});

describe('as a program', () => {
  const run = (...argv: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      execFile(process.execPath, ['--import', 'tsx', 'examples/parity/main.ts', ...argv], { cwd: repository }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : error.code, stdout, stderr });
      });
    });

  it('prints one JSON line a run and exits 0', async () => {
    const { code, stdout } = await run(directoryOf({ 'one.json': changed(oneLayer, () => {}) }));
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(stdout)).toMatchObject({ file: 'one.json', method: 'lora', optimizer: 'gd', lr: 0.005, pass: true });
  });

  it('exits 1 if a run fails', async () => {
    const wrong = changed(oneLayer, ({ runs: [golden] }) => Object.assign(golden.losses, { 99: 1 }));
    expect(await run(directoryOf({ 'wrong.json': wrong }))).toMatchObject({ code: 1 });
  });

  it('exits 2 on misuse, with nothing on standard output', async () => {
    expect(await run()).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('usage') });
  });
});
