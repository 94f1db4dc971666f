/** `merge` of several adapters, and `resize`: what they write, print and refuse. */
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type HostArray, hostAlgebra } from 'bures';
import { describe, expect, it } from 'vitest';
import { updatesOf, writtenAdapter } from '../lora/support/written-adapter.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model, writeSplits } from './math-runs.js';
import { runCli } from './run-cli.js';

const scratch = temporaryFolder('combine-cli');
let folders = 0;
const fresh = (): string => path.join(scratch, String(folders++));
const la = hostAlgebra();
const q = { m: 19, n: 13, rank: 4 };
const first = await writtenAdapter(path.join(scratch, 'first'), { 'l.0.q_proj': q, 'l.1.q_proj': q });
const second = await writtenAdapter(path.join(scratch, 'second'), { 'l.0.q_proj': { ...q, rank: 3 }, 'l.0.v_proj': { ...q, m: 7 } });

async function distance(folder: string, weights: readonly number[]): Promise<number> {
  let [lost, size] = [0, 0];
  const sources = [await updatesOf(first), await updatesOf(second)];
  for (const [module, update] of await updatesOf(folder)) {
    let sum = la.scale(0, update);
    for (const [i, source] of sources.entries()) {
      const own = source.get(module);
      if (own !== undefined) sum = la.add(sum, la.scale(weights[i], own));
    }
    lost = Math.hypot(lost, la.norm(la.subtract(update, sum)));
    size = Math.hypot(size, la.norm(sum));
  }
  return lost / size;
}

describe('merge of several folders', () => {
  it.each(['0.7,0.3', '0.7, 0.3', '[0.7, 0.3]'])('writes their sum with --weights %j', async (weights) => {
    const out = fresh();
    const { status, stdout, stderr } = await runCli('merge', first, second, '--weights', weights, '--out', out);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/l\.0\.q_proj {2}19×13 {2}4 \+ 3 +7 +0\n/);
    expect(stdout).toMatch(/l\.1\.q_proj {2}19×13 {2}4 \+ – +4 +0\n/);
    expect(stdout).toContain(`${out}: 2 adapters combined into one, on 3 modules; the sum is exact`);
    expect(await distance(out, [0.7, 0.3])).toBeLessThan(1e-6);
  });

  it('truncates to a rank, and says what that leaves out', async () => {
    const out = fresh();
    const { status, stdout } = await runCli('merge', first, second, '--weights', '2,-0.5', '--rank', '3', '--out', out, '--json');
    expect(status).toBe(0);
    const { error, modules, weights, adapters } = JSON.parse(stdout);
    expect([weights, adapters]).toEqual([
      [2, -0.5],
      [first, second],
    ]);
    expect(modules.map((one: { rank: number }) => one.rank)).toEqual([3, 3, 3]);
    expect(error).toBeGreaterThan(0.01);
    expect(await distance(out, [2, -0.5])).toBeCloseTo(error, 6);
    const text = await runCli('merge', first, second, '--weights', '2,-0.5', '--rank', '3', '--out', fresh());
    expect(text.stdout).toContain(`the truncation leaves out ${Number(error.toPrecision(3))} of ‖ΔW‖`);
  });

  it('takes the best checkpoint of a run', async () => {
    const run = fresh();
    cpSync(second, path.join(run, 'checkpoints', 'step-3'), { recursive: true });
    const out = fresh();
    expect(await runCli('merge', first, run, '--weights', '1,1', '--out', out)).toMatchObject({ status: 0 });
    expect(await distance(out, [1, 1])).toBeLessThan(1e-6);
  });

  it.each<[string, readonly string[], RegExp]>([
    ['no weights', [first, second], /bures merge: --weights is missing; 2 folders are combined .* say, --weights 0\.5,0\.5/],
    ['one weight', [first, second, '--weights', '0.7'], /--weights must be 2 numbers, one for each folder in their order, got 0\.7/],
    ['three weights', [first, second, '--weights', '1,2,3'], /--weights must be 2 numbers, .* got "?1,2,3"?;/],
    ['a word', [first, second, '--weights', 'keep'], /--weights must be 2 numbers, .* got "keep"/],
    ['nothing between commas', [first, second, '--weights', '1,'], /--weights must be 2 numbers/],
    ['a weight of 0', [first, second, '--weights', '1,0'], /merge: weights must be .* other than 0/],
    [
      '--adapter-rank',
      [first, second, '--weights', '1,1', '--adapter-rank', '2'],
      /unexpected --adapter-rank: 2 folders are combined into one adapter/,
    ],
    ['--backend', [first, second, '--weights', '1,1', '--backend', 'cpu'], /unexpected --backend: 2 folders/],
    ['--quantize', [first, second, '--weights', '1,1', '--quantize', 'nf4'], /unexpected --quantize: 2 folders/],
    [
      '--rank with one',
      [first, '--rank', '2'],
      /unexpected --rank: one folder is merged into its base model; .*bures resize changes the rank of one/,
    ],
    ['--keep-dtype with one', [first, '--keep-dtype'], /unexpected --keep-dtype: one folder/],
    [
      'numbers with one',
      [first, '--weights', '0.7,0.3'],
      /--weights must be f32 or keep with one folder, .* got "?0\.7,0\.3"?; numbers are the weights of several folders/,
    ],
    ['no adapter', [first, scratch, '--weights', '1,1'], /merge: expected a folder with adapter_config\.json, or a run with a checkpoint/],
  ])('refuses %s', async (_what, argv, message) => {
    const out = fresh();
    const { status, stdout, stderr } = await runCli('merge', ...argv, '--out', out);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(existsSync(out)).toBe(false);
  });

  it('names the adapters as they were written, and what would settle a difference', async () => {
    const other = await writtenAdapter(fresh(), { 'l.0.q_proj': q }, { base_model_name_or_path: 'owner/other' });
    const argv = ['merge', first, other, '--weights', '1,1', '--out', fresh()];
    const { status, stderr } = await runCli(...argv);
    expect(status).toBe(2);
    expect(stderr).toContain(
      `${first} is for owner/base and ${other} is for owner/other; if these are the same weights, name the base with --model`,
    );
    expect(await runCli(...argv, '--model', 'owner/base')).toMatchObject({ status: 0 });
  });

  it('leaves a folder that holds an adapter alone', async () => {
    const out = await writtenAdapter(fresh(), { q_proj: q });
    const before = readFileSync(path.join(out, 'adapter_model.safetensors'));
    const { status, stderr } = await runCli('merge', first, second, '--weights', '1,1', '--out', out);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/expected a folder without an adapter/)]);
    expect(readFileSync(path.join(out, 'adapter_model.safetensors'))).toEqual(before);
  });
});

