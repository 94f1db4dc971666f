/**
 * The balanced projection of all 252 adapters of Qwen2.5-3B in float32, on every backend that is there, beside
 * PyTorch's three SVDs a module, in one run.
 *
 *     npm run bench:projection -- [--rounds 3] [--ranks 8,16,64,128] [--layers 36] [--backends host,wasm,…] [--json FILE]
 *
 * BURES_PEER_PYTHON names a Python with PyTorch; without it only our own times are printed. Each contestant is a
 * process of its own; one works at a time, and threads sleep in between. Shapes come one after another. Times run from
 * the caller's float32 arrays to the same arrays (`balanceStored`; PyTorch writes into tensors that are there as well).
 * Let nothing else run meanwhile.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { seededRandom } from '../src/core/random.js';
import { hostAlgebra } from '../src/linalg/host/host-algebra.js';
import { type ProjectionErrors, projectionErrors } from './cases.js';
import { median } from './measure.js';
import { readOptions } from './options.js';
import { type AdapterGroup, adapterGroups, type ProjectionTask, projectionInputs, QWEN_LAYERS, TABLE_LENGTH } from './projection-cases.js';
import { ProjectionProcess } from './projection-process.js';
import { markdownTable } from './report.js';

/** At least this many times PyTorch's speed, whichever number of threads suits PyTorch best. */
const GOAL = 4;
/** Rows of the product that its error is measured on. */
const SAMPLED_ROWS = 512;
const MOST_WARM_UPS = 12;
const WARM_UP_SECONDS = 0.5;
const PEERS = ['torch', 'torch, 1 thread'];
/** What `tensorAlgebra({ backend: 'auto' })` takes without a GPU, where a BLAS library is found. */
const JUDGED = 'wasm + BLAS';
const BACKENDS = 'host,wasm,wasm-plain,tensorflow,webgpu';

const options = readOptions(
  'npm run bench:projection',
  {
    before: 'The balanced projection of the adapters of Qwen2.5-3B on every backend, beside PyTorch, in one run.',
    after: 'BURES_PEER_PYTHON names a Python with PyTorch; without it only our own times are measured.',
  },
  {
    rounds: { value: 'N', help: 'measurements of each contestant (default 3)', fallback: '3' },
    ranks: { value: 'LIST', help: 'ranks of the adapters (default 8,16,64,128)', fallback: '8,16,64,128' },
    layers: { value: 'N', help: `layers of the model, seven adapters each (default ${QWEN_LAYERS})`, fallback: String(QWEN_LAYERS) },
    backends: { value: 'LIST', help: `of ${BACKENDS} (default all)`, fallback: BACKENDS },
    json: { value: 'FILE', help: 'write the times there too', fallback: '' },
  },
);

/** Sums over the groups, by round; and the worst of the errors. */
interface Score {
  readonly seconds: number[];
  readonly computing: number[];
  readonly processor: number[];
  peakMemory: number;
  product: number;
  imbalance: number;
}

const folder = await mkdtemp(path.join(tmpdir(), 'bures-projection-'));
const contestants: ProjectionProcess[] = [];
try {
  await main();
} finally {
  for (const contestant of contestants) contestant.stop();
  await rm(folder, { recursive: true });
}

async function main(): Promise<void> {
  const random = seededRandom(20);
  const table = Float32Array.from({ length: TABLE_LENGTH }, () => random.normal());
  await writeFile(path.join(folder, 'table'), table);
  print([
    `- processor: ${cpus()[0].model}, ${cpus().length} cores; load over the last minute ${loadavg()[0].toFixed(2)}; Node ${process.version}`,
  ]);
  await enter(path.join(folder, 'table'));

  const all: { rank: number; scores: Record<string, Score> }[] = [];
  for (const rank of options.ranks.split(',').map(Number)) {
    const scores = new Map(contestants.map(({ name }) => [name, emptyScore()]));
    for (const group of adapterGroups) await compareGroup(table, group, rank, scores);
    all.push({ rank, scores: Object.fromEntries(scores) });
    print(report(rank, scores));
  }
  if (options.json !== '') await writeFile(options.json, `${JSON.stringify({ load: loadavg(), results: all }, undefined, 2)}\n`);
}

/** Starts everybody who can take part, and says why others cannot. */
async function enter(table: string): Promise<void> {
  const ours: Readonly<Record<string, () => ProjectionProcess>> = {
    host: () => ProjectionProcess.ours('host + BLAS, float64', 'host', table),
    wasm: () => ProjectionProcess.ours('wasm + BLAS', 'wasm', table),
    'wasm-plain': () => ProjectionProcess.ours('wasm', 'wasm', table, { BURES_BLAS: 'off' }),
    tensorflow: () => ProjectionProcess.ours('tensorflow', 'tensorflow', table),
    webgpu: () => ProjectionProcess.ours('webgpu', 'webgpu', table),
  };
  const asked = options.backends.split(',').map((name) => ours[name]?.());
  const peers = PEERS.map((name, index) => ProjectionProcess.peer(name, index, table));
  if (peers[0] === undefined) print(['- PyTorch: not measured, BURES_PEER_PYTHON names no Python']);
  for (const entrant of [...asked, ...peers]) {
    if (entrant === undefined) continue;
    const { description, reason } = await entrant.about();
    print([`- ${entrant.name}: ${description ?? `not measured: ${reason}`}`]);
    if (reason === undefined) contestants.push(entrant);
    else entrant.stop();
  }
}

