/** `inspect` and `balance` on adapters as PEFT wrote them, and on malformed ones. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hostAlgebra, seededRandom } from 'bures';
import type { PairMeasures } from 'bures/diagnostics';
import { openSafetensors, type StoredDtype, type TensorData, writeSafetensors } from 'bures/io';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, runCliIn } from './run-cli.js';

let root = '';
let folders = 0;
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'bures-adapter-'));
});
afterAll(() => rmSync(root, { recursive: true }));
const fresh = (): string => path.join(root, String(folders++));

interface PairSpec {
  readonly m?: number;
  readonly n?: number;
  readonly rank?: number;
  readonly dtype?: StoredDtype;
  /** Factors are multiplied by this, and divided. */
  readonly imbalance?: number;
  /** Columns of A that vanish. */
  readonly zeroColumns?: number;
}

/** The tensors of a pair, random. */
function pairTensors(
  module: string,
  seed: number,
  { m = 12, n = 7, rank = 3, dtype = 'F32', imbalance = 30, zeroColumns = 0 }: PairSpec = {},
) {
  const random = seededRandom(seed);
  const draw = (count: number, factor: number, keep: (i: number) => boolean = () => true): Float32Array =>
    Float32Array.from({ length: count }, (_, i) => (keep(i) ? factor * random.normal() : 0));
  return [
    [`base_model.model.${module}.lora_A.weight`, { dtype, shape: [rank, n], data: draw(rank * n, imbalance) }],
    [
      `base_model.model.${module}.lora_B.weight`,
      { dtype, shape: [m, rank], data: draw(m * rank, 1 / imbalance, (i) => i % rank >= zeroColumns) },
    ],
  ] as [string, TensorData][];
}

async function writeAdapter(tensors: readonly (readonly [string, TensorData])[], config: object = {}): Promise<string> {
  const folder = fresh();
  await writeSafetensors(path.join(folder, 'adapter_model.safetensors'), new Map(tensors), { metadata: { format: 'pt', note: 'kept' } });
  // As PEFT writes it: modules of another rank than r are in rank_pattern.
  const others = tensors.flatMap(([name, { shape }]) => {
    const module = /^(?:base_model\.model\.)?(.*)\.lora_A\.weight$/.exec(name)?.[1];
    return module === undefined || shape[0] === 3 ? [] : [[module, shape[0]] as const];
  });
  const own = { peft_type: 'LORA', r: 3, lora_alpha: 6, rank_pattern: Object.fromEntries(others) };
  writeFileSync(path.join(folder, 'adapter_config.json'), JSON.stringify({ ...own, ...config }));
  return folder;
}

type Measured = Omit<PairMeasures, 'normA' | 'normB'> & { module: string; normLoraA: number; normLoraB: number };

async function inspect(folder: string): Promise<readonly Measured[]> {
  const { status, stdout, stderr } = await runCli('inspect', folder, '--json');
  expect(status, stderr).toBe(0);
  return (JSON.parse(stdout) as { modules: Measured[] }).modules;
}

/** s·lora_B·lora_A of a module, entry by entry. */
async function product(folder: string, module: string): Promise<Float64Array> {
  const store = await openSafetensors(path.join(folder, 'adapter_model.safetensors'));
  const la = hostAlgebra();
  const read = async (side: string) => {
    const name = `base_model.model.${module}.lora_${side}.weight`;
    return la.fromArray(Float64Array.from((await store.read(name)) as Float32Array), store.entries.get(name)?.shape ?? []);
  };
  const [B, A] = [await read('B'), await read('A')];
  await store.close();
  return la.toArray(la.matmul(B, A));
}

function relativeDifference(x: Float64Array, y: Float64Array): number {
  return Math.hypot(...x.map((value, i) => value - y[i])) / Math.hypot(...x);
}