describe('resize', () => {
  it('lowers the rank, and prints what it leaves out', async () => {
    const out = fresh();
    const { status, stdout, stderr } = await runCli('resize', first, '--rank', '2', '--out', out, '--json');
    expect([status, stderr]).toEqual([0, '']);
    const { error, modules } = JSON.parse(stdout);
    expect(modules.map((one: { rank: object }) => one.rank)).toEqual([
      { before: 4, after: 2 },
      { before: 4, after: 2 },
    ]);
    expect(await distance(out, [1, 0])).toBeCloseTo(error, 6);
    const text = await runCli('resize', first, '--rank', '2', '--out', fresh());
    expect(text.stdout).toMatch(/module +m×n +r before +r after +left out\n/);
    expect(text.stdout).toContain(`2 modules resized; the truncation leaves out ${Number(error.toPrecision(3))} of ‖ΔW‖`);
  });

  it('raises the rank, and says what is trainable', async () => {
    const out = fresh();
    const { status, stdout } = await runCli('resize', second, '--rank', '6', '--out', out);
    expect(status).toBe(0);
    expect(stdout).toContain('ΔW is unchanged; the new directions are zero in lora_B and random in lora_A, and train from the first step');
    const [before, after] = [await updatesOf(second), await updatesOf(out)];
    for (const [module, update] of before) expect(after.get(module) as HostArray).toBeAllClose(update, 1e-12);
  });

  it('finds the ranks within an error', async () => {
    const graded = await writtenAdapter(fresh(), { 'l.0.q_proj': { ...q, grading: 1e4 }, 'l.1.q_proj': q });
    const { status, stdout } = await runCli('resize', graded, '--error', '0.05', '--out', fresh(), '--json');
    expect(status).toBe(0);
    const { modules, error } = JSON.parse(stdout);
    expect(modules[0].rank.after).toBeLessThan(modules[1].rank.after);
    expect(error).toBeLessThanOrEqual(0.05);
  });

  it.each<[string, readonly string[], RegExp]>([
    ['neither', [], /bures resize: --rank or --error is missing/],
    ['both', ['--rank', '2', '--error', '0.1'], /--rank and --error exclude each other/],
    ['an error of 1', ['--error', '1'], /--error: .*1/],
    ['a rank of 0', ['--rank', '0'], /--rank: must be at least 1, got 0/],
    ['a rank above the sizes', ['--rank', '14'], /resize: rank must be at most 13 for 'l\.0\.q_proj', which is 19×13, got 14/],
  ])('refuses %s', async (_what, argv, message) => {
    const out = fresh();
    const { status, stdout, stderr } = await runCli('resize', first, ...argv, '--out', out);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(existsSync(out)).toBe(false);
  });

  it('refuses DoRA, and leaves nothing', async () => {
    const dora = await writtenAdapter(fresh(), { q_proj: q }, { use_dora: true });
    const before = readdirSync(scratch);
    const { status, stderr } = await runCli('resize', dora, '--rank', '2', '--out', path.join(scratch, 'never'));
    expect([status, stderr]).toEqual([2, expect.stringMatching(/with magnitudes \(DoRA: use_dora\)/)]);
    expect(readdirSync(scratch)).toEqual(before);
  });
});

