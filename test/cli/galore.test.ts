/**
 * `--method galore`: a run whose weights are trained themselves, resumed, evaluated, merged and written as an adapter.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openSafetensors } from 'bures/io';
import { loadAdapter } from 'bures/lora';
import { loadCausalLM } from 'bures/models';
import { tensorAlgebra } from 'bures/tensor';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model, writeSplits } from './math-runs.js';
import { runCli } from './run-cli.js';

const root = temporaryFolder('cli-galore');
const file = (...parts: readonly string[]): string => path.join(root, ...parts);

/** Starts a run of 8 steps; flags that are given take the place of these. */
function finetune(out: string, given: Readonly<Record<string, string>> = {}) {
  const flags = {
    model,
    data: file('data'),
    backend: 'wasm',
    method: 'galore',
    rank: '4',
    'target-modules': 'q_proj,v_proj',
    'learning-rate': '1e-2',
    schedule: 'constant',
    steps: '8',
    'batch-size': '4',
    'save-every': '4',
    'eval-every': '4',
    'eval-rows': '6',
    out: file(out),
    ...(given.method === undefined ? { 'method-options.gap': '3' } : {}),
    ...given,
  };
  return runCli('finetune', '--json', ...Object.entries(flags).flatMap(([key, value]) => [`--${key}`, value]));
}

let whole = { status: 0, stdout: '', stderr: '' };
beforeAll(async () => {
  writeSplits(file('data'), { tasks: ['digits', 'gcd'], seed: 3, train: 40, held: 8 });
  whole = await finetune('whole');
});

describe('a run', () => {
  it('saves the weights whole, an adapter beside them, and says what that leaves out', () => {
    expect(whole.status, whole.stderr).toBe(0);
    expect(JSON.parse(whole.stdout)).toMatchObject({ end: 'finished', step: 8, truncation: expect.closeTo(0.5, 0) });
    expect(whole.stderr).toMatch(/galore, rank 4, on 8 modules \(\d+ numbers\)/);
    expect(whole.stderr).toMatch(/\nstep 8: the weights are saved whole; the adapter beside them leaves out \d[\d.]* % of their change/);
    // The best adapter and the checkpoint of a step are the same.
    expect(whole.stderr.match(/step 8: the weights are saved whole/g)).toHaveLength(1);
    expect(readdirSync(file('whole', 'checkpoints', 'step-8'))).toContain('trained_weights.safetensors');
  });

  it('goes on bit for bit', async () => {
    expect((await finetune('part', { steps: '4' })).status).toBe(0);
    const configuration = file('part', 'config.yaml');
    writeFileSync(configuration, readFileSync(configuration, 'utf8').replace('steps: 4', 'steps: 8'));
    const resumed = await runCli('resume', file('part'));
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(resumed.stdout).toMatch(/leaves out \d[\d.]* % of their change/);
    for (const name of ['training_state.safetensors', 'trained_weights.safetensors', 'adapter_model.safetensors']) {
      const [ours, theirs] = ['part', 'whole'].map((run) => readFileSync(file(run, 'checkpoints', 'step-8', name)));
      expect(ours.equals(theirs), name).toBe(true);
    }
  });

  it('merges into a checkpoint with the trained weights, and other weights as they were', async () => {
    const merged = await runCli('merge', file('whole', 'checkpoints', 'step-8'), '--out', file('merged'), '--model', model, '--json');
    expect(merged.status, merged.stderr).toBe(0);
    expect(JSON.parse(merged.stdout)).toMatchObject({ deviation: 0 });
    const [base, out, trained] = await Promise.all(
      [model, file('merged'), file('whole', 'checkpoints', 'step-8', 'trained_weights.safetensors')].map((folder) =>
        openSafetensors(folder),
      ),
    );
    let changed = 0;
    for (const name of base.entries.keys()) {
      const written = await out.read(name);
      if (!trained.entries.has(name)) expect(written, name).toEqual(await base.read(name));
      else {
        changed++;
        // To the number format of the base.
        expect(written as Float32Array, name).toBeAllClose((await trained.read(name)) as Float32Array, 2 ** -7);
        expect(written, name).not.toEqual(await base.read(name));
      }
    }
    expect(changed).toBe(8);
    for (const store of [base, out, trained]) await store.close();
  });

  it('is written as the adapter of a rank, with what it leaves out', async () => {
    const written = async (rank: number) => {
      const { status, stdout, stderr } = await runCli(
        'merge',
        file('whole'),
        '--out',
        file(`rank-${rank}`),
        '--adapter-rank',
        String(rank),
        '--json',
      );
      expect(status, stderr).toBe(0);
      return (JSON.parse(stdout) as { truncation: { error: number } }).truncation.error;
    };
    const errors = [await written(2), await written(8), await written(32)];
    expect(errors[0]).toBeGreaterThan(errors[1]);
    expect(errors[1]).toBeGreaterThan(errors[2]);
    const la = await tensorAlgebra({ backend: 'wasm' });
    const base = await loadCausalLM(model, { algebra: la });
    const adapter = await loadAdapter(base, file('rank-8'));
    expect(adapter.config).toMatchObject({ rank: 8, alpha: 8 });
    adapter.dispose();
    base.dispose();
    // Weights of before would be taken for those of the adapter.
    mkdirSync(file('filled'));
    for (const name of ['trained_weights.safetensors', 'notes.txt']) writeFileSync(file('filled', name), 'before');
    expect((await runCli('merge', file('whole'), '--out', file('filled'), '--adapter-rank', '2')).status).toBe(0);
    expect(readdirSync(file('filled')).sort()).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors', 'notes.txt']);
    const again = await runCli('merge', file('whole'), '--out', file('rank-2'), '--adapter-rank', '3');
    expect([again.status, again.stderr]).toEqual([2, expect.stringContaining('expected a folder without an adapter')]);
  });

  it('is evaluated, inspected and reported', async () => {
    for (const argv of [
      ['eval', file('whole'), '--data', file('data', 'valid.jsonl'), '--backend', 'wasm'],
      ['inspect', file('whole')],
      ['report', file('whole'), '--out', file('report.html')],
    ]) {
      const { status, stderr } = await runCli(...argv);
      expect(status, `${argv[0]}: ${stderr}`).toBe(0);
    }
  });
});

describe('what cannot be combined is refused before anything is written', () => {
  it.each<[Readonly<Record<string, string>>, string]>([
    [{ start: 'pissa' }, "the start 'pissa' cannot be combined with 'galore'"],
    [{ 'use-dora': 'true' }, "DoRA cannot be combined with 'galore'"],
    [{ 'use-rslora': 'true' }, "(useRslora) cannot be combined with 'galore'"],
    [{ dropout: '0.1' }, "dropout 0.1 cannot be combined with 'galore'"],
    [{ alpha: '16' }, "alpha 16 cannot be combined with 'galore'"],
    [{ direction: 'muon' }, "the direction 'muon' cannot be combined with 'galore'"],
    [{ 'target-modules': 'lm_head' }, "the weight of 'lm_head' is that of the embedding"],
    [{ rank: '1000' }, 'rank must be at most'],
    [{ method: 'balora', direction: 'galore' }, "the direction 'galore' projects the gradient of the weights"],
  ])('%o', async (flags, message) => {
    const { status, stderr } = await finetune('refused', flags);
    expect(stderr).toContain(message);
    expect(status).not.toBe(0);
    expect(readdirSync(root)).not.toContain('refused');
  });
});