describe('inspect', () => {
  it('measures what a hand-made pair is', async () => {
    // ΔW = (6/2)·diag(4, 1): lora_B = diag(4, 1), lora_A = identity, in 3×4.
    const folder = await writeAdapter(
      [
        ['base_model.model.q.lora_A.weight', { dtype: 'F32', shape: [2, 4], data: Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0) }],
        ['base_model.model.q.lora_B.weight', { dtype: 'F32', shape: [3, 2], data: Float32Array.of(4, 0, 0, 1, 0, 0) }],
      ],
      { r: 2, rank_pattern: {} },
    );
    const [one] = await inspect(folder);
    expect(one).toMatchObject({ module: 'q', shape: [3, 4], rank: 2, scale: 3, normLoraB: Math.sqrt(17), normLoraA: Math.SQRT2 });
    expect(Object.keys(one).filter((key) => /^norm/.test(key))).toEqual(['normLoraB', 'normLoraA', 'norm']);
    expect(one.singularValues[0]).toBeCloseTo(12, 12);
    expect(one.singularValues[1]).toBeCloseTo(3, 12);
    expect(one.norm).toBeCloseTo(Math.hypot(12, 3), 12);
    expect(one.effectiveRank).toBeCloseTo(Math.exp(-(0.8 * Math.log(0.8) + 0.2 * Math.log(0.2))), 12);
    // (σ₁(A)² + σ₁(B)²)/min(σ₂(A)², σ₂(B)²) = 17, and 2·4/1 when balanced; gap ‖diag(15, 0)‖/(‖diag(16, 1)‖ + ‖I‖).
    expect(one.conditionNumber).toBeCloseTo(17, 10);
    expect(one.balancedConditionNumber).toBeCloseTo(8, 10);
    expect(one.balanceGap).toBeCloseTo(15 / (Math.hypot(16, 1) + Math.SQRT2), 12);
  });

  it('takes α and r as PEFT does: patterns, α/√r', async () => {
    const folder = await writeAdapter([...pairTensors('l.0.q_proj', 1), ...pairTensors('l.0.v_proj', 2, { rank: 5 })], {
      alpha_pattern: { q_proj: 12, '.*v_proj': 20 },
      use_rslora: true,
    });
    expect((await inspect(folder)).map(({ scale }) => scale)).toEqual([12 / Math.sqrt(3), 20 / Math.sqrt(5)]);
  });

  it('of an adapter that is zero says so without NaN', async () => {
    const [one] = await inspect(await writeAdapter(pairTensors('q', 1, { zeroColumns: 3 })));
    expect(one).toMatchObject({
      norm: 0,
      effectiveRank: 0,
      balanceGap: 0,
      conditionNumber: 'Infinity',
      balancedConditionNumber: 'Infinity',
    });
  });

  it('prints a table, and the singular values when asked', async () => {
    const folder = await writeAdapter(pairTensors('q', 1));
    const { stdout } = await runCli('inspect', folder, '--values');
    expect(stdout).toMatch(/module .* κ balanced\n {2}q .*12×7/);
    expect(stdout).toContain('singular values of ΔW');
  });

  it('fits many modules with long names into 80 columns, and names what it leaves out', async () => {
    const names = ['0.self_attn.q_proj', '0.mlp.down_proj', '11.self_attn.v_proj'].map((name) => `model.layers.${name}`);
    const folder = await writeAdapter(names.flatMap((name, i) => pairTensors(name, i + 1)));
    const { stdout } = await runCliIn(80, 'inspect', folder);
    const lines = stdout.trimEnd().split('\n').slice(2);
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(80);
    expect(lines[0]).toBe('  modules of model.layers.*, all with r 3, α/r 2');
    expect(lines[1]).toContain('m×n, ‖lora_A‖ and ‖lora_B‖');
    expect(lines.slice(3).map((line) => line.trim().split(/\s+/)[0])).toEqual(
      names.map((name) => name.replace('model.layers.', '')).sort(),
    );
    // A file has no width.
    const { stdout: whole } = await runCli('inspect', folder);
    expect(whole).toMatch(/module +m×n +r +α\/r +‖lora_B‖ +‖lora_A‖ +‖ΔW‖ .* κ +κ balanced\n {2}model\.layers\./);
    const measured = await inspect(folder);
    const row =
      lines
        .find((line) => line.includes('down_proj'))
        ?.trim()
        .split(/\s+/) ?? [];
    expect(Number(row[1])).toBeCloseTo(measured.find(({ module }) => module.endsWith('down_proj'))?.norm ?? Number.NaN, 1);
  });

  it('finds the best adapter of a run, or its latest', async () => {
    const [run, adapter] = [fresh(), await writeAdapter(pairTensors('q', 1))];
    for (const step of ['step-9', 'step-10', 'other']) cpSync(adapter, path.join(run, 'checkpoints', step), { recursive: true });
    expect((await runCli('inspect', run)).stdout).toContain(path.join('checkpoints', 'step-10'));
    cpSync(adapter, path.join(run, 'best'), { recursive: true });
    expect((await runCli('inspect', run)).stdout).toContain(`${path.join(run, 'best')}\n`);
  });
});

