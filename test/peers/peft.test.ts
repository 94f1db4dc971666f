/**
 * Adapters exchanged with PEFT: saved there and loaded here, and the other way round, they give the same logits. Runs
 * where BURES_PEER_PYTHON names a Python with PyTorch, transformers and PEFT; listed as skipped elsewhere.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorAlgebra } from '../../src/linalg/tensor/index.js';
import {
  createAdapter,
  dora,
  galore,
  type LoraConfig,
  loadAdapter,
  lora,
  loraMethods,
  olora,
  pissa,
  rslora,
  saveAdapter,
  trainer,
} from '../../src/lora/index.js';
import { type CausalLM, loadCausalLM, type TokenBatch } from '../../src/models/index.js';

const python = process.env.BURES_PEER_PYTHON || undefined;
const scratch = mkdtempSync(path.join(tmpdir(), 'bures-peft-peer-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const bases = { qwen2: path.resolve(import.meta.dirname, '../fixtures/models/tiny-qwen2'), gpt2: path.join(scratch, 'gpt2') };
type Base = keyof typeof bases;

/** Two rows of tokens. */
const ids = [
  [263, 262, 329, 21, 266, 274, 309, 33],
  [5, 6, 7, 8, 9, 10, 11, 12],
];
const batch: TokenBatch = { batch: 2, length: 8, inputIds: Int32Array.from(ids.flat()), labels: Int32Array.from(ids.flat()) };

/** Configurations as PEFT names them, and the same in this library's names. */
const cases: readonly (readonly [string, Base, Readonly<Record<string, unknown>>, LoraConfig])[] = [
  ['plain', 'qwen2', { target_modules: ['q_proj', 'down_proj'] }, { targetModules: ['q_proj', 'down_proj'] }],
  [
    'rank-stabilized, with patterns',
    'qwen2',
    {
      target_modules: 'all-linear',
      use_rslora: true,
      rank_pattern: { 'layers.1.*q_proj': 6, mlp: 3, up_proj: 2 },
      alpha_pattern: { '^model.layers.0.*': 5 },
    },
    {
      targetModules: 'all-linear',
      method: rslora(),
      rankPattern: { 'layers.1.*q_proj': 6, up_proj: 2 },
      alphaPattern: { '^model.layers.0.*': 5 },
    },
  ],
  [
    'with magnitudes',
    'qwen2',
    { target_modules: ['v_proj', 'up_proj'], use_dora: true },
    { targetModules: ['v_proj', 'up_proj'], method: dora() },
  ],
  [
    'with all biases, norms and a head',
    'qwen2',
    { target_modules: ['q_proj', 'gate_proj'], bias: 'all', modules_to_save: ['norm', 'lm_head'] },
    { targetModules: ['q_proj', 'gate_proj'], bias: 'all', modulesToSave: ['norm', 'lm_head'] },
  ],
  [
    'with their own biases',
    'qwen2',
    { target_modules: ['k_proj', 'o_proj'], bias: 'lora_only' },
    { targetModules: ['k_proj', 'o_proj'], bias: 'lora_only' },
  ],
  [
    'PiSSA',
    'qwen2',
    { target_modules: ['q_proj', 'up_proj'], init_lora_weights: 'pissa' },
    { targetModules: ['q_proj', 'up_proj'], method: pissa() },
  ],
  [
    'OLoRA with magnitudes',
    'qwen2',
    { target_modules: ['v_proj', 'down_proj'], init_lora_weights: 'olora', use_dora: true },
    { targetModules: ['v_proj', 'down_proj'], method: { ...olora(), magnitudes: true } },
  ],
  ['Conv1D', 'gpt2', { target_modules: 'all-linear', fan_in_fan_out: true }, { targetModules: 'all-linear' }],
  [
    'Conv1D with magnitudes and biases',
    'gpt2',
    { target_modules: ['c_attn', 'mlp.c_proj'], fan_in_fan_out: true, use_dora: true, bias: 'all', modules_to_save: ['wpe'] },
    { targetModules: ['c_attn', 'mlp.c_proj'], method: dora(), bias: 'all', modulesToSave: ['wpe'] },
  ],
  [
    'Conv1D, PiSSA',
    'gpt2',
    { target_modules: ['c_fc'], fan_in_fan_out: true, init_lora_weights: 'pissa' },
    { targetModules: ['c_fc'], method: pissa() },
  ],
];

/** PEFT in one process, asked a line at a time: most of the time is PyTorch's start. */
class Peer {
  readonly #child = spawn(python ?? '', [path.join(import.meta.dirname, 'peft_peer.py')], { stdio: ['pipe', 'pipe', 'pipe'] });
  readonly #lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  #errors = '';

  constructor() {
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-2000);
    });
  }

  async ask(request: Readonly<Record<string, unknown>>): Promise<number[][]> {
    this.#child.stdin.write(`${JSON.stringify({ ...request, ids })}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`peft_peer.py ended: ${this.#errors}`);
    return JSON.parse(value as string) as number[][];
  }

  end(): void {
    this.#child.stdin.end();
  }
}

