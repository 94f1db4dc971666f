/**
 * Adapters combined and resized on the shapes of Qwen2.5-3B, from folder to folder, beside PEFT, which multiplies ΔW
 * out for its SVD.
 *
 *     npm run bench:combine -- [--layers 1] [--rank 16] [--rounds 1] [--kinds cat,svd,convert]
 *
 * BURES_PEER_PYTHON names a Python with PEFT; without it only our own times are printed. PEFT takes minutes a layer.
 * Times run from opening the adapters to the files of the new one; PEFT's layers are made before. Let nothing else run
 * meanwhile.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { seededRandom } from '../src/core/random.js';
import { openSafetensors, type TensorData, writeSafetensors } from '../src/io/index.js';
import { hostAlgebra } from '../src/linalg/host/host-algebra.js';
import { combineAdapters, openAdapter, resizeAdapter } from '../src/lora/index.js';
import { LineProcess } from './line-process.js';
import { median } from './measure.js';
import { readOptions } from './options.js';
import { adapterGroups, projectionInputs, QWEN_LAYERS, TABLE_LENGTH } from './projection-cases.js';
import { markdownTable } from './report.js';

/** At most this part of PEFT's time, for what PEFT computes by an SVD of ΔW. */
const GOAL = 10;
const WEIGHTS = [0.7, 0.3];
/** Rows of ΔW on which the two results are compared. */
const SAMPLED_ROWS = 256;

const kinds = {
  cat: 'the exact sum of two adapters (cat)',
  svd: 'their sum at the rank of one (svd)',
  convert: 'one adapter at half the rank (convert_to_lora)',
} as const;
type Kind = keyof typeof kinds;

const options = readOptions(
  'npm run bench:combine',
  {
    before: 'Adapters combined and resized on the shapes of Qwen2.5-3B, beside PEFT, from folder to folder.',
    after: 'BURES_PEER_PYTHON names a Python with PEFT; without it only our own times are measured.',
  },
  {
    layers: { value: 'N', help: `layers, of ${QWEN_LAYERS}, seven modules each (default 1)`, fallback: '1' },
    rank: { value: 'N', help: 'rank of each adapter (default 16)', fallback: '16' },
    rounds: { value: 'N', help: 'measurements of each contestant (default 1)', fallback: '1' },
    kinds: { value: 'LIST', help: `of ${Object.keys(kinds)} (default all)`, fallback: Object.keys(kinds).join() },
  },
);
const [layers, rank, rounds] = [options.layers, options.rank, options.rounds].map(Number);
const shapes = Object.fromEntries(adapterGroups.flatMap(({ modules, m, n }) => modules.map((name) => [`${name}_proj`, [m, n]] as const)));

const folder = await mkdtemp(path.join(tmpdir(), 'bures-combine-'));
const peer = LineProcess.python('PEFT', path.join(import.meta.dirname, 'peers/combine.py'), ['0']);
try {
  await main();
} finally {
  peer?.stop();
  await rm(folder, { recursive: true });
}

async function main(): Promise<void> {
  const adapters = [await writeAdapter('first', 0), await writeAdapter('second', 1)];
  print([
    `- processor: ${cpus()[0].model}, ${cpus().length} cores; load over the last minute ${loadavg()[0].toFixed(2)}; Node ${process.version}`,
  ]);
  const theirs = await enterPeer();
  const rows: string[][] = [];
  const verdicts: string[] = [];
  for (const kind of options.kinds.split(',').filter((name): name is Kind => name in kinds)) {
    // Compiles the code.
    await ours(kind, adapters, 'warm');
    const [own, other]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      own.push(await ours(kind, adapters, `${kind}-${round}`));
      if (theirs) other.push(await peft(theirs, kind, adapters, `peft-${kind}-${round}`));
    }
    const ratio = median(own.map((seconds, round) => (other[round] ?? Number.NaN) / seconds));
    const difference = theirs ? await largestDifference(path.join(folder, `${kind}-0`), await peftFolder(`peft-${kind}-0`)) : Number.NaN;
    const shown = (value: number, digits: (x: number) => string): string => (Number.isNaN(value) ? '–' : digits(value));
    rows.push([
      kinds[kind],
      median(own).toFixed(3),
      other.length === 0 ? '–' : median(other).toFixed(3),
      shown(ratio, (x) => `${x.toFixed(1)}×`),
      shown(difference, (x) => x.toExponential(1)),
    ]);
    if (theirs && kind !== 'cat')
      verdicts.push(`- ${kinds[kind]}, ≤ 1/${GOAL} of PEFT's time: ${ratio.toFixed(1)}×: ${ratio >= GOAL ? 'reached' : '**missed**'}`);
    if (theirs)
      verdicts.push(`- ${kinds[kind]}, ΔW to 1e-5: ${difference.toExponential(1)}: ${difference <= 1e-5 ? 'reached' : '**missed**'}`);
  }
  print([
    ...markdownTable([`r = ${rank}, ${7 * layers} modules`, 'bures, s', 'PEFT, s', 'PEFT / bures', 'largest difference of ΔW'], rows),
    '',
    ...verdicts,
  ]);
}