describe('balance', () => {
  it('gives the same ΔW with balanced factors, whatever the pair', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          m: fc.integer({ min: 6, max: 30 }),
          n: fc.integer({ min: 5, max: 20 }),
          rank: fc.integer({ min: 1, max: 5 }),
          power: fc.integer({ min: -12, max: 12 }),
          zeroColumns: fc.integer({ min: 0, max: 2 }),
        }),
        fc.nat(),
        async ({ power, zeroColumns, ...sizes }, seed) => {
          const folder = await writeAdapter(
            pairTensors('q', seed, { ...sizes, imbalance: 2 ** power, zeroColumns: Math.min(zeroColumns, sizes.rank - 1) }),
          );
          const out = fresh();
          expect(await runCli('balance', folder, '--out', out)).toMatchObject({ status: 0 });
          expect(relativeDifference(await product(folder, 'q'), await product(out, 'q'))).toBeLessThan(1e-6);
          const [one] = await inspect(out);
          // Where AB lacks rank, what is left unbalanced on purpose comes out of F32 as a direction of its own, just
          // above float64's rounding.
          if (zeroColumns > 0 && sizes.rank > 1) return;
          expect(one.balanceGap).toBeLessThan(1e-6);
          expect(one.conditionNumber / one.balancedConditionNumber).toBeLessThan(1 + 1e-4);
        },
      ),
      { numRuns: 30 },
    );
  });

  it.each(['F16', 'BF16'] as const)('keeps %s when asked, and verifies to its precision', async (dtype) => {
    const folder = await writeAdapter(pairTensors('q', 4, { dtype, imbalance: 4 }));
    const [wide, kept] = [fresh(), fresh()];
    await runCli('balance', folder, '--out', wide);
    const { status, stdout } = await runCli('balance', folder, '--out', kept, '--keep-dtype', '--json');
    expect(status).toBe(0);
    const { modules } = JSON.parse(stdout) as { modules: { change: number; allowed: number }[] };
    expect(modules[0].change).toBeCloseTo(relativeDifference(await product(folder, 'q'), await product(kept, 'q')), 9);
    expect(modules[0].change).toBeGreaterThan(1e-6);
    const dtypes = async (directory: string) => {
      const store = await openSafetensors(path.join(directory, 'adapter_model.safetensors'));
      await store.close();
      return [...store.entries.values()].map((entry) => entry.dtype);
    };
    expect([await dtypes(wide), await dtypes(kept)]).toEqual([
      ['F32', 'F32'],
      [dtype, dtype],
    ]);
  });

  it('that a format cannot hold is refused, and leaves nothing', async () => {
    // Products near 2⁻³⁴: balanced factors fall below the least F16 numbers.
    const tensors = pairTensors('q', 5, { imbalance: 1 }).map(
      ([name, tensor]) =>
        [
          name,
          { ...tensor, dtype: 'F16', data: (tensor.data as Float32Array).map((x) => (name.includes('_A') ? x * 2 ** -14 : x * 2 ** -20)) },
        ] as const,
    );
    const out = fresh();
    const outcome = await runCli('balance', await writeAdapter(tensors as never), '--out', out, '--keep-dtype');
    expect(outcome).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/would change ΔW by .*write F32 instead of keeping the format/),
    });
    expect(() => readdirSync(out)).toThrow('ENOENT');
  });

  it('that a format cannot hold names the tensor, the number and the largest that there is', async () => {
    const [n, value] = [4000, 60_000];
    const folder = await writeAdapter(
      [
        ['base_model.model.q.lora_A.weight', { dtype: 'F16', shape: [1, n], data: new Float32Array(n).fill(value) }],
        ['base_model.model.q.lora_B.weight', { dtype: 'F16', shape: [2, 1], data: new Float32Array(2).fill(value) }],
      ],
      { r: 1, rank_pattern: {} },
    );
    // The balanced lora_B is √(60000²·√4000·√2)/√2.
    const entry = (value * (n * 2) ** 0.25) / Math.SQRT2;
    const out = fresh();
    const { status, stdout, stderr } = await runCli('balance', folder, '--out', out, '--keep-dtype');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^error: balance: 'base_model\.model\.q\.lora_B\.weight' would hold -?\d\.\d+e\+5 when balanced, and F16 holds at most 65504; write F32 instead of keeping the format/s,
    );
    expect(Number(/hold -?(\S+) when/.exec(stderr)?.[1])).toBeCloseTo(entry, -3);
    expect(() => readdirSync(out)).toThrow('ENOENT');
    expect(await runCli('balance', folder, '--out', out)).toMatchObject({ status: 0 });
  });

  it('of a rank above the sizes is refused by name, where inspect measures what is defined', async () => {
    // lora_B·lora_A = [3 0; 0 2]·diag(…): ΔW = (6/3)·[1·3, 0; 0, 2·2].
    const folder = await writeAdapter([
      ['base_model.model.q.lora_A.weight', { dtype: 'F32', shape: [3, 2], data: Float32Array.of(3, 0, 0, 2, 0, 0) }],
      ['base_model.model.q.lora_B.weight', { dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, 0, 0, 0, 2, 0) }],
    ]);
    const [one] = await inspect(folder);
    expect(one).toMatchObject({ module: 'q', shape: [2, 2], rank: 3, scale: 2, conditionNumber: null, balancedConditionNumber: null });
    expect(one.singularValues.map((value) => Number(value.toFixed(12)))).toEqual([8, 6]);
    expect(one.norm).toBeCloseTo(10, 12);
    // AᵀA = diag(1, 4, 0), BBᵀ = diag(9, 4, 0).
    expect(one.balanceGap).toBeCloseTo(8 / (Math.hypot(1, 4) + Math.hypot(9, 4)), 12);
    const { status, stdout } = await runCli('inspect', folder);
    expect(status).toBe(0);
    expect(stdout).toMatch(/ –\s+–\n/);
    expect(stdout).not.toMatch(/NaN|undefined/);
    const out = fresh();
    expect(await runCli('balance', folder, '--out', out)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("balance: 'q' has rank 3 above its sizes 2×2, where balanced factors do not exist; lower its rank"),
    });
    expect(() => readdirSync(out)).toThrow('ENOENT');
  });

  it('takes no path of this machine along', async () => {
    for (const [kept, written] of [
      ['/home/ada/models/tiny', 'tiny'],
      ['Qwen/Qwen2.5-0.5B', 'Qwen/Qwen2.5-0.5B'],
    ]) {
      const folder = await writeAdapter(pairTensors('q', 6), { base_model_name_or_path: kept, r: 3 });
      const out = fresh();
      expect(await runCli('balance', folder, '--out', out)).toMatchObject({ status: 0 });
      const read = (directory: string) => readFileSync(path.join(directory, 'adapter_config.json'), 'utf8');
      expect(read(out)).toBe(read(folder).replace(kept, written));
    }
  });

  it('copies byte for byte what is no pair', async () => {
    const extra: [string, TensorData][] = [
      ['base_model.model.q.lora_magnitude_vector', { dtype: 'BF16', shape: [12], data: Float32Array.from({ length: 12 }, (_, i) => i) }],
      ['base_model.model.head.weight', { dtype: 'F8_E4M3', shape: [3], data: Uint8Array.of(1, 2, 255) }],
      ['base_model.model.q.lora_B.bias', { dtype: 'F32', shape: [2], data: Float32Array.of(Number.NaN, 1) }],
    ];
    const folder = await writeAdapter([extra[0], ...pairTensors('q', 6), ...extra.slice(1)]);
    const out = fresh();
    await runCli('balance', folder, '--out', out);
    const [before, after] = await Promise.all(
      [folder, out].map((directory) => openSafetensors(path.join(directory, 'adapter_model.safetensors'))),
    );
    expect([...after.entries.keys()]).toEqual([...before.entries.keys()]);
    expect(after.metadata).toEqual(before.metadata);
    for (const [name] of extra) {
      expect(after.entries.get(name)?.dtype).toBe(before.entries.get(name)?.dtype);
      expect(await after.readBytes(name)).toEqual(await before.readBytes(name));
    }
    await Promise.all([before.close(), after.close()]);
    const config = (directory: string) => readFileSync(path.join(directory, 'adapter_config.json'));
    expect(config(out)).toEqual(config(folder));
  });
});

