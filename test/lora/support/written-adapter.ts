/** Adapters written file by file, with random factors: no model is needed. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type HostArray, hostAlgebra, seededRandom } from 'bures';
import { openSafetensors, type StoredDtype, type TensorData, writeSafetensors } from 'bures/io';
import { openAdapter } from 'bures/lora';

/** A pair to be drawn. */
export interface PairSpec {
  readonly m: number;
  readonly n: number;
  readonly rank: number;
  /** Default: F32. */
  readonly dtype?: StoredDtype;
  /** The columns of A fall from 1 to 1/grading. Default: 1. */
  readonly grading?: number;
  /** A is multiplied by this and B divided. Default: 1. */
  readonly imbalance?: number;
  /** The last columns of A that repeat the first one. Default: 0. */
  readonly repeated?: number;
}

/** The tensors of a pair under PEFT's names. */
export function pairTensors(module: string, seed: number, spec: PairSpec): readonly (readonly [string, TensorData])[] {
  const { m, n, rank, dtype = 'F32', grading = 1, imbalance = 1, repeated = 0 } = spec;
  const random = seededRandom(seed);
  const grade = (column: number): number => imbalance * grading ** -(column / Math.max(1, rank - 1));
  const draws = Array.from({ length: m }, () => Array.from({ length: rank }, () => random.normal()));
  const A = Float32Array.from({ length: m * rank }, (_, i) => {
    const [row, column] = [Math.floor(i / rank), i % rank];
    return grade(column) * draws[row][column >= rank - repeated ? 0 : column];
  });
  const B = Float32Array.from({ length: rank * n }, () => random.normal() / imbalance);
  return [
    [`base_model.model.${module}.lora_A.weight`, { dtype, shape: [rank, n], data: B }],
    [`base_model.model.${module}.lora_B.weight`, { dtype, shape: [m, rank], data: A }],
  ];
}

/** Writes an adapter with the keys that matter; α is twice r. */
export async function writtenAdapter(folder: string, modules: Readonly<Record<string, PairSpec>>, config: object = {}): Promise<string> {
  const entries = Object.entries(modules);
  const tensors = new Map(entries.flatMap(([module, spec], i) => pairTensors(module, spec.m * 1000 + spec.n * 10 + i, spec)));
  return writtenTensors(folder, tensors, {
    r: entries[0][1].rank,
    lora_alpha: 2 * entries[0][1].rank,
    rank_pattern: Object.fromEntries(entries.map(([module, { rank }]) => [`^${module.replaceAll('.', '\\.')}`, rank])),
    target_modules: entries.map(([module]) => module),
    ...config,
  });
}

/** Writes an adapter of given tensors. */
export async function writtenTensors(folder: string, tensors: ReadonlyMap<string, TensorData>, config: object): Promise<string> {
  mkdirSync(folder, { recursive: true });
  await writeSafetensors(path.join(folder, 'adapter_model.safetensors'), tensors);
  const own = { peft_type: 'LORA', task_type: 'CAUSAL_LM', base_model_name_or_path: 'owner/base' };
  writeFileSync(path.join(folder, 'adapter_config.json'), JSON.stringify({ ...own, ...config }));
  return folder;
}

/** ΔW = s·AB of every module, multiplied out in float64 from the files. */
export async function updatesOf(folder: string): Promise<ReadonlyMap<string, HostArray>> {
  const la = hostAlgebra();
  const adapter = await openAdapter(folder);
  const updates = new Map<string, HostArray>();
  for (const module of adapter.modules) {
    const { A, B, scale } = await adapter.pair(module);
    updates.set(module, la.scale(scale, la.matmul(A, B)));
  }
  await adapter.close();
  return updates;
}

/** The number formats of a folder's tensors by name. */
export async function dtypesOf(folder: string): Promise<Readonly<Record<string, StoredDtype>>> {
  const store = await openSafetensors(path.join(folder, 'adapter_model.safetensors'));
  await store.close();
  return Object.fromEntries([...store.entries].map(([name, { dtype }]) => [name, dtype]));
}