/** Writes an adapter as PEFT does, α = 2r. */
async function writeAdapter(name: string, seed: number): Promise<string> {
  const out = path.join(folder, name);
  const random = seededRandom(seed);
  const table = Float32Array.from({ length: TABLE_LENGTH }, () => random.normal());
  const tensors = new Map<string, TensorData>();
  for (const { modules, m, n } of adapterGroups) {
    const members = modules.length * layers;
    const { A, B } = projectionInputs(table, { m, n, rank, members });
    for (let member = 0; member < members; member++) {
      const key = `base_model.model.layers.${Math.floor(member / modules.length)}.${modules[member % modules.length]}_proj`;
      tensors.set(`${key}.lora_B.weight`, { dtype: 'F32', shape: [m, rank], data: A.subarray(member * m * rank, (member + 1) * m * rank) });
      tensors.set(`${key}.lora_A.weight`, { dtype: 'F32', shape: [rank, n], data: B.subarray(member * rank * n, (member + 1) * rank * n) });
    }
  }
  await mkdir(out);
  await writeSafetensors(path.join(out, 'adapter_model.safetensors'), tensors);
  const config = { peft_type: 'LORA', r: rank, lora_alpha: 2 * rank, target_modules: Object.keys(shapes), base_model_name_or_path: null };
  await writeFile(path.join(out, 'adapter_config.json'), JSON.stringify(config));
  return out;
}

/** Returns PEFT, if it takes part. */
async function enterPeer(): Promise<LineProcess | undefined> {
  if (peer === undefined) {
    print(['- PEFT: not measured, BURES_PEER_PYTHON names no Python']);
    return undefined;
  }
  const { description, reason } = (await peer.ask({ do: 'about' })) as { description?: string; reason?: string };
  print([`- ${description ?? `PEFT: not measured: ${reason}`}`]);
  if (reason !== undefined) return undefined;
  await peer.ask({ do: 'prepare', layers, shapes });
  return peer;
}

async function ours(kind: Kind, folders: readonly string[], name: string): Promise<number> {
  const start = performance.now();
  const adapters = await Promise.all((kind === 'convert' ? folders.slice(0, 1) : folders).map((one) => openAdapter(one)));
  const out = path.join(folder, name);
  if (kind === 'convert') await resizeAdapter(adapters[0], out, { rank: rank / 2 });
  else await combineAdapters(adapters, out, { weights: WEIGHTS, ...(kind === 'svd' ? { rank } : {}) });
  for (const adapter of adapters) await adapter.close();
  const seconds = (performance.now() - start) / 1000;
  if (name === 'warm') await rm(out, { recursive: true });
  return seconds;
}

async function peft(process: LineProcess, kind: Kind, adapters: readonly string[], name: string): Promise<number> {
  const task = { kind, adapters, weights: WEIGHTS, rank: kind === 'convert' ? rank / 2 : rank, out: path.join(folder, name) };
  await mkdir(task.out);
  return ((await process.ask({ do: 'run', ...task })) as { seconds: number }).seconds;
}

/** PEFT puts an adapter that is not the default one into a folder of its own name. */
async function peftFolder(name: string): Promise<string> {
  return name.startsWith('peft-convert') ? path.join(folder, name) : path.join(folder, name, 'combined');
}

/** The largest relative difference of ΔW over the modules, on some of their rows. */
async function largestDifference(own: string, other: string): Promise<number> {
  const la = hostAlgebra();
  const [ours, theirs] = [
    await openSafetensors(path.join(own, 'adapter_model.safetensors')),
    await openSafetensors(path.join(other, 'adapter_model.safetensors')),
  ];
  // α is the rank on both sides, but for the source's 2r, which resizing keeps.
  const scale = other.includes('peft-convert') ? 2 : 1;
  let most = 0;
  for (const name of ours.entries.keys()) {
    if (!name.endsWith('.lora_A.weight')) continue;
    const update = async (store: typeof ours, factor: number) => {
      const read = async (tensor: string, rows?: number) => {
        const shape = store.entries.get(tensor)?.shape ?? [];
        const array = la.fromArray(Float64Array.from((await store.read(tensor)) as Float32Array), shape);
        return rows === undefined ? array : la.slice(array, { rows: [0, Math.min(rows, shape[0])] });
      };
      return la.scale(factor, la.matmul(await read(name.replace('lora_A', 'lora_B'), SAMPLED_ROWS), await read(name)));
    };
    const [a, b] = [await update(ours, scale), await update(theirs, 1)];
    most = Math.max(most, la.norm(la.subtract(a, b)) / la.norm(b));
  }
  await ours.close();
  await theirs.close();
  return most;
}

function print(lines: readonly string[]): void {
  console.log(`${lines.join('\n')}\n`);
}