describe('adapters that are not supported or malformed', () => {
  const weight = (shape: readonly number[]): TensorData => ({
    dtype: 'F32',
    shape,
    data: new Float32Array(shape.reduce((a, b) => a * b)).fill(1),
  });
  it.each([
    ['half an embedding', [['e.lora_embedding_A', weight([3, 5])]], /'e\.lora_embedding_A' has no lora_embedding_B beside it/],
    [
      'a convolution',
      [
        ['c.lora_A.weight', weight([2, 3, 3, 3])],
        ['c.lora_B.weight', weight([4, 2, 1, 1])],
      ],
      /'c\.lora_A\.weight' of shape \[2,3,3,3\] adapts a convolution/,
    ],
    ['half a pair', [['q.lora_A.weight', weight([2, 5])]], /has no lora_B\.weight beside it/],
    ['the other half', [['q.lora_B.weight', weight([5, 2])]], /has no lora_A\.weight beside it/],
    [
      'factors that do not fit',
      [
        ['q.lora_A.weight', weight([2, 5])],
        ['q.lora_B.weight', weight([4, 3])],
      ],
      /of 'q' do not fit/,
    ],
    ['no pair', [['q.weight', weight([6, 5])]], /has no lora_A and lora_B/],
    [
      'entries that are not finite',
      [
        ['q.lora_A.weight', weight([1, 5])],
        ['q.lora_B.weight', { dtype: 'F32', shape: [3, 1], data: Float32Array.of(1, Number.NaN, 0) }],
      ],
      /entries that are not finite/,
    ],
  ] as [string, [string, TensorData][], RegExp][])('%s', async (_, tensors, message) => {
    const folder = await writeAdapter(tensors);
    const out = fresh();
    for (const argv of [
      ['inspect', folder],
      ['balance', folder, '--out', out],
    ]) {
      const { status, stderr, stdout } = await runCli(...argv);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toMatch(message);
      expect(stderr).not.toContain('    at ');
    }
    expect(() => readdirSync(out)).toThrow();
  });

  it.each([
    ['another kind of adapter', { peft_type: 'IA3' }, 2, /peft_type "IA3"/],
    ['an α that is none', { lora_alpha: 'big' }, 1, /lora_alpha of 'q' must be a positive number/],
    ['a rank that is another', { r: 2 }, 1, /says rank 2 for 'q', its tensors have rank 3/],
    [
      'a pattern that is none',
      { alpha_pattern: { '(': 3 } },
      2,
      /alpha_pattern must be regular expressions of Python's re, got "\(", which has a \( without its \)/,
    ],
  ])('%s', async (_, config, status, message) => {
    const outcome = await runCli('inspect', await writeAdapter(pairTensors('q', 1), config));
    expect(outcome).toMatchObject({ status, stderr: expect.stringMatching(message) });
  });

  it('nothing there, an adapter where one is to be written, no --out', async () => {
    const folder = await writeAdapter(pairTensors('q', 1));
    expect(await runCli('inspect', fresh())).toMatchObject({ status: 2, stderr: expect.stringContaining('found neither') });
    expect(await runCli('balance', folder, '--out', folder)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('expected a folder without an adapter'),
    });
    expect(await runCli('balance', folder)).toMatchObject({ status: 2, stderr: expect.stringContaining('--out DIR is missing') });
    rmSync(path.join(folder, 'adapter_model.safetensors'));
    expect(await runCli('inspect', folder)).toMatchObject({ status: 2, stderr: expect.stringContaining('safe_serialization') });
  });
});