describe.skipIf(python === undefined)('PEFT', async () => {
  const la = await tensorAlgebra({ backend: 'wasm' });
  const models = new Map<Base, CausalLM>();
  let peer: Peer;
  let theirs: number[][] = [];
  const folder = (side: string, i: number): string => path.join(scratch, `${side}-${i}`);
  const modelOf = (base: Base): CausalLM => models.get(base) as CausalLM;

  beforeAll(async () => {
    peer = new Peer();
    theirs = await peer.ask({
      gpt2: bases.gpt2,
      make: cases.map(([, base, config], i) => ({
        base: bases[base],
        config: { r: 4, lora_alpha: 8, ...config },
        out: folder('theirs', i),
      })),
    });
    for (const base of ['qwen2', 'gpt2'] as const) models.set(base, await loadCausalLM(bases[base], { algebra: la }));
  });
  afterAll(() => {
    peer.end();
    for (const model of models.values()) model.dispose();
  });

  it.each(cases.map(([name], i) => [name, i] as const))('saved there, loaded here: %s', async (_, i) => {
    const model = modelOf(cases[i][1]);
    const adapter = await loadAdapter(model, folder('theirs', i));
    const ours = la.tidy(() => model.logits(batch, { overlay: adapter.overlay() }).dataSync());
    adapter.dispose();
    expect(ours).toBeAllClose(theirs[i], 1e-4);
  });

  it('saved here, loaded there', async () => {
    const ours: Float32Array[] = [];
    for (const [i, [, base, , config]] of cases.entries()) {
      const model = modelOf(base);
      const adapter = await createAdapter(model, { rank: 4, alpha: 8, ...config }, { seed: i });
      for await (const _step of trainer(adapter, { method: lora(), nextBatch: () => batch, steps: 3, learningRate: 0.02 }));
      ours.push(la.tidy(() => Float32Array.from(model.logits(batch, { overlay: adapter.overlay() }).dataSync())));
      await saveAdapter(adapter, folder('ours', i));
      adapter.dispose();
    }
    const loaded = await peer.ask({ load: cases.map(([, base], i) => ({ base: bases[base], adapter: folder('ours', i) })) });
    for (const [i, [name]] of cases.entries()) expect(loaded[i], name).toBeAllClose(ours[i], 1e-4);
  });

  it('weights trained themselves, saved here as an adapter of a rank, loaded there', async () => {
    const ours: Float32Array[] = [];
    const made = [
      ['qwen2', { targetModules: 'all-linear', bias: 'lora_only' }],
      ['gpt2', { targetModules: 'all-linear', rankPattern: { c_fc: 3 } }],
    ] as const;
    for (const [i, [base, config]] of made.entries()) {
      const model = modelOf(base);
      const adapter = await createAdapter(model, { method: galore(), rank: 4, ...config });
      for await (const _step of trainer(adapter, { nextBatch: () => batch, steps: 3, learningRate: 0.01 }));
      ours.push(la.tidy(() => Float32Array.from(model.logits(batch, { overlay: adapter.overlay() }).dataSync())));
      // One subspace only, so that the rank leaves nothing out.
      expect((await saveAdapter(adapter, folder('weights', i))).truncation?.error).toBeLessThan(1e-4);
      adapter.dispose();
    }
    const loaded = await peer.ask({ load: made.map(([base], i) => ({ base: bases[base], adapter: folder('weights', i) })) });
    for (const [i, [base]] of made.entries()) expect(loaded[i], base).toBeAllClose(ours[i], 1e-4);
  });
  it.each(['qwen2', 'gpt2'] as const)(
    '%s: saved here after training by each method, with its own α and start, loaded there',
    async (base) => {
      const entries = Object.entries(loraMethods).map(([name, make]) => ({
        name,
        method: make(),
        adapter: path.join(scratch, `method-${name}-${base}`),
      }));
      const model = modelOf(base);
      const before = la.tidy(() => Float32Array.from(model.logits(batch).dataSync()));
      const batches = Array.from({ length: 8 }, () => batch);
      const ours: Float32Array[] = [];
      for (const { method, adapter: out } of entries) {
        const adapter = await createAdapter(model, { method, rank: 4 }, { seed: 1, batches });
        const run = trainer(adapter, { nextBatch: () => batch, steps: 3, learningRate: 2e-3 });
        for await (const _step of run);
        const trained = la.tidy(() => Float32Array.from(model.logits(batch, { overlay: adapter.overlay() }).dataSync()));
        // Far beyond the tolerance, so that an adapter that PEFT does not see would be noticed.
        expect(Math.max(...trained.map((logit, i) => Math.abs(logit - before[i])))).toBeGreaterThan(0.01);
        await saveAdapter(adapter, out);
        run.dispose();
        adapter.dispose();
        ours.push(trained);
      }
      const loaded = await peer.ask({ load: entries.map(({ adapter }) => ({ base: bases[base], adapter })) });
      for (const [i, { name }] of entries.entries()) expect(loaded[i], name).toBeAllClose(ours[i], 1e-4);
    },
  );
});