async function compareGroup(
  table: Float32Array,
  { modules, m, n }: AdapterGroup,
  rank: number,
  scores: ReadonlyMap<string, Score>,
): Promise<void> {
  const task: ProjectionTask = { m, n, rank, members: modules.length * Number(options.layers) };
  for (const contestant of contestants) {
    await contestant.prepare(task);
    // Compiles the code and maps the memory: short tasks need several runs until V8 has optimized them.
    for (let run = 0, spent = 0; run < MOST_WARM_UPS && spent < WARM_UP_SECONDS; run++) spent += (await contestant.run()).seconds;
  }
  for (let round = 0; round < Number(options.rounds); round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const contestant = contestants[(round + turn) % contestants.length];
      const { seconds, computing, processor, peakMemory } = await contestant.run();
      const score = scores.get(contestant.name) ?? emptyScore();
      score.seconds[round] = (score.seconds[round] ?? 0) + seconds;
      score.computing[round] = (score.computing[round] ?? 0) + computing;
      score.processor[round] = (score.processor[round] ?? 0) + processor;
      score.peakMemory = Math.max(score.peakMemory, peakMemory);
    }
  }
  for (const contestant of contestants) {
    const { product, imbalance } = await errorsOf(contestant, table, task);
    const score = scores.get(contestant.name) ?? emptyScore();
    score.product = Math.max(score.product, product);
    score.imbalance = Math.max(score.imbalance, imbalance);
  }
}

/** Errors of the first member, judged in float64. */
async function errorsOf(contestant: ProjectionProcess, table: Float32Array, task: ProjectionTask): Promise<ProjectionErrors> {
  const la = hostAlgebra();
  const { m, n, rank } = task;
  const files = [path.join(folder, 'A'), path.join(folder, 'B')] as const;
  await contestant.results(files);
  const [A, B] = await Promise.all(files.map(async (file) => new Float32Array(new Uint8Array(await readFile(file)).buffer)));
  const before = projectionInputs(table, { ...task, members: 1 });
  const rows = Math.min(m, SAMPLED_ROWS);
  const topRows = (values: Float32Array) => la.fromArray(values.subarray(0, rows * rank), [rows, rank]);
  const right = (values: Float32Array) => la.fromArray(values, [rank, n]);
  const { product } = projectionErrors(la, [topRows(before.A), right(before.B)], [topRows(A), right(B)]);
  const [left, other] = [la.fromArray(A, [m, rank]), right(B)];
  const gramA = la.matmul(left, left, { transposeA: true });
  const gramB = la.matmul(other, other, { transposeB: true });
  return { product, imbalance: la.norm(la.subtract(gramA, gramB)) / la.norm(gramA) };
}

function report(rank: number, scores: ReadonlyMap<string, Score>): readonly string[] {
  const peers = PEERS.flatMap((name) => scores.get(name) ?? []);
  const ratio = (score: Score, ours: Measure, theirs: Measure): string =>
    peers.length === 0 ? '–' : `${speedup(score[ours], peers, theirs).toFixed(2)}×`;
  const rows = [...scores].map(([name, score]) => [
    name,
    median(score.seconds).toFixed(3),
    ratio(score, 'seconds', 'seconds'),
    median(score.computing).toFixed(3),
    ratio(score, 'computing', 'computing'),
    median(score.processor).toFixed(3),
    ratio(score, 'processor', 'processor'),
    score.product.toExponential(1),
    score.imbalance.toExponential(1),
    (score.peakMemory / 2 ** 20).toFixed(0),
  ]);
  const against = 'PyTorch’s best';
  const header = [
    `r = ${rank}, ${7 * Number(options.layers)} adapters`,
    's, with transfers',
    against,
    's, on the engine',
    against,
    'processor s',
    against,
    'product error',
    'imbalance',
    'peak MB',
  ];
  return [...markdownTable(header, rows), '', ...verdicts(rank, scores, peers)];
}

type Measure = 'seconds' | 'computing' | 'processor';

function verdicts(rank: number, scores: ReadonlyMap<string, Score>, peers: readonly Score[]): readonly string[] {
  const score = scores.get(JUDGED);
  if (score === undefined || peers.length === 0) return [];
  return (['seconds', 'computing'] as const).map((measure) => {
    const reached = speedup(score[measure], peers, measure);
    const from = measure === 'seconds' ? 'in the caller’s own arrays' : 'from and to arrays of the engine';
    return `- r = ${rank}: ${JUDGED}, ${from}, ≥ ${GOAL} × PyTorch: ${reached.toFixed(2)}: ${reached >= GOAL ? 'reached' : '**missed**'}`;
  });
}

/** The median over the rounds of the ratio within a round, against the quicker of the peer's ways in that round. */
function speedup(ours: readonly number[], peers: readonly Score[], measure: Measure): number {
  return median(ours.map((seconds, round) => Math.min(...peers.map((peer) => peer[measure][round])) / seconds));
}

function emptyScore(): Score {
  return { seconds: [], computing: [], processor: [], peakMemory: 0, product: 0, imbalance: 0 };
}

function print(lines: readonly string[]): void {
  console.log(`${lines.join('\n')}\n`);
}