describe('the model card of a run', () => {
  it('is beside its adapters, goes with what is made of them, and may be edited', async () => {
    const rows = fresh();
    writeSplits(rows, { tasks: ['digits', 'gcd'], seed: 3, train: 30, held: 6 });
    const run = path.join(scratch, 'trained');
    const argv = ['--model', model, '--data', rows, '--out', run, '--rank', '3', '--steps', '2', '--batch-size', '4', '--save-every', '1'];
    const { status, stderr } = await runCli(
      'finetune',
      ...argv,
      '--eval-every',
      '1',
      '--backend',
      'wasm',
      '--target-modules',
      'q_proj,v_proj',
    );
    expect(status, stderr).toBe(0);
    for (const folder of ['best', 'checkpoints/step-2']) {
      const text = readFileSync(path.join(run, folder, 'README.md'), 'utf8');
      expect(text).toMatch(/^---\nbase_model: tiny-math-base\nlibrary_name: peft\n/);
      expect(text).toMatch(/\| method \| balora \|\n/);
      expect(text).toMatch(/\| data \| \d+: \d+ rows to train on, \d+ to validate \|\n/);
      expect(text).toMatch(/\| steps \| [12], 4 rows each \|\n/);
      expect(text).toMatch(/\| validation loss \| \d\.\d+ \|\n/);
      expect(text).not.toContain(scratch);
      expect(text).not.toContain(path.dirname(model));
    }
    const out = fresh();
    expect(await runCli('resize', run, '--rank', '2', '--out', out)).toMatchObject({ status: 0 });
    expect(readFileSync(path.join(out, 'README.md'), 'utf8')).toMatch(
      /changed from 3 to 2\.[\s\S]*## Training\n[\s\S]*\| validation loss \|/,
    );
    // Checksums leave it out, so that it can be edited.
    appendFileSync(path.join(run, 'best', 'README.md'), 'More.\n');
    const combined = await runCli('merge', run, out, '--weights', '1,0.5', '--out', fresh());
    expect(combined).toMatchObject({ status: 0, stderr: '' });
    const kept = fresh();
    mkdirSync(kept);
    writeFileSync(path.join(kept, 'README.md'), 'mine');
    const { stdout } = await runCli('resize', run, '--rank', '2', '--out', kept);
    expect(stdout).toContain('README.md there is of another hand, and stays as it is');
    expect(readFileSync(path.join(kept, 'README.md'), 'utf8')).toBe('mine');
  });
});
